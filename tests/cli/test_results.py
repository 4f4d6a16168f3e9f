"""`results`: the rows of a finished job's tasks, and why there are none."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.core.model import JobId, JobStatus
from reconciler.core.outcome import Created
from reconciler.sandbox.server import URL_FILE
from tests.cli.lasting import left_behind
from tests.cli.started import Command
from tests.engine.stage import QUICK, SLOW, Stage, now_ms, play, play_closed
from tests.walk.other_explorer import HTML, OtherExplorer

ROWS = {"query_1": [["player101", "Tony Parker"], ["player125", "Manu, \x1b[2J"]], "query_2": []}
TWO_TASKS = b'{"input":{"query_1":{"a":1},"query_2":{"b":2}}}'


async def with_job(stage: Stage, name: str, job_id: int, status: JobStatus = JobStatus.SUCCESS) -> None:
    """A run of this name whose job has come to this status."""
    key = await stage.claimed(name, SLOW)
    begun = await stage.store.begin(key, "ab" * 16, now_ms())
    await stage.store.record(begun, Created(JobId(job_id)), now_ms(), 0.0, 60_000)
    if status.is_final:
        await stage.store.job_changed(key, status, now_ms(), now_ms())


@pytest.fixture
def explorer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OtherExplorer]:
    """A server whose job 5000 has two tasks, and a state in which that job, and some others, are known."""
    (tmp_path / "password").write_text("nebula-password")
    with OtherExplorer(job_s=0.0, rows=ROWS, tasks_of=lambda job: dict.fromkeys(job.input, "Task")) as server:
        server.add_job(SLOW, TWO_TASKS)
        server.add_job(SLOW, b'{"input":{"query_1":{}}}')
        for name, value in {
            "EXPLORER_URL": server.url,
            "USERNAME": "root",
            "PASSWORD_FILE": str(tmp_path / "password"),
            "GRAPHD_ADDRESS": "graphd:9669",
        }.items():
            monkeypatch.setenv(f"RECONCILER_{name}", value)
        yield server


@pytest.fixture
def known(tmp_path: Path, command: Command, explorer: OtherExplorer) -> Command:
    async def scene(stage: Stage) -> None:
        await with_job(stage, "a", 5000)
        await with_job(stage, "one", 5001)
        await with_job(stage, "runs", 6000, JobStatus.RUNNING)
        await with_job(stage, "gone", 7000)
        stage.write("later", suspend=True)
        await stage.parts.reconciler.reconcile()

    left_behind(tmp_path, scene)
    return command


def test_each_task_is_a_table(known: Command) -> None:
    ended = known("results", "a")
    assert ended.status == 0
    assert ended.lines == [
        "query_1 (Task): Success, 2 rows",
        "  1          2",
        "  player101  Tony Parker",
        "  player125  Manu, \\u001b[2J",
        "",
        "query_2 (Task): Success, no rows",
    ]


def test_programs_get_json(known: Command) -> None:
    found = known("results", "a", "-o", "json").json
    assert [found[key] for key in ("name", "generation", "attempt", "jobId", "jobStatus")] == [
        *("a", 1, 1, "5000", "Success")
    ]
    assert found["tasks"] == [
        {"id": "query_1", "name": "Task", "status": "Success", "rows": ROWS["query_1"]},
        {"id": "query_2", "name": "Task", "status": "Success", "rows": []},
    ]


def test_one_tasks_rows_are_csv(known: Command, explorer: OtherExplorer) -> None:
    out = known("results", "a", "--task", "query_1", "-o", "csv").out
    assert list(csv.reader(out.splitlines())) == ROWS["query_1"]
    assert known("results", "one", "-o", "csv").out == out
    assert [seen.path.split("/")[-1] for seen in explorer.requests].count("sample_result") == 2


def test_on_a_terminal_csv_steers_nothing(known: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert "\x1b" not in known("results", "one", "-o", "csv").out


def test_several_tasks_are_no_csv(known: Command) -> None:
    ended = known("results", "a", "-o", "csv")
    assert (ended.status, ended.out) == (1, "")
    assert ended.err == "error: job 5000 has several tasks (query_1, query_2); choose one by --task\n"


def test_a_limit_is_asked_for_and_kept(known: Command, explorer: OtherExplorer) -> None:
    assert known("results", "one", "--limit", "1").lines[0] == "query_1 (Task): Success, 1 row"
    assert known("results", "one", "--limit", "0").status == 64


def test_a_task_that_is_not_there_is_an_error_with_the_nearest(known: Command) -> None:
    ended = known("results", "a", "--task", "query_3")
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.startswith("error: job 5000 has no task query_3; the nearest is query_")
    assert "its tasks are query_1, query_2" in known("results", "a", "--task", "zzz").err


def test_a_name_that_nobody_knows_names_the_nearest(known: Command) -> None:
    ended = known("results", "run")
    assert (ended.status, ended.out) == (1, "")
    assert "no manifest is known under run; the nearest is runs." in ended.err


def test_a_job_that_runs_has_no_results_yet(known: Command) -> None:
    ended = known("results", "runs")
    assert ended.status == 1
    assert "job 6000 of runs has not ended: it is Preparing. `reconciler get runs --watch`" in ended.err


def test_a_manifest_without_a_job_has_no_results(known: Command) -> None:
    ended = known("results", "later")
    assert ended.status == 1
    assert "later has no job yet: it is Suspended. `reconciler explain later` says why" in ended.err


def test_a_job_that_explorer_does_not_know_is_told(known: Command) -> None:
    ended = known("results", "gone")
    assert ended.status == 1
    assert "50004001" in ended.err


def test_an_explorer_out_of_reach_has_a_status_of_its_own(
    known: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_EXPLORER_URL", "http://127.0.0.1:1")
    ended = known("results", "a")
    assert ended.status == 69
    assert ended.err.startswith("error: Explorer cannot be reached: ")


def test_an_answer_that_is_none_is_told(known: Command, explorer: OtherExplorer) -> None:
    explorer.instead_of_reading = lambda path, _: HTML if path.endswith("sample_result") else None
    ended = known("results", "a")
    assert (ended.status, ended.out) == (1, "")
    assert "HTTP 200 without a code of Explorer's" in ended.err


def test_a_lost_session_is_renewed(known: Command, explorer: OtherExplorer) -> None:
    assert known("results", "a").status == 0
    explorer.forget_sessions()
    assert known("results", "a").status == 0


def test_without_a_state_nothing_is_known(command: Command, explorer: OtherExplorer) -> None:
    assert "no manifest is known under a" in command("results", "a").err


def test_without_settings_for_explorer_they_are_asked_for(command: Command) -> None:
    ended = command("results", "a")
    assert ended.status == 78
    assert "RECONCILER_EXPLORER_URL" in ended.err


def in_the_sandbox(tmp_path: Path) -> Path:
    """A state of `run --sandbox` in which `a` has succeeded; gives the sandbox's directory."""
    directory = tmp_path / ".reconciler" / "sandbox"
    directory.mkdir(parents=True)

    async def scene(stage: Stage) -> None:
        async with stage.living():
            stage.write("a", QUICK)
            stage.parts.passes.hint(is_in_place=False)
            await stage.until_states(a="Succeeded")

    play_closed(directory, scene)
    return directory / "explorer"


def test_the_sandbox_is_asked_whether_it_runs_or_not(tmp_path: Path, command: Command) -> None:
    directory = in_the_sandbox(tmp_path)
    alone = command("results", "a", "--sandbox")
    assert (alone.status, alone.lines) == (0, ["query_1: Success, no rows"])
    assert not (directory / URL_FILE).exists()
    answers = []

    async def beside(_: Stage) -> None:
        answers.append(await asyncio.to_thread(command, "results", "a", "--sandbox"))

    play(tmp_path / ".reconciler" / "sandbox", beside)
    assert [answer.lines for answer in answers] == [alone.lines]


def test_a_sandbox_that_never_ran_has_no_results(command: Command) -> None:
    assert "no manifest is known under a" in command("results", "a", "--sandbox").err
