"""What a pass leaves waiting: for an operator, or for a workflow's first listing."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from reconciler.core.model import WorkflowId
from reconciler.core.plan import Wait
from reconciler.core.reason import Reason
from reconciler.engine.tasks import FirstListing
from tests.engine.stage import QUICK, SLOW, Stage, now_ms, play
from tests.engine.test_reconcile import listed, planned, taken


def test_more_new_runs_than_allowed_are_guarded_and_told_once(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        for name in ("a", "b", "c"):
            stage.write(name)
        with capture_logs() as logs:
            for _ in range(3):
                result = await planned(stage)
        assert result.plan.is_guarded
        assert {action.why for action in result.plan.actions} == {Reason.TOO_MANY_NEW}
        [told] = [line for line in logs if line["event"].startswith("guarded")]
        assert (told["runs"], told["approve"]) == (3, f"reconciler approve {result.plan.hash}")
        assert stage.told.passes() == ["guarded"] * 3

    play(tmp_path, scene, max_new=2)


def test_on_a_new_state_manifests_of_a_workflow_that_has_jobs_wait(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("a")
        stage.write("b", SLOW)
        await planned(stage)
        await listed(stage, SLOW, highest=77)
        await listed(stage, QUICK)
        plan = await stage.parts.reconciler.replan()
        assert [(action.name, action.why) for action in plan.actions] == [
            ("a", Reason.FIRST),
            ("b", Reason.WORKFLOW_HAS_JOBS),
        ]
        assert plan.is_guarded

    play(tmp_path, scene)


def test_what_the_plan_has_claimed_itself_waits_for_no_operator(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("a")
        stage.write("b", SLOW)
        await planned(stage)
        await listed(stage, SLOW, highest=77)
        await listed(stage, QUICK)
        await stage.parts.reconciler.replan()
        async with stage.parts.reconciler.standing_still() as plan:
            assert [claim.name for claim in plan.unapproved] == ["b"]

    play(tmp_path, scene)


def test_a_workflow_that_could_not_be_listed_is_asked_again_later_and_later(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        reconciler = stage.parts.reconciler
        stage.write("a")
        await planned(stage)
        waits_ms = []
        for _ in range(3):
            reconciler.unlisted.failed(WorkflowId(QUICK), "no such workflow", 0.5)
            [action] = (await reconciler.replan()).actions
            assert isinstance(action, Wait)
            assert (action.why, action.detail) == (Reason.NOT_LISTED, "no such workflow")
            waits_ms.append((reconciler.next_look_ms() or 0) - now_ms())
        assert waits_ms == pytest.approx([5_000, 10_000, 20_000], abs=500)
        assert (await stage.reasons())["a"].endswith("once: no such workflow")

    play(tmp_path, scene)


def test_when_explorer_answers_again_nobody_waits_for_a_backoff(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        reconciler = stage.parts.reconciler
        stage.write("a")
        await planned(stage)
        assert taken(stage) == FirstListing(WorkflowId(QUICK))
        stage.parts.queue.done(QUICK)
        reconciler.unlisted.failed(WorkflowId(QUICK), "down", 0.9)
        await reconciler.replan()
        assert taken(stage) is None
        reconciler.unlisted.forget_backoff()
        await reconciler.replan()
        assert taken(stage) == FirstListing(WorkflowId(QUICK))
        assert reconciler.next_look_ms() is None

    play(tmp_path, scene)
