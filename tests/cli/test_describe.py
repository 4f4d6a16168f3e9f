"""`describe`: what was sent, when, what came back, and what a person needs to end a hold."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.core.model import (
    Cancel,
    CancelCause,
    JobId,
    JobStatus,
    Name,
    OnUnknown,
    Pause,
    Policies,
    RunKey,
    Task,
    WorkflowId,
)
from reconciler.core.outcome import Created
from reconciler.core.plan import Claim
from reconciler.core.reason import Reason
from reconciler.core.sighting import Presence, Sighting
from tests.cli.holds import CREATED_MS, held, unknown
from tests.cli.lasting import left_behind
from tests.cli.started import Command
from tests.core.builders import manifest
from tests.engine.stage import SLOW, Stage, now_ms


@pytest.fixture
def known(tmp_path: Path, command: Command) -> Command:
    left_behind(tmp_path, lambda stage: held(stage, 7, 8))
    return command


def test_a_person_sees_exactly_what_was_sent_and_what_came_back(known: Command) -> None:
    ended = known("describe", "a")
    assert ended.status == 0
    assert f"POST api-open/v1/workflows/{SLOW}/jobs" in ended.out
    assert '{"input":{"query_1":{"name":"x"}}}' in ended.out
    assert "ab" * 16 in ended.out
    assert "Unclear: HTTP 502 without a code of Explorer's" in ended.out


def test_a_person_sees_the_candidates_and_how_to_end_the_hold(known: Command) -> None:
    shown = known("describe", "a").out
    assert "Candidates, jobs above 0 that no run has:" in shown
    assert "job\\u001b[2J 7" in shown
    assert "2025-11-24T16:00:00.000Z" in shown
    assert "reconciler resolve a --generation 1 --adopt ID, or --not-created" in shown


def test_a_program_reads_the_same(known: Command) -> None:
    found = known("describe", "a", "-o", "json").json
    assert found["item"]["state"] == "Held"
    [run] = found["runs"]
    assert run["body"] == '{"input":{"query_1":{"name":"x"}}}'
    assert [it["jobId"] for it in run["candidates"]] == ["7", "8"]
    assert run["candidates"][0]["status"] == "Running"
    assert run["requests"][0]["traceId"] == "ab" * 16
    assert run["requests"][0]["outcome"] == "Unclear"
    assert [event["event"] for event in found["events"]][-2:] == ["Unknown", "Held"]


def test_what_is_looked_for_says_when_it_is_looked_at_next(tmp_path: Path, command: Command) -> None:
    left_behind(tmp_path, unknown)
    shown = command("describe", "a").out
    assert "0 times, next at about 20" in shown
    assert "none was seen" in shown


def test_a_job_and_its_request_are_shown(tmp_path: Path, command: Command) -> None:
    async def scene(stage: Stage) -> None:
        key = await stage.claimed("a", SLOW)
        begun = await stage.store.begin(key, "cd" * 16, now_ms())
        await stage.store.record(begun, Created(JobId(101)), now_ms(), 0.0, 60_000)

    left_behind(tmp_path, scene)
    shown = command("describe", "a").out
    assert "101 (Preparing)" in shown
    assert "Created: job 101" in shown


def test_a_manifest_without_a_run_is_described_too(tmp_path: Path, command: Command) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("a", suspend=True)
        await stage.parts.reconciler.reconcile()

    left_behind(tmp_path, scene)
    assert "Suspended" in command("describe", "a").out
    assert command("describe", "a", "-o", "json").json["runs"] == []


def test_a_restored_states_unknown_jobs_are_shown(tmp_path: Path, command: Command) -> None:
    async def scene(stage: Stage) -> None:
        stage.store._writer._connection.execute("INSERT INTO meta (key, value) VALUES ('quarantine', 'x')")
        stage.write("a", SLOW)
        await stage.parts.reconciler.reconcile()
        await stage.store.workflow_listed(SLOW, [7], now_ms())

    left_behind(tmp_path, scene)
    assert f"reconciler resolve --workflow {SLOW} --not-ours" in command("describe", "a").out
    assert command("describe", "a", "-o", "json").json["workflow"]["strangers"][0]["jobId"] == "7"


def test_a_name_that_nobody_knows_is_an_error(command: Command) -> None:
    ended = command("describe", "nobody")
    assert ended.status == 1
    assert ended.err.startswith("error: no manifest is known under nobody")


def test_old_runs_are_left_out_and_unknown_ones_are_not(tmp_path: Path, command: Command) -> None:
    async def scene(stage: Stage) -> None:
        await held(stage, 7)
        for number in range(8):
            key = await stage.claimed("a", SLOW, str(number))
            begun = await stage.store.begin(key, "cd" * 16, now_ms())
            await stage.store.record(begun, Created(JobId(101 + number)), now_ms(), 0.0, 60_000)
        assert (await stage.latest(Name("a"))).key.generation == 9

    left_behind(tmp_path, scene)
    runs = command("describe", "a", "-o", "json").json["runs"]
    assert [run["generation"] for run in runs] == [9, 8, 7, 6, 5, 1]


POLICIES = Policies(
    on_unknown=OnUnknown.HOLD, backoff_limit=2, active_deadline_s=60.0, depends_on=(Name("b"), Name("c"))
)


async def finished(stage: Stage) -> None:
    """A job of two tasks that has ended, of a manifest with labels, policies and something to wait for."""
    wanted = manifest("a", workflow=SLOW)
    key = RunKey(wanted.name, 1, 1)
    seen = Sighting(
        wanted.name, Presence.WANTED, "a.yaml", wanted.digest, WorkflowId(SLOW), "", None, now_ms()
    )
    seen = replace(seen, policies=POLICIES, labels={"team": "graph"})
    other = replace(seen, name=Name("b"), presence=Presence.SUSPENDED)
    await stage.store.workflow_listed(SLOW, [], now_ms())
    await stage.store.observe([seen, other], [Claim(wanted, key, Reason.FIRST)], [], now_ms())
    begun = await stage.store.begin(key, "cd" * 16, now_ms())
    await stage.store.record(begun, Created(JobId(101)), now_ms(), 0.0, 60_000)
    await stage.store.job_changed(key, JobStatus.SUCCESS, now_ms(), now_ms())
    tasks = [Task("query_1", "Que\x1b[2Jry", JobStatus.SUCCESS, CREATED_MS, CREATED_MS + 90_000)]
    await stage.store.tasks_seen(key, [*tasks, Task("query_2", "", None, None, None)], now_ms())


def test_labels_policies_and_what_it_waits_for_are_shown(tmp_path: Path, command: Command) -> None:
    left_behind(tmp_path, finished)
    lines = command("describe", "a").lines
    assert "Labels:     team=graph" in lines
    assert "Policies:   onUnknown hold, backoffLimit 2, activeDeadlineSeconds 60, dependsOn b c" in lines
    assert "Waits for:  b (Suspended), c (unknown)" in lines
    found = command("describe", "a", "-o", "json").json
    assert found["labels"] == {"team": "graph"}
    assert found["policies"] == {
        "onUnknown": "hold",
        "onChange": "submit",
        "onDelete": "orphan",
        "backoffLimit": 2,
        "activeDeadlineSeconds": 60.0,
        "dependsOn": ["b", "c"],
    }
    assert found["waitsFor"] == [{"name": "b", "state": "Suspended"}, {"name": "c", "state": None}]


def test_a_job_has_its_link_its_end_and_its_tasks(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_behind(tmp_path, finished)
    monkeypatch.setenv("RECONCILER_JOB_URL", "https://explorer/w/{workflow_id}/j/{job_id}")
    ended = command("describe", "a")
    assert "Run: generation 1, attempt 1: Succeeded" in ended.lines
    assert f"  Link:       https://explorer/w/{SLOW}/j/101" in ended.lines
    assert any(re.match(r"  Ended:      20\S+Z, \d+s after it was accepted", line) for line in ended.lines)
    [titles] = [at for at, line in enumerate(ended.lines) if line.split()[:1] == ["TASK"]]
    assert ended.lines[titles + 1].split() == [
        *("query_1", "Que\\u001b[2Jry", "Success", "2025-11-24T16:00:00.000Z", "90s")
    ]
    [run] = command("describe", "a", "-o", "json").json["runs"]
    assert run["jobUrl"] == f"https://explorer/w/{SLOW}/j/101"
    assert [task["id"] for task in run["tasks"]] == ["query_1", "query_2"]
    assert run["tasks"][1]["status"] is None


def test_a_job_that_is_stopped_says_why_and_what_came_back(tmp_path: Path, command: Command) -> None:
    async def scene(stage: Stage) -> None:
        key = await stage.claimed("a", SLOW)
        begun = await stage.store.begin(key, "cd" * 16, now_ms())
        await stage.store.record(begun, Created(JobId(101)), now_ms(), 0.0, 60_000)
        await stage.store.cancel(key, Cancel(CancelCause.OPERATOR, "anna: wrong input", now_ms()))
        await stage.store.cancel_answered(key, "HTTP 502", now_ms())
        await stage.store.job_missing(key, "gone", now_ms())

    left_behind(tmp_path, scene)
    shown = command("describe", "a").out
    assert "anna: wrong input; 1 request; last answer: HTTP 502" in shown
    assert "Explorer does not show it since 20" in shown


def test_on_a_terminal_every_line_fits(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_behind(tmp_path, lambda stage: held(stage, 7, 8, value="x" * 500))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    ended = command("describe", "a")
    assert max(map(len, ended.lines)) <= 80
    assert "ab" * 16 in ended.out


def test_older_runs_are_counted(tmp_path: Path, command: Command) -> None:
    async def scene(stage: Stage) -> None:
        for number in range(7):
            key = await stage.claimed("a", SLOW, str(number))
            begun = await stage.store.begin(key, "cd" * 16, now_ms())
            await stage.store.record(begun, Created(JobId(101 + number)), now_ms(), 0.0, 60_000)

    left_behind(tmp_path, scene)
    assert "2 older runs not shown: reconciler history a" in command("describe", "a").lines


def test_a_pause_is_shown(tmp_path: Path, command: Command) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("a", suspend=True)
        await stage.parts.reconciler.reconcile()
        await stage.store.pause(Pause("anna", "a migration", now_ms()))

    left_behind(tmp_path, scene)
    assert "by anna: a migration; `reconciler resume` goes on" in command("describe", "a").out
