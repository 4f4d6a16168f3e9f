"""Following jobs to their end, against a real server whose clock a test moves."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from reconciler.core.model import Accepted, JobId, JobStatus, Name, RunKey, WorkflowId
from reconciler.core.outcome import Created, Unclear
from reconciler.core.pace import YOUNG_POLLS
from reconciler.engine.follow import Follower
from reconciler.engine.tasks import Subject
from reconciler.sandbox.faults import Answer, error, throttled
from reconciler.setting_kinds import Exclusive
from reconciler.store.sqlite import SqliteStore
from tests.engine.stage import DEADLINE_S, FAILING, QUICK, SLOW, Stage, now_ms, play
from tests.sandbox.visit import Clock


async def followed(stage: Stage, *names: str, workflow: str = SLOW) -> list[int]:
    """A job for each of these names, made, recorded and followed; gives their IDs."""
    job_ids = []
    for name in names:
        key = await stage.claimed(name, workflow)
        job = await stage.sandbox.add_foreign_job(workflow)
        begun = await stage.store.begin(key, "ab" * 16, now_ms())
        state = await stage.store.record(begun, Created(JobId(job.id)), now_ms(), 0.0, 60_000)
        stage.parts.follower.accepted(Subject.of_request(begun), state)
        job_ids.append(job.id)
    return job_ids


def follower(stage: Stage) -> Follower:
    return stage.parts.follower


async def look(stage: Stage) -> None:
    """One round in which every workflow is due."""
    for workflow_id in list(follower(stage)._asked_s):
        follower(stage)._asked_s[workflow_id] = 0.0
    await follower(stage).look()


def asked(stage: Stage, operation: str) -> int:
    return len(stage.sandbox.traffic.of(operation))


def transitions(stage: Stage) -> list[str]:
    return [status for (status,) in stage.told.of("job_transition")]


@pytest.mark.parametrize(("workflow", "state"), [(QUICK, "Succeeded"), (FAILING, "Failed")])
def test_a_job_is_followed_to_its_end(tmp_path: Path, workflow: str, state: str) -> None:
    async def scene(stage: Stage) -> None:
        await followed(stage, "a", workflow=workflow)
        with capture_logs() as logs:
            async with stage.running(follower(stage).run()):
                await stage.until_states(a=state)
                await stage.until(lambda: not follower(stage).jobs)
        run = await stage.latest("a")
        assert run.state.ended_ms is not None
        assert len(stage.told.of("job_ended")) == 1
        assert [line["event"] for line in logs] == ["job ended"]

    play(tmp_path, scene)


def test_a_final_status_is_never_asked_for_again(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await followed(stage, "a", workflow=QUICK)
        async with stage.running(follower(stage).run()):
            await stage.until(lambda: not follower(stage).jobs)
            before = asked(stage, "any")
            await followed(stage, "b", workflow=SLOW)
            await stage.sandbox.traffic.until("list", before + 3)
        workflows = [it.route.workflow_id for it in stage.sandbox.traffic.of("list")[1:]]
        assert set(workflows) == {SLOW}

    play(tmp_path, scene)


def test_a_jobs_way_is_recorded_status_by_status(tmp_path: Path) -> None:
    clock = Clock()

    async def scene(stage: Stage) -> None:
        [job_id] = await followed(stage, "a")
        with capture_logs() as logs:
            await look(stage)
            await look(stage)
            assert await stage.states() == {"a": "Running"}
            clock.advance(3601)
            await look(stage)
        assert transitions(stage) == ["Running", "Success"]
        assert [(line["event"], line["job"]) for line in logs] == [
            ("job moved", job_id),
            ("job ended", job_id),
        ]
        assert (await stage.history("a"))[-3:] == ["Accepted", "JobRunning", "JobSuccess"]

    play(tmp_path, scene, clock=clock)


def test_one_listing_serves_all_jobs_of_a_workflow(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await followed(stage, *(f"n{number}" for number in range(10)))
        await look(stage)
        assert transitions(stage) == ["Running"] * 10
        assert (asked(stage, "list"), asked(stage, "detail")) == (1, 0)

    play(tmp_path, scene)


def test_pages_are_turned_until_all_jobs_are_found(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await followed(stage, *(f"n{number}" for number in range(5)))
        for _ in range(2):
            await stage.sandbox.add_foreign_job(SLOW)
        await look(stage)
        assert transitions(stage) == ["Running"] * 5
        assert (asked(stage, "list"), asked(stage, "detail")) == (4, 0)

    play(tmp_path, scene, page_size_cap=2)


def test_no_more_pages_are_turned_than_are_needed(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        for _ in range(6):
            await stage.sandbox.add_foreign_job(SLOW)
        await followed(stage, "a")
        await look(stage)
        assert asked(stage, "list") == 1

    play(tmp_path, scene, page_size_cap=2)


@pytest.mark.parametrize("items", ["[]", "null"])
def test_what_a_listing_does_not_show_is_asked_for_by_itself(tmp_path: Path, items: str) -> None:
    async def scene(stage: Stage) -> None:
        await followed(stage, "a")
        body = '{"code":0,"data":{"items":%s,"total":900},"message":"Success"}' % items  # noqa: UP031
        stage.sandbox.faults.switch_on(Answer(operation="list", status=200, body=body))
        await look(stage)
        assert transitions(stage) == ["Running"]
        assert (asked(stage, "list"), asked(stage, "detail")) == (1, 1)

    play(tmp_path, scene)


async def vanished(stage: Stage, name: str = "ghost") -> None:
    """A run whose job Explorer does not know."""
    key = await stage.claimed(name, SLOW)
    begun = await stage.store.begin(key, "ab" * 16, now_ms())
    state = await stage.store.record(begun, Created(JobId(999_999)), now_ms(), 0.0, 60_000)
    follower(stage).accepted(Subject.of_request(begun), state)


def test_a_job_that_vanished_is_told_once_and_keeps_its_last_status(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await vanished(stage)
        with capture_logs() as logs:
            for _ in range(3):
                await look(stage)
        [told] = logs
        assert (told["event"], told["job"], told["name"]) == (
            "Explorer does not show the job",
            999_999,
            "ghost",
        )
        assert stage.told.of("assumption_violated") == [("A6",)]
        assert await stage.states() == {"ghost": "Running"}

    play(tmp_path, scene)


def test_a_job_that_vanished_does_not_have_all_pages_turned_for_it_again(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await followed(stage, "a", "b", "c", "d")
        await vanished(stage)
        await look(stage)
        before = asked(stage, "list")
        assert before == 4
        await look(stage)
        assert asked(stage, "list") - before == 4  # the others still need them
        for job_id in list(follower(stage).jobs)[:4]:
            del follower(stage).jobs[job_id]
        before = asked(stage, "list")
        await look(stage)
        assert asked(stage, "list") == before

    play(tmp_path, scene, page_size_cap=1)


def test_a_job_that_is_back_is_followed_as_before(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await followed(stage, "a")
        gone = '{"code":0,"data":{"items":[],"total":0},"message":"Success"}'
        stage.sandbox.faults.switch_on(Answer(operation="list", status=200, body=gone), error_on_detail())
        with capture_logs() as logs:
            for _ in range(2):
                await look(stage)
        assert [line["event"] for line in logs] == ["Explorer does not show the job", "job moved"]
        assert not any(job.is_missing for job in follower(stage).jobs.values())

    play(tmp_path, scene)


def error_on_detail() -> Answer:
    body = {"code": 50004001, "message": "record not found"}
    return Answer(operation="detail", status=500, body=body)


def test_an_explorer_that_does_not_answer_for_a_job_does_not_make_it_vanish(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await vanished(stage)
        stage.sandbox.faults.switch_on(Answer(operation="detail", status=502))
        with capture_logs() as logs:
            await look(stage)
        assert [line["event"] for line in logs] == ["jobs not listed"]
        assert not follower(stage).jobs[JobId(999_999)].is_missing

    play(tmp_path, scene)


def test_a_wish_to_wait_that_comes_with_a_job_holds_for_everything(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await vanished(stage)
        throttle = throttled(60)
        stage.sandbox.faults.switch_on(
            Answer(operation="detail", status=429, headers=throttle.headers, body=throttle.body)
        )
        await look(stage)
        assert stage.told.of("rate_limit_wait") == []
        stage.parts.gate.let_go()
        await stage.parts.gate.admit()
        [(seconds,)] = stage.told.of("rate_limit_wait")
        assert seconds == pytest.approx(60, abs=1)

    play(tmp_path, scene)


def test_the_jobs_of_a_workflow_that_is_gone_are_asked_for_one_by_one(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await followed(stage, "a", "b")
        gone = {"code": 40404000, "message": "no such workflow"}
        stage.sandbox.faults.switch_on(Answer(operation="list", status=404, body=gone))
        await look(stage)
        assert transitions(stage) == ["Running", "Running"]
        assert (asked(stage, "list"), asked(stage, "detail")) == (1, 2)

    play(tmp_path, scene)


def test_a_listing_that_fails_is_told_and_changes_nothing(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await followed(stage, "a")
        await stage.explorer.jobs(None)  # the session, so that the faults strike the listings
        stage.sandbox.faults.switch_on(*[error(50004000)] * 4)
        with capture_logs() as logs:
            for _ in range(4):
                await look(stage)
        assert [line["event"] for line in logs] == ["jobs not listed"] * 4
        assert not stage.parts.gate.is_open
        assert transitions(stage) == []

    play(tmp_path, scene)


def test_a_status_that_cannot_be_recorded_is_seen_again(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await followed(stage, "a", "b")
        stage.fill_disk()
        await look(stage)
        assert transitions(stage) == []
        stage.free_disk()
        await look(stage)
        assert transitions(stage) == ["Running", "Running"]

    play(tmp_path, scene)


def test_what_the_last_daemon_followed_is_taken_up(tmp_path: Path) -> None:
    async def first(stage: Stage) -> None:
        await followed(stage, "a", workflow=SLOW)
        await followed(stage, "b", workflow=QUICK)
        await look(stage)

    async def second(stage: Stage) -> None:
        await follower(stage).start()
        [job] = follower(stage).jobs.values()
        assert (job.subject.key, job.status, job.subject.trace_id) == (
            RunKey(Name("a"), 1, 1),
            JobStatus.RUNNING,
            "ab" * 16,
        )

    play(tmp_path, first)
    play(tmp_path, second)


def due_s(it: Follower) -> float:
    """When the one workflow is to be listed again."""
    [(workflow_id, group)] = it._groups().items()
    return it._due_s(workflow_id, group)


def test_young_jobs_are_asked_for_more_often_than_old_ones(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        now = 1_000_000
        it = replace(follower(stage), poll_s=6.0, now_s=lambda: now)
        subject = Subject(RunKey(Name("a"), 1, 1), WorkflowId(SLOW), None, None)
        it.accepted(subject, Accepted(JobId(101), JobStatus.PREPARING, 0))
        assert due_s(it) - now == pytest.approx(1.0)
        now += YOUNG_POLLS * 6.0
        await it.look()
        assert due_s(it) - now == pytest.approx(6.0)
        it.accepted(subject, Accepted(JobId(102), JobStatus.PREPARING, 0))
        assert due_s(it) - now == pytest.approx(1.0)

    play(tmp_path, scene)


def test_a_round_without_a_workflow_that_is_due_is_no_round(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        it = follower(stage)
        it._search._rounds_without = 5
        await it.look()
        assert it._search._rounds_without == 5
        await followed(stage, "a")
        await look(stage)
        assert it._search._rounds_without == 4

    play(tmp_path, scene)


@pytest.mark.parametrize("turns", range(6))
def test_following_ends_when_it_is_cancelled_in_the_moment_of_a_new_job(tmp_path: Path, turns: int) -> None:
    async def scene(stage: Stage) -> None:
        task = asyncio.create_task(follower(stage).run())
        await asyncio.sleep(0)
        await followed(stage, "a")
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task], timeout=DEADLINE_S)
        assert task.cancelled()

    play(tmp_path, scene)


async def disproved(stage: Stage) -> bool:
    """Whether the state holds that somebody else makes jobs in the slow workflow."""
    query = "SELECT is_shared FROM workflows WHERE workflow_id = ?"
    return bool(stage.store._writer._connection.execute(query, (SLOW,)).fetchone()[0])


def test_a_foreign_job_disproves_that_a_workflow_is_exclusive_and_that_is_said_once(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await followed(stage, "a")
        foreign = await stage.sandbox.add_foreign_job(SLOW)
        with capture_logs() as logs:
            for _ in range(3):
                await look(stage)
        [told] = [line for line in logs if line["log_level"] == "error"]
        assert told["event"] == "not exclusive: somebody else makes jobs"
        assert (told["workflow"], told["jobs"]) == (SLOW, [foreign.id])
        assert stage.told.of("assumption_violated") == [("A8",)]
        assert await disproved(stage)

    play(tmp_path, scene, exclusive=Exclusive(is_every=True))


def test_our_own_jobs_disprove_nothing(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await followed(stage, "a", "b")
        await look(stage)
        assert not await disproved(stage)

    play(tmp_path, scene, exclusive=Exclusive(is_every=True))


def test_nothing_is_disproved_while_a_run_is_open(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await followed(stage, "a")
        begun = await stage.store.begin(await stage.claimed("b", SLOW), "cd" * 16, now_ms())
        await stage.sandbox.add_foreign_job(SLOW)
        await look(stage)
        await stage.store.record(begun, Unclear("reset"), now_ms(), 0.0, 60_000)
        await look(stage)
        assert not await disproved(stage)
        assert stage.told.of("assumption_violated") == []

    play(tmp_path, scene, exclusive=Exclusive(is_every=True))


def test_a_run_that_begins_between_the_question_and_its_answer_disproves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = SqliteStore.foreign_among

    async def scene(stage: Stage) -> None:
        await followed(stage, "a")
        key = await stage.claimed("b", SLOW)
        await stage.sandbox.add_foreign_job(SLOW)

        async def slow(*arguments: Any) -> Any:
            found = await quick(*arguments)
            await stage.store.begin(key, "cd" * 16, now_ms())
            return found

        monkeypatch.setattr(SqliteStore, "foreign_among", slow)
        await look(stage)
        assert not await disproved(stage)
        assert stage.told.of("assumption_violated") == []

    play(tmp_path, scene, exclusive=Exclusive(is_every=True))


def test_a_workflow_that_nobody_called_exclusive_is_not_told_of(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await followed(stage, "a")
        await stage.sandbox.add_foreign_job(SLOW)
        await look(stage)
        assert not await disproved(stage)
        assert stage.told.of("assumption_violated") == []

    play(tmp_path, scene, exclusive=Exclusive(frozenset({WorkflowId(QUICK)})))
