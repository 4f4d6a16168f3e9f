"""The workers, against a real server: the intent first, then the request, then what came of it on disk."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from reconciler.core.model import Accepted, JobId, Name, Rejected, RunKey, Unknown, Waiting, WorkflowId
from reconciler.core.outcome import NotCreated, Unreachable
from reconciler.engine import workers as module
from reconciler.engine.tasks import FirstListing, Submission
from reconciler.explorer.client import Login, Secret, explorer_at
from reconciler.sandbox.faults import Drop, Hang, LostSessions, error, html_page, throttled
from tests.engine.stage import DEADLINE_S, MISSING, QUICK, SLOW, Stage, now_ms, play

A = RunKey(Name("a"), 1, 1)


async def run_of(stage: Stage, name: str, *kinds: type) -> Any:
    """The newest run of a name, once its state is one of these."""

    async def is_there() -> Any:
        run = await stage.latest(name)
        return run if isinstance(run.state, kinds) else None

    return await stage.until(is_there)


def is_idle(stage: Stage) -> bool:
    return stage.parts.workers.busy == 0 and len(stage.parts.queue) == 0


def requests(stage: Stage, operation: str) -> int:
    return len(stage.sandbox.traffic.of(operation))


def test_a_claimed_run_is_sent_once_and_its_job_recorded(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.claimed("a", value="蒂姆")
        with capture_logs() as logs:
            async with stage.working(4):
                run = await run_of(stage, "a", Accepted)
                await stage.until(lambda: stage.parts.follower.jobs)
        [job] = stage.jobs()
        assert run.state.job_id == job.id
        assert job.input == {"query_1": {"name": "蒂姆"}}
        assert job.traceparent is not None
        assert job.traceparent.split("-")[1] == run.trace_id
        assert await stage.history("a") == ["ManifestWanted", "Claimed", "Submitting", "Accepted"]
        [told] = [line for line in logs if line["event"] == "submitted"]
        assert (told["job"], told["name"], told["trace"]) == (job.id, "a", run.trace_id)
        assert stage.told.of("submission") == [("accepted",)]
        assert len(stage.told.of("change_to_submit")) == 1
        assert list(stage.parts.follower.jobs) == [job.id]

    play(tmp_path, scene)


def test_the_intent_is_on_disk_before_anything_is_sent(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.claimed("a")
        stage.sandbox.faults.switch_on(Hang(operation="submit", seconds=0.1))
        async with stage.working():
            await stage.sandbox.traffic.until("submit", 1)
            assert await stage.states() == {"a": "Submitting"}
            assert stage.jobs() == []
            await run_of(stage, "a", Accepted)

    play(tmp_path, scene)


def test_while_the_intent_cannot_be_written_nothing_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_WRITE_MS", 20)

    async def scene(stage: Stage) -> None:
        await stage.claimed("a")
        stage.fill_disk()
        async with stage.working():
            await stage.until(lambda: stage.commits["refused"] >= 3)
            assert requests(stage, "any") == 0
            stage.free_disk()
            await run_of(stage, "a", Accepted)
        assert len(stage.jobs()) == 1

    play(tmp_path, scene)


def test_a_disk_that_refuses_is_told_once_however_much_waits_for_it_and_so_is_its_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_WRITE_MS", 20)
    names = [f"n{number}" for number in range(11, 17)]

    async def scene(stage: Stage) -> None:
        for name in names:
            await stage.claimed(name, name.removeprefix("n"))
        stage.fill_disk()
        with capture_logs() as told:
            async with stage.working():
                await stage.until(lambda: stage.commits["refused"] >= 20)
                stage.free_disk()
                for name in names:
                    await run_of(stage, name, Accepted)
        events = [line["event"] for line in told]
        assert events.count("the state cannot be written, so nothing is sent") == 1
        assert events.count("the state can be written again") == 1

    play(tmp_path, scene)


def test_what_came_of_a_request_is_recorded_as_soon_as_the_disk_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_WRITE_MS", 20)

    async def scene(stage: Stage) -> None:
        await stage.claimed("a")
        stage.sandbox.faults.switch_on(Hang(operation="submit", seconds=0.1))
        async with stage.working():
            await stage.sandbox.traffic.until("submit", 1)
            stage.fill_disk()
            await stage.until(lambda: stage.commits["refused"] >= 3)
            assert await stage.states() == {"a": "Submitting"}
            stage.free_disk()
            run = await run_of(stage, "a", Accepted)
        assert [job.id for job in stage.jobs()] == [run.state.job_id]

    play(tmp_path, scene)


@pytest.mark.parametrize(
    "fault",
    [
        Drop(operation="submit", moment="before"),
        Drop(operation="submit", moment="after"),
        html_page(502),
        error(50004002),
    ],
    ids=["lost request", "lost answer", "a proxy's page", "an error of the server's"],
)
def test_a_run_whose_fate_nobody_knows_is_looked_for_and_keeps_its_workflow_from_sending(
    tmp_path: Path, fault: Any
) -> None:
    async def scene(stage: Stage) -> None:
        await stage.claimed("a")
        await stage.explorer.jobs(None)  # the session, so that the fault strikes the submission
        stage.sandbox.faults.switch_on(fault)
        with capture_logs() as logs:
            async with stage.working():
                run = await run_of(stage, "a", Unknown)
                stage.write("b")
                await stage.parts.reconciler.reconcile()
                stage.parts.reconciler.revisit(Name("a"))
                await stage.parts.reconciler.replan()
                await stage.claimed("c", SLOW)
                await run_of(stage, "c", Accepted)
                await stage.until(lambda: stage.parts.workers.busy == 0)
        assert [it.route.workflow_id for it in stage.sandbox.traffic.of("submit")] == [QUICK, SLOW]
        assert run.state.looks == 0
        assert await stage.states() == {"a": "Unknown", "b": "Waiting", "c": "Running"}
        assert stage.told.of("submission") == [("unknown",), ("accepted",)]
        assert [subject.key for subject in stage.parts.settler.unknown] == [A]
        [told] = [line for line in logs if line["log_level"] == "warning"]
        assert told["event"] == "unknown: the job may exist, and is looked for"
        assert (told["name"], told["workflow"], told["trace"]) == ("a", QUICK, run.trace_id)

    play(tmp_path, scene)


def test_a_refused_run_is_rejected_and_told(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.claimed("a")
        await stage.explorer.jobs(None)
        stage.sandbox.faults.switch_on(error(40004001, "no such task"))
        async with stage.working():
            run = await run_of(stage, "a", Rejected)
            await stage.until(lambda: is_idle(stage))
        assert run.state == Rejected(40004001, "no such task")
        assert stage.told.of("submission") == [("rejected",)]
        assert (await stage.reasons())["a"] == "Explorer refused it: 40004001 no such task"

    play(tmp_path, scene)


def test_a_request_that_created_nothing_is_sent_again_after_a_backoff(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.random", lambda: 0.005)  # of a ceiling of 10 s: 50 ms

    async def scene(stage: Stage) -> None:
        await stage.claimed("a")
        await stage.explorer.jobs(None)
        stage.sandbox.faults.switch_on(error(40404000, "not yet"))
        with capture_logs() as logs:
            async with stage.working(), stage.running(stage.parts.passes.run()):
                await run_of(stage, "a", Accepted)
        assert len(stage.jobs()) == 1
        first, second = stage.sandbox.traffic.of("submit")
        assert second.at_s - first.at_s >= 0.049
        [told] = [line for line in logs if line["event"] == "not submitted yet"]
        assert "not yet" in told["why"]
        assert told["again_in_s"] <= 0.05
        assert (await stage.history("a"))[-4:] == ["Submitting", "Waiting", "Submitting", "Accepted"]

    play(tmp_path, scene)


def test_a_run_that_created_nothing_is_given_up_if_its_manifest_is_gone_meanwhile(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.claimed("a")
        await stage.explorer.jobs(None)
        stage.sandbox.faults.switch_on(throttled(0))
        stage.write("a", suspend=True)
        async with stage.working():
            await stage.until(lambda: requests(stage, "submit") == 1 and is_idle(stage))
            await stage.parts.reconciler.reconcile()
            assert await stage.states() == {"a": "Suspended"}
        assert stage.jobs() == []

    play(tmp_path, scene)


class Unhurried:
    """An Explorer that refuses every connection, when it is told to."""

    def __init__(self) -> None:
        self.asked, self.go = asyncio.Event(), asyncio.Event()

    async def log_in(self) -> None:
        pass

    async def submit(self, *_: object, **__: object) -> NotCreated:
        self.asked.set()
        await self.go.wait()
        return NotCreated(Unreachable("refused"))


def test_a_run_that_created_nothing_ends_if_a_newer_one_was_claimed_meanwhile(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.claimed("a")
        explorer = stage.parts.workers.explorer = Unhurried()  # type: ignore[assignment]
        with capture_logs() as logs:
            async with stage.working():
                await explorer.asked.wait()
                stage.write("a", value="y")
                await stage.parts.reconciler.reconcile()
                stage.parts.workers.explorer = stage.explorer
                explorer.go.set()
                await run_of(stage, "a", Accepted)
        assert "not submitted, and no longer wanted" in [line["event"] for line in logs]
        assert [job.input for job in stage.jobs()] == [{"query_1": {"name": "y"}}]
        assert (await stage.latest("a")).key.generation == 2

    play(tmp_path, scene)


def test_a_lost_session_costs_one_try_and_no_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.random", lambda: 0.01)

    async def scene(stage: Stage) -> None:
        await stage.claimed("a")
        await stage.explorer.jobs(None)
        stage.sandbox.faults.switch_on(LostSessions(operation="submit"))
        async with stage.working(), stage.running(stage.parts.passes.run()):
            await run_of(stage, "a", Accepted)
        assert (requests(stage, "submit"), len(stage.jobs())) == (2, 1)

    play(tmp_path, scene)


def test_a_run_that_is_no_longer_wanted_when_its_turn_comes_is_not_sent(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.parts.queue.put("gone", QUICK, Submission(RunKey(Name("gone"), 1, 1), WorkflowId(QUICK)), 0)
        async with stage.working():
            await stage.until(lambda: is_idle(stage))
        assert requests(stage, "any") == 0

    play(tmp_path, scene)


def test_a_workflow_has_one_unfinished_request_and_others_go_on_beside_it(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.explorer.jobs(None)
        for name in ("a", "b"):
            await stage.claimed(name)
        await stage.claimed("c", SLOW)
        stage.sandbox.faults.switch_on(Hang(operation="submit", workflow=QUICK, seconds=0.15))
        async with stage.working(4):
            await run_of(stage, "c", Accepted)
            assert sorted((await stage.states()).values()) == ["Running", "Submitting", "Waiting"]
            for name in ("a", "b"):
                await run_of(stage, name, Accepted)

    play(tmp_path, scene)


def test_as_many_requests_as_there_are_workers_are_under_way(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.explorer.jobs(None)
        for number in range(11, 17):
            await stage.claimed(f"n{number}", str(number))
        stage.sandbox.faults.switch_on(Hang(operation="submit", seconds=0.1, times=None))
        async with stage.working(3):
            await stage.until(lambda: stage.parts.workers.busy == 3)
            await stage.sandbox.traffic.until("submit", 3)
            assert requests(stage, "submit") == 3
            await stage.until(lambda: len(stage.jobs()) == 6)
            await stage.until(lambda: stage.parts.workers.busy == 0)

    play(tmp_path, scene)


def test_a_first_listing_records_the_highest_job(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        job = await stage.sandbox.add_foreign_job(SLOW)
        await stage.sandbox.add_foreign_job(QUICK)
        stage.write("a", SLOW)
        await stage.parts.reconciler.reconcile()
        with capture_logs() as logs:
            async with stage.working():
                await stage.until(lambda: "workflow listed" in [line["event"] for line in logs])
        workflow = (await stage.store.world([], [SLOW])).workflows[SLOW]
        assert (workflow.highest, workflow.is_guarded) == (JobId(job.id), True)

    play(tmp_path, scene)


def test_a_workflow_that_is_not_there_is_told_and_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.random", lambda: 0.002)

    async def scene(stage: Stage) -> None:
        stage.write("a", MISSING)
        async with stage.working(), stage.running(stage.parts.passes.run()):
            await stage.sandbox.traffic.until("list", 3)
            assert "the workflow does not exist" in (await stage.reasons())["a"]
        assert not stage.parts.gate.is_open

    play(tmp_path, scene)


def test_a_listing_that_cannot_be_recorded_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_WRITE_MS", 20)

    async def scene(stage: Stage) -> None:
        stage.write("a")
        await stage.parts.reconciler.reconcile()
        stage.fill_disk()
        async with stage.working():
            await stage.until(lambda: stage.commits["refused"] >= 2)
            stage.free_disk()
            await stage.until(lambda: is_idle(stage))
        assert (await stage.store.world([], [QUICK])).workflows[QUICK].highest == 0

    play(tmp_path, scene)


def test_a_drain_lets_what_is_under_way_end_and_takes_nothing_new(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.explorer.jobs(None)
        await stage.claimed("a")
        await stage.claimed("b")
        stage.sandbox.faults.switch_on(Hang(operation="submit", seconds=0.1))
        workers = [asyncio.create_task(stage.parts.workers.run()) for _ in range(3)]
        await stage.sandbox.traffic.until("submit", 1)
        stage.parts.workers.drain()
        await asyncio.wait_for(asyncio.gather(*workers), DEADLINE_S)
        assert await stage.states() == {"a": "Running", "b": "Waiting"}
        assert requests(stage, "submit") == 1

    play(tmp_path, scene)


@pytest.mark.parametrize("task", ["submission", "listing"])
def test_a_drain_does_not_wait_for_the_gate(tmp_path: Path, task: str) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("a")
        await (stage.claimed("a") if task == "submission" else stage.parts.reconciler.reconcile())
        for _ in range(3):
            stage.parts.gate.went(Unreachable("refused"))
        worker = asyncio.create_task(stage.parts.workers.run())
        await stage.until(lambda: stage.parts.workers._turn.locked())
        stage.parts.workers.drain()
        await asyncio.wait_for(worker, DEADLINE_S)
        assert requests(stage, "any") == 0
        assert await stage.states() == {"a": "Waiting"}

    play(tmp_path, scene)


def test_nobody_knows_what_came_of_a_request_that_is_cut_short(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.explorer.jobs(None)
        await stage.claimed("a")
        stage.sandbox.faults.switch_on(Hang(operation="submit"))
        worker = asyncio.create_task(stage.parts.workers.run())
        await stage.sandbox.traffic.until("submit", 1)
        stage.parts.workers.drain()
        worker.cancel()
        await asyncio.wait_for(worker, DEADLINE_S)
        run = await stage.latest("a")
        assert isinstance(run.state, Unknown)
        assert "the daemon was stopped" in run.state.why

    play(tmp_path, scene)


def test_a_login_that_is_cut_short_has_sent_nothing(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.claimed("a")
        stage.sandbox.faults.switch_on(Hang(operation="connect"))
        worker = asyncio.create_task(stage.parts.workers.run())
        await stage.sandbox.traffic.until("connect", 1)
        worker.cancel()
        await asyncio.wait_for(worker, DEADLINE_S)
        run = await stage.latest("a")
        assert isinstance(run.state, Waiting)
        assert "before anything was sent" in run.state.why
        assert requests(stage, "submit") == 0

    play(tmp_path, scene)


def test_an_explorer_out_of_reach_creates_nothing_and_opens_the_circuit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.random", lambda: 0.001)

    async def scene(stage: Stage) -> None:
        await stage.claimed("a")
        nowhere = explorer_at("http://127.0.0.1:1", Login("u", Secret("p"), "127.0.0.1", 1), timeout_s=1)
        stage.parts.workers.explorer = nowhere
        async with stage.working(), stage.running(stage.parts.passes.run()):
            await stage.until(lambda: stage.parts.gate.is_open)
            run = await run_of(stage, "a", Waiting)
        assert "Explorer cannot be reached" in run.state.why
        assert run.state.tries == 3

    play(tmp_path, scene)


def test_a_listing_in_the_queue_keeps_out_of_the_way_of_names(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("a")
        await stage.parts.reconciler.reconcile()
        entry = stage.parts.queue.take(now_ms())
        assert entry is not None
        assert (entry.key, entry.lane, entry.task) == ("workflow:1", "1", FirstListing(WorkflowId("1")))

    play(tmp_path, scene)
