"""`describe`: what was sent, when, what came back, and what a person needs to end a hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.core.model import JobId, Name
from reconciler.core.outcome import Created
from tests.cli.holds import held, unknown
from tests.cli.lasting import left_behind
from tests.cli.started import Command
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
