"""The tasks of jobs that have ended: asked for once each, and not for ever."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from reconciler.core.model import JobId, JobStatus, RunKey, Task
from reconciler.core.outcome import Created
from reconciler.engine import endings as module
from reconciler.sandbox.faults import Answer
from reconciler.store.reading import Reader
from tests.engine.stage import QUICK, Stage, now_ms, play


async def ended(stage: Stage, name: str, job_id: int | None = None) -> RunKey:
    """A run whose job has ended, as far as the state knows."""
    key = await stage.claimed(name)
    begun = await stage.store.begin(key, f"{name:0>32}", now_ms())
    made = JobId(job_id or (await stage.sandbox.add_foreign_job(QUICK)).id)
    await stage.store.record(begun, Created(made), now_ms(), 0.0, 60_000)
    await stage.store.job_changed(key, JobStatus.SUCCESS, now_ms(), now_ms())
    return key


def tasks(stage: Stage, key: RunKey) -> tuple[Task, ...]:
    with closing(Reader.open(stage.settings.state)) as reader:
        return reader.run_records(key.name)[0].tasks


async def until_all_are_kept(stage: Stage) -> None:
    async def are_kept() -> bool:
        return not await stage.store.runs_without_tasks()

    await stage.until(are_kept)


def asked(stage: Stage) -> int:
    return len(stage.sandbox.traffic.of("detail"))


def test_the_tasks_of_each_job_are_asked_for_once_and_kept(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        keys = [await ended(stage, name) for name in ("a", "b")]
        async with stage.running(stage.parts.endings.run()):
            await stage.parts.endings.start()
            await until_all_are_kept(stage)
        assert asked(stage) == 2
        for key in keys:
            assert [task.status for task in tasks(stage, key)] == [JobStatus.SUCCESS] * len(tasks(stage, key))
        await stage.parts.endings.start()
        assert stage.parts.endings._arrived.empty()

    play(tmp_path, scene)


def test_a_job_that_explorer_does_not_know_has_no_tasks_and_is_not_asked_for_again(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        key = await ended(stage, "a", 999_999)
        async with stage.running(stage.parts.endings.run()):
            await stage.parts.endings.start()
            await until_all_are_kept(stage)
        assert (asked(stage), tasks(stage, key)) == (1, ())

    play(tmp_path, scene)


def test_an_answer_that_helps_nobody_is_asked_for_again_and_taken_for_lost_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.random", lambda: 0.0)

    async def scene(stage: Stage) -> None:
        await ended(stage, "a")
        await ended(stage, "b")
        await stage.explorer.jobs(None)
        answer = Answer(operation="detail", status=200, body="<html>", times=module.MOST_FAILURES + 1)
        stage.sandbox.faults.switch_on(answer)
        monkeypatch.setattr(stage.parts.gate, "went", lambda _: None)  # the circuit is for a whole daemon
        async with stage.running(stage.parts.endings.run()):
            await stage.parts.endings.start()
            await until_all_are_kept(stage)
        assert asked(stage) == module.MOST_FAILURES + 2

    play(tmp_path, scene)
