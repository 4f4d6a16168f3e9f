"""What an operator asks for, performed on a plan and a real state."""

from __future__ import annotations

from pathlib import Path

from reconciler.core.model import Baselined, Name
from reconciler.core.plan import Plan
from reconciler.engine.operator import Answer, approve, baseline
from tests.engine.stage import QUICK, Stage, now_ms, play


async def guarded(stage: Stage, *names: str) -> Plan:
    """A plan whose runs wait for an operator: on a new state, in a workflow that has jobs."""
    for name in names:
        stage.write(name)
    await stage.parts.reconciler.reconcile()
    await stage.store.workflow_listed(QUICK, [77], now_ms())
    plan: Plan = await stage.parts.reconciler.replan()
    assert plan.is_guarded
    return plan


async def replanned(stage: Stage) -> list[str]:
    """The kind of each action of a new plan over what is not settled."""
    return [type(action).__name__ for action in (await stage.parts.reconciler.replan()).actions]


def test_approving_releases_the_plan_with_this_hash(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        plan = await guarded(stage, "a", "b")
        assert await approve(stage.store, plan, plan.hash, now_ms()) == Answer(True, "approved 2 runs")
        assert await replanned(stage) == ["Claim", "Claim"]
        assert (await stage.history("a"))[-3:] == ["Approved", "ManifestWanted", "Claimed"]

    play(tmp_path, scene)


def test_another_hash_releases_nothing_and_the_right_one_is_named(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        plan = await guarded(stage, "a")
        answer = await approve(stage.store, plan, "f00", now_ms())
        assert not answer.is_done
        assert plan.hash in answer.text
        assert await replanned(stage) == ["Wait"]

    play(tmp_path, scene)


def test_where_nothing_waits_nothing_can_be_approved(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        answer = await approve(stage.store, Plan((), (), (), is_guarded=False), "f00", now_ms())
        assert answer == Answer(False, "nothing waits for approval; `reconciler plan` shows what is planned")

    play(tmp_path, scene)


def test_a_baseline_records_all_that_waits_as_done(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        plan = await guarded(stage, "a", "b")
        answer = await baseline(stage.store, plan, [], now_ms())
        assert answer == Answer(True, "recorded 2 runs as already done")
        assert await stage.states() == {"a": "Succeeded", "b": "Succeeded"}
        assert await replanned(stage) == ["Nothing", "Nothing"]
        stage.write("c")
        await stage.parts.reconciler.reconcile()
        assert await stage.states() == {"a": "Succeeded", "b": "Succeeded", "c": "Waiting"}
        assert (await stage.latest("c")).key.generation == 1  # the workflow is guarded no longer

    play(tmp_path, scene)


def test_a_baseline_of_some_names_leaves_the_others_guarded(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        plan = await guarded(stage, "a", "b")
        answer = await baseline(stage.store, plan, ["a"], now_ms())
        assert answer == Answer(True, "recorded 1 run as already done")
        assert isinstance((await stage.latest("a")).state, Baselined)
        assert await replanned(stage) == ["Nothing", "Wait"]

    play(tmp_path, scene)


def test_a_baseline_of_a_name_that_does_not_wait_records_nothing(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        plan = await guarded(stage, "a")
        answer = await baseline(stage.store, plan, ["a", "other"], now_ms())
        assert answer == Answer(False, "no new run waits under other; nothing was recorded")
        assert Name("a") not in (await stage.store.world(["a"], [])).names

    play(tmp_path, scene)


def test_a_baselined_manifest_runs_when_it_changes(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await baseline(stage.store, await guarded(stage, "a"), [], now_ms())
        stage.write("a", value="y")
        await stage.parts.reconciler.reconcile()
        assert (await stage.latest("a")).key.generation == 2

    play(tmp_path, scene)
