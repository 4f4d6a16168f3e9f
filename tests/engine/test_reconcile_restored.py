"""A restored state: its workflows are listed before they are used, and held by jobs that it does not know."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from reconciler.core.model import JobId, Name, WorkflowId
from reconciler.core.outcome import Unclear
from reconciler.core.reason import Reason
from reconciler.engine import parts as module
from reconciler.engine.operator import Answer, resolve
from reconciler.errors import ExitCode
from reconciler.store.reading import Reader
from tests.engine.stage import QUICK, SLOW, Stage, now_ms, play, play_closed

WHY = "an operator says that it was restored"


def declare_restored(stage: Stage) -> None:
    """What the start notes of a state that is older than its high-water file, and of `--restored`."""
    stage.store._writer._connection.executescript(
        f"INSERT INTO meta (key, value) VALUES ('quarantine', '{WHY}');"
        "UPDATE workflows SET quarantine = 'Waits'"
    )


async def a_restored_state(stage: Stage, *, is_lost: bool = False) -> None:
    """A state in which `a` waits to be sent; nobody has it open any more."""
    store = await stage.open_store()
    stage.wire(store, stage.daemon().status)
    key = await stage.claimed("a")
    if is_lost:
        begun = await store.begin(key, "ab" * 16, now_ms())
        assert begun is not None
        await store.record(begun, Unclear("reset"), now_ms(), 0.0, 1)
    declare_restored(stage)
    await store.close()


def test_its_workflow_waits_for_the_settle_time_before_it_is_listed(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("a")
        await stage.store.workflow_listed(QUICK, [], now_ms())
        declare_restored(stage)
        left_ms = [20_000]
        stage.parts.reconciler.unlisted.settles_in_ms = lambda: left_ms[0]
        before_ms = now_ms()
        stage.write("b", SLOW)
        await stage.parts.reconciler.reconcile()
        assert not stage.parts.queue.has_due(now_ms())
        look_ms = stage.parts.reconciler.next_look_ms()
        assert before_ms + 20_000 <= look_ms <= now_ms() + 20_000
        assert {str(it.why)[:25] for it in stage.parts.reconciler.plan.actions} == {
            "waits: the state was rest"
        }
        left_ms[0] = 0
        await stage.parts.reconciler.replan()
        lanes = {stage.parts.queue.take(now_ms()).lane for _ in range(2)}
        assert lanes == {QUICK, SLOW}, "a workflow that the state never saw waits, too"

    play(tmp_path, scene)


def test_without_strangers_it_is_released_and_its_run_is_sent(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await a_restored_state(stage)
        with capture_logs() as logs:
            async with stage.living():
                await stage.until_states(a="Succeeded")
        [asked, *_] = [it for it in stage.sandbox.traffic.of("any") if it.route.operation != "connect"]
        assert asked.route.operation == "list"
        [told] = [line for line in logs if line["log_level"] == "error"]
        assert told["event"] == "quarantine: workflows are listed before they are used again"
        assert told["why"] == WHY
        assert stage.told.of("assumption_violated") == [("A1",)]
        assert len(stage.jobs()) == 1

    play_closed(tmp_path, scene, settle_s=0.1)


def told_of(stage: Stage, stranger: int) -> bool:
    """Whether the state has what Explorer tells of a job that holds the workflow."""
    with closing(Reader.open(stage.settings.state)) as reader:
        record = reader.workflow_record(WorkflowId(QUICK))
    assert record is not None
    return [it.job_id for it in record.strangers if it.shown is not None] == [stranger]


def test_a_stranger_holds_its_workflow_and_no_other(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stranger = await stage.sandbox.add_foreign_job(QUICK)
        stage.write("b", "11")
        await a_restored_state(stage)
        async with stage.living():
            await stage.until_states(a="Waiting", b="Succeeded")
            await stage.until(lambda: stage.parts.reconciler.next_look_ms() is None)
            workflow = (await stage.store.world([], [QUICK])).workflows[QUICK]
            assert workflow.strangers == (JobId(stranger.id),)
            assert f"jobs {stranger.id}" in [
                getattr(it, "detail", "") for it in stage.parts.reconciler.plan.actions
            ]
            assert await stage.until(lambda: told_of(stage, stranger.id)), "what a person decides by"
            assert await stage.store.not_ours(QUICK, now_ms()) is None
            await stage.parts.reconciler.replan()
            await stage.until_states(a="Succeeded", b="Succeeded")

    play_closed(tmp_path, scene, settle_s=0.1)


def test_what_nobody_knew_when_it_was_restored_is_held_at_once(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await a_restored_state(stage, is_lost=True)
        with capture_logs() as logs:
            async with stage.living():
                await stage.until_states(a="Held")
                assert stage.parts.settler.unknown == set()
        [told] = [line for line in logs if line["event"] == "held at start: a person decides"]
        assert (told["name"], told["log_level"]) == ("a", "error")

    play_closed(tmp_path, scene)


def test_once_waits_for_a_quarantine_that_ends(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await a_restored_state(stage)
        assert await stage.once() is ExitCode.DONE
        assert len(stage.jobs()) == 1

    play_closed(tmp_path, scene, settle_s=0.2)


def test_once_ends_with_a_failure_where_strangers_hold_a_workflow(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.sandbox.add_foreign_job(QUICK)
        await a_restored_state(stage)
        assert await stage.once() is ExitCode.FAILED

    play_closed(tmp_path, scene, settle_s=0.1)


def test_once_does_not_wait_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GIVE_UP_S", 5.0)

    async def scene(stage: Stage) -> None:
        await a_restored_state(stage)
        assert await stage.once() is ExitCode.FAILED
        assert stage.jobs() == []

    play_closed(tmp_path, scene, settle_s=60.0)


def test_a_job_is_given_to_the_generation_that_is_said_where_two_may_have_made_it(tmp_path: Path) -> None:
    """The one that waited when the copy was made, and the one that its manifest asks for now."""

    async def scene(stage: Stage) -> None:
        stranger = JobId((await stage.sandbox.add_foreign_job(QUICK)).id)
        await a_restored_state(stage)
        stage.write("a", value="changed since")

        async def said(generation: int | None) -> Answer:
            async with stage.parts.reconciler.standing_still() as plan:
                done = await resolve(stage.store, plan, Name("a"), generation, stranger, now_ms())
            return done.answer

        async with stage.living():
            await stage.until(
                lambda: Reason.STRANGERS in [it.why for it in stage.parts.reconciler.plan.actions]
            )
            several = "several runs of a may have it; say --generation, one of 1, 2"
            assert await said(None) == Answer(False, several)
            assert await said(2) == Answer(True, f"job {stranger} is the job of a")
            assert (await stage.latest("a")).key.generation == 2
            await stage.parts.reconciler.replan()
            await stage.until_states(a="Running")
        assert not stage.sandbox.traffic.of("submit")

    play_closed(tmp_path, scene, settle_s=0.1)
