"""Stopping jobs: asked for until the server shows the end, and never for a job that is not to be stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.core.model import Accepted, Cancel, CancelCause, JobId, RunKey
from reconciler.core.outcome import Created
from reconciler.engine.canceller import POLLS
from reconciler.engine.tasks import Cancellation, Subject, key_of_cancel
from reconciler.sandbox.faults import Answer
from tests.engine.stage import SLOW, Stage, now_ms, play

BY_HAND = Cancel(CancelCause.OPERATOR, "by somebody", 0)


async def running(stage: Stage, name: str = "a") -> tuple[RunKey, int]:
    """A job that runs, recorded and followed; gives its run and its ID."""
    key = await stage.claimed(name, SLOW)
    job = await stage.sandbox.add_foreign_job(SLOW)
    begun = await stage.store.begin(key, "ab" * 16, now_ms())
    state = await stage.store.record(begun, Created(JobId(job.id)), now_ms(), 0.0, 60_000)
    stage.parts.follower.accepted(Subject.of_request(begun), state)
    return key, job.id


def asked(stage: Stage) -> int:
    return len(stage.sandbox.traffic.of("cancel"))


async def noted(stage: Stage, name: str = "a") -> Cancel:
    state = (await stage.latest(name)).state
    assert isinstance(state, Accepted)
    assert state.cancel is not None
    return state.cancel


def test_a_job_is_stopped_followed_to_its_end_and_asked_for_no_more(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        key, job_id = await running(stage)
        other, _ = await running(stage, "b")
        await stage.store.cancel(key, BY_HAND)
        async with stage.working(), stage.running(stage.parts.follower.run()):
            stage.parts.canceller.asked(key)
            await stage.until_states(a="Interrupted", b="Running")
            await stage.until(lambda: len(stage.parts.queue) == 0)
        assert asked(stage) >= 1
        cancelled = [job.id for job in stage.jobs(SLOW) if job.cancelled_ms is not None]
        assert cancelled == [job_id]
        assert (await stage.store.job_to_cancel(other)) is None

    play(tmp_path, scene)


def test_nothing_is_sent_for_a_run_whose_job_is_not_to_be_stopped(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        key, _ = await running(stage)
        await stage.parts.canceller.perform(Cancellation(key))
        await stage.parts.canceller.perform(Cancellation(RunKey(key.name, 9, 9)))
        assert asked(stage) == 0
        assert key_of_cancel(key) not in stage.parts.queue._waiting

    play(tmp_path, scene)


def test_a_cancel_that_failed_is_noted_and_comes_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.random", lambda: 0.5)

    async def scene(stage: Stage) -> None:
        key, _ = await running(stage)
        await stage.store.cancel(key, BY_HAND)
        await stage.explorer.jobs(None)
        body = {"code": 50004000, "message": "ErrInternalServer"}
        stage.sandbox.faults.switch_on(Answer(operation="cancel", status=500, body=body))
        before_ms = now_ms()
        await stage.parts.canceller.perform(Cancellation(key))
        cancel = await noted(stage)
        assert cancel.tries == 1
        assert "50004000" in cancel.answer
        entry = stage.parts.queue._waiting[key_of_cancel(key)]
        assert entry.due_ms - before_ms >= POLLS * stage.settings.poll_s * 1000 + 5_000
        await stage.parts.canceller.perform(Cancellation(key))
        assert (await noted(stage)).answer == "Explorer stops it"
        assert (await stage.history("a"))[-3:] == ["CancelAsked", "CancelSent", "CancelSent"]

    play(tmp_path, scene)


def test_what_the_last_daemon_did_not_see_ended_is_taken_up(tmp_path: Path) -> None:
    async def first(stage: Stage) -> None:
        key, _ = await running(stage)
        await running(stage, "b")
        await stage.store.cancel(key, BY_HAND)

    async def second(stage: Stage) -> None:
        await stage.parts.follower.start()
        await stage.parts.canceller.start()
        assert len(stage.parts.queue) == 1
        assert [job.is_cancelled for job in stage.parts.follower.jobs.values()] == [True, False]

    play(tmp_path, first)
    play(tmp_path, second)
