"""What an operator asks for, performed on a plan and a real state."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.core.model import Baselined, JobId, JobStatus, Name, RunKey
from reconciler.core.outcome import Created
from reconciler.core.plan import Absent, Plan, Wish
from reconciler.core.reason import Reason
from reconciler.engine.operator import (
    Answer,
    Speaker,
    approve,
    baseline,
    cancel,
    pause,
    resume,
    retry,
)
from tests.core.builders import invalid, manifest
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
        assert (await stage.store.world(["a"], [])).names[Name("a")].latest is None

    play(tmp_path, scene)


def test_a_baselined_manifest_runs_when_it_changes(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await baseline(stage.store, await guarded(stage, "a"), [], now_ms())
        stage.write("a", value="y")
        await stage.parts.reconciler.reconcile()
        assert (await stage.latest("a")).key.generation == 2

    play(tmp_path, scene)


SAID = Speaker("somebody@here", "a reason")


async def ended(stage: Stage, name: str = "a") -> RunKey:
    key = await stage.claimed(name)
    begun = await stage.store.begin(key, "ab" * 16, now_ms())
    await stage.store.record(begun, Created(JobId(107)), now_ms(), 0.0, 60_000)
    await stage.store.job_changed(key, JobStatus.FAILED, now_ms(), now_ms())
    return key


def test_a_retry_claims_another_attempt_for_whoever_asked(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        key = await ended(stage)
        wish = stage.parts.reconciler.wanted.wish(key.name)
        answer = await retry(stage.store, key.name, wish, SAID, now_ms())
        assert answer == Answer(True, "a is submitted again, as attempt 2 of generation 1")
        run = await stage.latest("a")
        assert (run.key.attempt, run.claimed_for) == (2, Reason.RETRY)
        assert run.state.why == "somebody@here: a reason"
        again = await retry(stage.store, key.name, wish, SAID, now_ms())
        assert again.text == "a#1.2 has not ended: it waits to be sent (somebody@here: a reason)"

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        (None, "it has no manifest"),
        (Absent(2), "it has no manifest"),
        (invalid(), "its manifest is invalid"),
        (manifest(suspended=True), "its manifest is suspended"),
        (manifest(asks="another"), "its manifest has changed, which makes a new generation of its own"),
    ],
)
def test_a_retry_asks_for_what_the_manifest_asks_for_or_for_nothing(
    tmp_path: Path, wish: Wish | None, why: str
) -> None:
    async def scene(stage: Stage) -> None:
        key = await ended(stage)
        answer = await retry(stage.store, key.name, wish, SAID, now_ms())
        assert answer == Answer(False, f"a is not submitted again: {why}; `reconciler explain a` tells more")
        assert (await stage.latest("a")).key == key

    play(tmp_path, scene)


def test_what_never_ran_cannot_be_tried_again_or_cancelled(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        assert not (await retry(stage.store, Name("a"), manifest(), SAID, now_ms())).is_done
        stopped = await cancel(stage.store, Name("a"), None, SAID, now_ms())
        assert stopped.answer.text == "no job of a runs; `reconciler get a` shows how it is"

    play(tmp_path, scene)


def test_of_several_running_jobs_the_one_to_cancel_has_to_be_named(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        for number, value in enumerate(("x", "y"), start=1):
            key = await stage.claimed("a", value=value)
            begun = await stage.store.begin(key, f"{number:032}", now_ms())
            await stage.store.record(begun, Created(JobId(100 + number)), now_ms(), 0.0, 60_000)
        either = await cancel(stage.store, Name("a"), None, SAID, now_ms())
        assert either.answer.text == "several jobs of a run; say --generation, one of 1, 2"
        one = await cancel(stage.store, Name("a"), 1, SAID, now_ms())
        assert (one.answer.text, one.key) == ("job 101 of a is being cancelled", RunKey(Name("a"), 1, 1))
        twice = await cancel(stage.store, Name("a"), 1, SAID, now_ms())
        assert "is being cancelled already: by somebody@here: a reason" in twice.answer.text

    play(tmp_path, scene)


def test_a_pause_is_said_once_and_ended_once(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        assert (await resume(stage.store, SAID, now_ms())).text == "submissions are not paused"
        assert (await pause(stage.store, SAID, now_ms())).is_done
        again = await pause(stage.store, Speaker("another"), now_ms())
        assert again.text == "submissions are paused already, by somebody@here: a reason"
        assert (await resume(stage.store, SAID, now_ms())).text == "submissions go on"

    play(tmp_path, scene)
