"""Settling: what nobody knows is looked for twice, and then judged. Time goes by when a test says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from reconciler.core.model import (
    Accepted,
    Held,
    JobId,
    Name,
    Rejected,
    RunKey,
    Superseded,
    Unknown,
    Waiting,
    WorkflowId,
)
from reconciler.core.outcome import Receipt, Unclear
from reconciler.engine import settler as module
from reconciler.engine.tasks import FirstListing, Subject
from reconciler.explorer.client import Explorer
from reconciler.sandbox.faults import Answer, Drop, ListingLag, error, html_page
from reconciler.setting_kinds import Exclusive
from tests.engine.sleepers import Sleepers
from tests.engine.stage import MISSING, QUICK, SLOW, Stage, now_ms, play

S, QUARTER = 60.0, 15.0
A = RunKey(Name("a"), 1, 1)
ALL = Exclusive(is_every=True)
DAY_MS = 86_400_000
NEVER = float("inf")


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Sleepers:
    """The settler sleeps by this clock; its jitter is none."""
    sleepers = Sleepers()
    fake = {name: getattr(asyncio, name) for name in ("TaskGroup", "Queue", "Semaphore")}
    monkeypatch.setattr(module, "asyncio", SimpleNamespace(sleep=sleepers.sleep, **fake))
    monkeypatch.setattr(module, "random", SimpleNamespace(random=lambda: 0.0))
    return sleepers


Scene = Callable[[Stage], Awaitable[None]]
Play = Callable[..., None]


@pytest.fixture
def settling(tmp_path: Path, time: Sleepers) -> Play:
    """Play a scene in which the settler runs, with a settle time of `S`."""

    def played(scene: Scene, **how: Any) -> None:
        async def opened(stage: Stage) -> None:
            await stage.explorer.jobs(None)  # the session, so that faults strike what they are meant for
            async with stage.running(stage.parts.settler.run(), stage.parts.settler.watch_held()):
                await stage.until(lambda: len(time.due) == 1)  # who watches what is held
                time.due[0].due_s = NEVER
                await scene(stage)

        play(tmp_path, opened, settle_s=S, **how)

    return played


async def lost(stage: Stage, name: str = "a", workflow: str = QUICK, why: Unclear | None = None) -> Subject:
    """A run of which nobody knows whether its job was made; it is looked for."""
    key = await stage.claimed(name, workflow)
    stage.parts.queue.drop(name)
    begun = await stage.store.begin(key, "ab" * 16, now_ms())
    await stage.store.record(begun, why or Unclear("reset"), now_ms(), 0.0, int(S * 1000))
    subject = Subject.of_request(begun)
    stage.parts.settler.look_for(subject)
    return subject


async def after_look(stage: Stage, time: Sleepers, seconds: float) -> None:
    """Let so much time go by, and return once whoever woke up sleeps again, or has judged."""
    await stage.until(lambda: settlers(time))
    asked, unknown = len(time.asked), len(stage.parts.settler.unknown)
    assert time.advance(seconds) == 1
    await stage.until(lambda: len(time.asked) > asked or len(stage.parts.settler.unknown) < unknown)


def settlers(time: Sleepers) -> list[float]:
    """For how long each of those who settle still sleeps."""
    return [it.due_s - time.now_s for it in time.due if it.due_s != NEVER and not it.woken.done()]


async def both_looks(stage: Stage, time: Sleepers) -> Any:
    """Let both looks be made, and give the state that followed for the run `a`."""
    await after_look(stage, time, S)
    await after_look(stage, time, QUARTER)
    await stage.until(lambda: not stage.parts.settler.unknown)
    return (await stage.latest("a")).state


def listings(stage: Stage) -> int:
    return len([it for it in stage.sandbox.traffic.of("list") if it.route.workflow_id == QUICK])


def is_free(stage: Stage, workflow: str = QUICK) -> bool:
    """Whether the queue would give something of this workflow now."""
    queue = stage.parts.queue
    queue.put("probe", workflow, FirstListing(WorkflowId(workflow)), now_ms())
    is_due = queue.has_due(now_ms())
    queue.drop("probe")
    assert queue.take(now_ms()) is None  # so that the next probe is the first again
    return is_due


def test_it_looks_twice_a_settle_time_and_a_quarter_of_it_from_now(settling: Play, time: Sleepers) -> None:
    async def scene(stage: Stage) -> None:
        await lost(stage)
        await stage.until(lambda: settlers(time) == [S])
        assert time.advance(S - 0.001) == 0
        assert listings(stage) == 0
        await after_look(stage, time, 0.001)
        state = (await stage.latest("a")).state
        assert (listings(stage), state.looks) == (1, 1)
        assert settlers(time) == [QUARTER]
        assert time.advance(QUARTER - 0.001) == 0
        await after_look(stage, time, 0.001)
        await stage.until(lambda: not stage.parts.settler.unknown)
        assert listings(stage) == 2
        assert not isinstance((await stage.latest("a")).state, Unknown)

    settling(scene)


def test_a_wall_clock_that_is_put_forward_ends_no_settle_time(settling: Play, time: Sleepers) -> None:
    async def scene(stage: Stage) -> None:
        await lost(stage)
        stage.parts.settler.now_ms = lambda: now_ms() + DAY_MS
        await stage.until(lambda: settlers(time) == [S])
        time.advance(S - 1)
        for _ in range(3):
            await stage.told.news()
        assert (listings(stage), settlers(time)) == (0, [1.0])
        await after_look(stage, time, 1.0)
        stage.parts.settler.now_ms = lambda: now_ms() + 2 * DAY_MS
        time.advance(QUARTER - 1)
        for _ in range(3):
            await stage.told.news()
        assert (listings(stage), settlers(time)) == (1, [1.0])

    settling(scene)


def test_its_workflow_is_blocked_until_it_is_judged_and_no_other_is(settling: Play, time: Sleepers) -> None:
    async def scene(stage: Stage) -> None:
        assert is_free(stage)
        await lost(stage)
        assert (is_free(stage), is_free(stage, SLOW)) == (False, True)
        await after_look(stage, time, S)
        assert not is_free(stage)
        await after_look(stage, time, QUARTER)
        await stage.until(lambda: is_free(stage))
        assert stage.parts.passes.needs_replan
        assert stage.parts.workers.queued.is_set()

    settling(scene)


def test_without_a_candidate_it_is_sent_again_as_it_was_under_another_trace(
    settling: Play, time: Sleepers, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(stage: Stage) -> None:
        before = await stage.sandbox.add_foreign_job(QUICK)
        key = await stage.claimed("a", value="蒂姆")
        await stage.store.workflow_listed(QUICK, [JobId(before.id)], now_ms())
        stage.sandbox.faults.switch_on(Drop(operation="submit"))
        sent = stage.parts.workers.explorer = Noting(stage.explorer)  # type: ignore[assignment]
        async with stage.working(2):
            await stage.until(lambda: stage.parts.settler.unknown)
            state = await both_looks(stage, time)
            assert isinstance(state, Waiting)
            assert state.why == "no job of it is to be seen, so none was made"
            await stage.parts.reconciler.replan()
            await stage.until(lambda: len(stage.jobs()) == 2)
            await stage.until_states(a="Running")
        assert (await stage.latest("a")).key == key
        [job] = stage.jobs()[1:]
        assert job.input == {"query_1": {"name": "蒂姆"}}
        (one, first), (two, second) = sent.requests
        assert one == two
        assert first != second == (await stage.latest("a")).trace_id
        query = "SELECT try_number, baseline FROM intents ORDER BY number"
        intents = stage.store._writer._connection.execute(query).fetchall()
        assert [tuple(row) for row in intents] == [(1, before.id), (2, before.id)]

    monkeypatch.setattr("reconciler.core.settle.backoff_ms", lambda *_, **__: 0)
    settling(scene)


class Noting:
    """An Explorer that notes the body and the trace ID of each submission."""

    def __init__(self, explorer: Explorer) -> None:
        self.explorer, self.log_in = explorer, explorer.log_in
        self.requests: list[tuple[bytes, str]] = []

    async def submit(self, workflow_id: Any, body: bytes, *, trace_id: str, baseline: JobId) -> Receipt:
        self.requests.append((body, trace_id))
        return await self.explorer.submit(workflow_id, body, trace_id=trace_id, baseline=baseline)


def test_the_one_candidate_of_an_exclusive_workflow_is_adopted_and_followed(
    settling: Play, time: Sleepers
) -> None:
    async def scene(stage: Stage) -> None:
        subject = await lost(stage)
        job = await stage.sandbox.add_foreign_job(QUICK)
        with capture_logs() as logs:
            state = await both_looks(stage, time)
        assert isinstance(state, Accepted)
        assert state.job_id == job.id
        assert stage.told.of("submission") == [("adopted",)]
        [followed] = stage.parts.follower.jobs.values()
        assert (followed.job_id, followed.subject) == (job.id, subject)
        [told] = logs
        assert (told["event"], told["job"]) == ("settled: the job is its own", job.id)

    settling(scene, exclusive=ALL)


@pytest.mark.parametrize("count", [1, 3])
def test_jobs_that_may_be_its_own_or_somebody_elses_hold_it(
    settling: Play, time: Sleepers, count: int
) -> None:
    async def scene(stage: Stage) -> None:
        await lost(stage)
        jobs = [await stage.sandbox.add_foreign_job(QUICK) for _ in range(count)]
        with capture_logs() as logs:
            state = await both_looks(stage, time)
        assert isinstance(state, Held)
        assert state.candidates == tuple(job.id for job in jobs)
        assert [(line["log_level"], line["candidates"]) for line in logs] == [
            ("error", [job.id for job in jobs])
        ]
        assert stage.told.of("submission") == []
        assert is_free(stage)

    settling(scene, exclusive=ALL if count > 1 else Exclusive())


def test_a_candidate_that_only_the_first_look_saw_counts(settling: Play, time: Sleepers) -> None:
    async def scene(stage: Stage) -> None:
        await lost(stage)
        job = await stage.sandbox.add_foreign_job(QUICK)
        await after_look(stage, time, S)
        stage.sandbox.faults.switch_on(ListingLag(seconds=3600))
        await after_look(stage, time, QUARTER)
        await stage.until(lambda: not stage.parts.settler.unknown)
        assert (await stage.latest("a")).state.candidates == (job.id,)

    settling(scene)


def test_a_candidate_that_only_the_second_look_sees_counts(settling: Play, time: Sleepers) -> None:
    async def scene(stage: Stage) -> None:
        await lost(stage)
        await after_look(stage, time, S)
        job = await stage.sandbox.add_foreign_job(QUICK)
        await after_look(stage, time, QUARTER)
        await stage.until(lambda: not stage.parts.settler.unknown)
        assert (await stage.latest("a")).state.candidates == (job.id,)

    settling(scene)


def test_an_error_with_a_code_that_made_no_job_twice_is_a_rejection(settling: Play, time: Sleepers) -> None:
    async def scene(stage: Stage) -> None:
        await lost(stage, why=Unclear("it failed", 50004002))
        assert isinstance(await both_looks(stage, time), Waiting)
        begun = await stage.store.begin(A, "cd" * 16, now_ms() + DAY_MS)
        await stage.store.record(begun, Unclear("it failed", 50004002), now_ms(), 0.0, 1)
        stage.parts.settler.look_for(Subject.of_request(begun))
        state = await both_looks(stage, time)
        assert isinstance(state, Rejected)
        assert stage.told.of("submission") == [("rejected",)]

    settling(scene)


def test_a_run_that_made_no_job_and_is_no_longer_wanted_is_superseded(settling: Play, time: Sleepers) -> None:
    async def scene(stage: Stage) -> None:
        await lost(stage)
        stage.write("a", suspend=True)
        await stage.parts.reconciler.reconcile()
        assert isinstance(await both_looks(stage, time), Superseded)

    settling(scene)


OUT_OF_REACH = Answer(operation="list", status=502, body=html_page().body)
REFUSED = Answer(operation="list", status=500, body=error(50004002).body)


def test_a_look_that_fails_is_made_again_later_and_counts_for_nothing(settling: Play, time: Sleepers) -> None:
    async def scene(stage: Stage) -> None:
        await lost(stage)
        failures = 7
        stage.sandbox.faults.switch_on(*[OUT_OF_REACH] * failures)
        with capture_logs() as logs:
            await after_look(stage, time, S)
            for _ in range(failures):
                assert (await stage.latest("a")).state.looks == 0
                assert not is_free(stage)
                assert settlers(time) == [QUARTER]
                stage.parts.gate.probe_went(None)  # no circuit in the way
                await after_look(stage, time, QUARTER)
                await after_look(stage, time, 0.0)  # the backoff, without jitter
        assert (await stage.latest("a")).state.looks == 1
        assert [line["event"] for line in logs] == [
            "not settled yet: its workflow cannot be listed"
        ] * failures

    settling(scene)


@pytest.mark.parametrize(
    "what",
    [REFUSED, Answer(operation="list", status=200, body='{"code":0,"data":{"items":[],"total":7}}')],
    ids=["refused", "not whole"],
)
def test_after_five_useless_listings_a_person_decides(settling: Play, time: Sleepers, what: Answer) -> None:
    async def scene(stage: Stage) -> None:
        await lost(stage)
        stage.sandbox.faults.switch_on(*[what] * 5)
        await useless(stage, time)
        state = (await stage.latest("a")).state
        assert isinstance(state, Held)
        assert state.why.startswith("its workflow cannot be looked at: ")
        assert listings(stage) == 5
        assert is_free(stage)

    settling(scene)


async def useless(stage: Stage, time: Sleepers) -> None:
    """Let time go by until the run is unknown no more."""
    await after_look(stage, time, S)
    while stage.parts.settler.unknown:
        await stage.until(lambda: settlers(time) or not stage.parts.settler.unknown)
        time.advance(QUARTER)
        await stage.told.news()


def test_a_workflow_that_is_gone_tells_nothing(settling: Play, time: Sleepers) -> None:
    async def scene(stage: Stage) -> None:
        await lost(stage, workflow=MISSING)
        await useless(stage, time)
        assert "the workflow does not exist" in (await stage.latest("a")).state.why

    settling(scene)


@pytest.mark.parametrize("step", ["a look", "the end of looking"])
def test_a_disk_that_refuses_is_waited_for(settling: Play, time: Sleepers, step: str) -> None:
    async def scene(stage: Stage) -> None:
        await lost(stage, workflow=QUICK if step == "a look" else MISSING)
        stage.fill_disk()
        with capture_logs() as logs:
            await after_look(stage, time, S)
            while not stage.commits["refused"]:
                time.advance(QUARTER)
                await stage.told.news()
            for count in (1, 2):
                await stage.until(lambda count=count: stage.commits["refused"] == count)
                await stage.until(lambda: settlers(time) == [module.RETRY_WRITE_S])
                if count == 1:
                    time.advance(module.RETRY_WRITE_S)
        stage.free_disk()
        assert not is_free(stage, QUICK if step == "a look" else MISSING)
        await after_look(stage, time, module.RETRY_WRITE_S)
        state = (await stage.latest("a")).state
        assert state.looks == 1 if step == "a look" else isinstance(state, Held)
        events = [line["event"] for line in logs]
        assert events.count("what was seen of a run cannot be recorded yet") == 2

    settling(scene)


def test_a_run_that_is_decided_otherwise_meanwhile_frees_its_workflow(settling: Play, time: Sleepers) -> None:
    async def scene(stage: Stage) -> None:
        subject = await lost(stage)
        await stage.store.stop_looking(subject.key, "somebody said so", now_ms())
        stage.parts.workers.queued.clear()
        await after_look(stage, time, S)
        await stage.until(lambda: is_free(stage))
        assert stage.parts.workers.queued.is_set()
        assert (await stage.latest("a")).state.why == "somebody said so"

    settling(scene)


def test_a_run_is_looked_for_by_one_only(settling: Play, time: Sleepers) -> None:
    async def scene(stage: Stage) -> None:
        stage.parts.settler.look_for(await lost(stage))
        await after_look(stage, time, S)
        assert settlers(time) == [QUARTER]
        assert (await stage.latest("a")).state.looks == 1

    settling(scene)


def test_runs_of_several_workflows_are_settled_beside_each_other(settling: Play, time: Sleepers) -> None:
    async def scene(stage: Stage) -> None:
        await lost(stage, "a", "11")
        await lost(stage, "b", "12")
        await stage.until(lambda: settlers(time) == [S, S])
        for seconds in (S, QUARTER):
            assert time.advance(seconds) == 2
            await stage.until(lambda: len(settlers(time)) == 2 or not stage.parts.settler.unknown)
        assert await stage.states() == {"a": "Waiting", "b": "Waiting"}

    settling(scene)


async def held(stage: Stage, time: Sleepers) -> None:
    """A held run; who watches what is held wakes up after the settle time."""
    subject = await lost(stage)
    await stage.store.stop_looking(subject.key, "no listing tells it", now_ms())
    await after_look(stage, time, S)
    time.due[0].due_s = time.now_s + S


async def watched(stage: Stage, time: Sleepers) -> Any:
    """The candidates of the run `a` after the settle time."""
    asked = len(time.asked)
    time.advance(S)
    await stage.until(lambda: len(time.asked) > asked)
    assert time.asked[-1] == S
    return (await stage.latest("a")).state.candidates


def test_a_job_that_turns_up_late_is_a_candidate_of_what_is_held(settling: Play, time: Sleepers) -> None:
    async def scene(stage: Stage) -> None:
        await held(stage, time)
        assert await watched(stage, time) == ()
        job = await stage.sandbox.add_foreign_job(QUICK)
        assert await watched(stage, time) == (job.id,)

    settling(scene)


def test_held_runs_are_looked_at_again_after_what_went_wrong(settling: Play, time: Sleepers) -> None:
    async def scene(stage: Stage) -> None:
        await held(stage, time)
        job = await stage.sandbox.add_foreign_job(QUICK)
        stage.sandbox.faults.switch_on(REFUSED)
        assert await watched(stage, time) == ()
        stage.fill_disk()
        assert await watched(stage, time) == ()
        stage.free_disk()
        assert await watched(stage, time) == (job.id,)

    settling(scene)


def test_the_settle_time_is_rounded_up(settling: Play) -> None:
    async def scene(stage: Stage) -> None:
        stage.parts.settler.settle_s = 0.0001
        assert stage.parts.settler.settle_ms == 1

    settling(scene)
