"""When passes are made, and what each pass's result means for the next one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from reconciler.core.model import Name, WorkflowId
from reconciler.engine import passes as module
from reconciler.engine.passes import CONFIRM_S, STALE_S, Passes
from reconciler.engine.reconcile import Scan
from reconciler.source.heard import ANYTHING, Heard
from reconciler.source.tree import Missing, PutOff, PutOffReason, Snapshot
from reconciler.source.watch import Trouble, TroubleReason
from tests.engine.stage import DEADLINE_S, QUICK, Stage, now_ms, play

BUSY = PutOff(PutOffReason.INDEX_LOCK, "git holds .git/index.lock")


class Script:
    """A tree that first answers with what it was told to, and then truly."""

    def __init__(self, truth: Scan, *answers: object) -> None:
        self.truth = truth
        self.answers = list(answers)
        self.scans_s: list[float] = []
        self.before_answer: Callable[[], None] = lambda: None

    async def scan(self, heard: Heard) -> Any:
        self.scans_s.append(time.monotonic())
        self.before_answer()
        return self.answers.pop(0) if self.answers else await self.truth(heard)

    @property
    def gaps_s(self) -> list[float]:
        return [later - earlier for earlier, later in zip(self.scans_s, self.scans_s[1:], strict=False)]


def scripted(stage: Stage, *answers: object) -> Script:
    script = Script(stage.parts.reconciler.scan, *answers)
    stage.parts.reconciler.scan = script.scan
    return script


def passing(stage: Stage) -> Any:
    return stage.running(stage.parts.passes.run())


async def after(stage: Stage, passes: int) -> Passes:
    """The passes, once so many have ended."""
    await stage.until(lambda: len(stage.told.passes()) >= passes)
    return stage.parts.passes


def test_a_pass_is_made_at_once_and_then_at_every_resync(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        script = scripted(stage)
        async with passing(stage):
            await after(stage, 4)
        assert sum(script.gaps_s) >= 0.14
        assert stage.parts.status.is_planned
        assert stage.parts.status.last_pass is not None

    play(tmp_path, scene, resync_s=0.05)


def test_a_hint_starts_a_pass_at_once(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        async with passing(stage):
            passes = await after(stage, 1)
            assert not passes.pending
            passes.hint(is_in_place=False)
            assert passes.pending
            await after(stage, 2)

    play(tmp_path, scene)


def test_a_file_that_is_still_being_written_is_given_a_moment_of_quiet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DEBOUNCE_S", 1.0)
    monkeypatch.setattr(module, "DEBOUNCE_CAP_S", 60.0)

    async def scene(stage: Stage) -> None:
        script = scripted(stage)
        async with passing(stage):
            passes = await after(stage, 1)
            for _ in range(3):
                last_s = time.monotonic()
                passes.hint(is_in_place=True)
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(asyncio.Event().wait(), 0.05)
            await after(stage, 2)
        assert len(script.scans_s) == 2
        assert script.scans_s[1] - last_s >= module.DEBOUNCE_S - 0.01

    play(tmp_path, scene)


@pytest.mark.parametrize("answers", [(), (Missing("no such directory"),)], ids=["planned", "missing"])
def test_a_hint_that_comes_during_a_pass_starts_another(tmp_path: Path, answers: tuple[Missing, ...]) -> None:
    async def scene(stage: Stage) -> None:
        script = scripted(stage, *answers)
        loop, passes = asyncio.get_running_loop(), stage.parts.passes
        were_pending: list[bool] = []

        def second() -> None:
            were_pending.append(passes.pending)

        def first() -> None:
            script.before_answer = second
            loop.call_soon_threadsafe(lambda: passes.hint(is_in_place=False))

        script.before_answer = first
        async with passing(stage):
            await after(stage, 2)
            await stage.until(lambda: not passes.pending)
        assert were_pending == [True]

    play(tmp_path, scene)


def test_a_file_that_is_written_all_the_time_holds_up_nobody_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DEBOUNCE_CAP_S", 0.15)

    async def scene(stage: Stage) -> None:
        async with passing(stage):
            passes = await after(stage, 1)

            def is_seen_although_it_is_written() -> bool:
                passes.hint(is_in_place=True)
                return len(stage.told.passes()) >= 3

            await stage.until(is_seen_although_it_is_written)

    play(tmp_path, scene)


def test_an_absence_is_confirmed_by_a_pass_a_second_later(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.claimed("a")
        stage.write("other", suspend=True)
        script = scripted(stage)
        async with passing(stage):
            passes = await after(stage, 2)
            stage.remove("a")
            passes.hint(is_in_place=False)
            await stage.until(lambda: passes.needs_confirmation)
            await stage.until_states(a="Deleted", other="Suspended")
            assert not passes.needs_confirmation
        assert CONFIRM_S == 1.0
        assert script.gaps_s[-1] >= 0.99

    play(tmp_path, scene)


def test_a_pass_that_was_put_off_is_tried_again_soon_and_then_less_often(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("a")
        script = scripted(stage, *[BUSY] * 14)
        async with passing(stage):
            passes = await after(stage, 1)
            assert passes.pending
            assert stage.parts.status.outcome == "put off: git holds .git/index.lock"
            assert not stage.parts.status.is_planned
            await after(stage, 15)  # without the cap, in five minutes
        assert stage.told.passes() == [*["put_off"] * 14, "planned"]
        assert stage.told.of("pass_put_off") == [("index_lock",)] * 14
        assert script.gaps_s[0] >= 0.015
        assert min(script.gaps_s[1:]) >= 0.03
        assert not passes.pending

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "RETRY_S", 0.02)
        patch.setattr(module, "RETRY_CAP_S", 0.05)
        play(tmp_path, scene)


def test_a_lock_that_was_left_behind_is_told_now_and_then_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    monkeypatch.setattr(module, "RETRY_CAP_S", 0.01)
    monkeypatch.setattr(module, "TELL_AGAIN_S", 0.06)

    async def scene(stage: Stage) -> None:
        script = scripted(stage, *[BUSY] * 30)
        stage.parts.passes._tells_again_s = 0.02  # instead of STALE_S
        with capture_logs() as logs:
            async with passing(stage):
                told = await stage.until(lambda: stage.parts.status.source_trouble)
                assert "git holds .git/index.lock" in told
                assert "remove the lock" in told
                assert stage.parts.passes.put_off_s() > 0.02
                await stage.until(lambda: stage.parts.status.is_planned)
        times = [line["event"] for line in logs].count("the source is not well")
        assert 2 <= times <= 2 + sum(script.gaps_s) / 0.06
        assert stage.parts.status.source_trouble == ""
        assert stage.parts.passes.put_off_s() == 0
        assert stage.parts.passes._tells_again_s == STALE_S == 300

    play(tmp_path, scene)


def test_passes_that_are_put_off_for_a_moment_tell_nobody(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        scripted(stage, BUSY)
        with capture_logs() as logs:
            async with passing(stage):
                await after(stage, 1)
                assert stage.parts.status.source_trouble == ""
        assert logs == []

    play(tmp_path, scene)


def test_a_directory_that_is_missing_is_told_until_it_is_back(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        scripted(stage, Missing("no such directory"), Missing("no such directory"))
        async with passing(stage):
            passes = await after(stage, 2)
            assert not passes.pending
            assert not stage.parts.status.is_planned
            assert "nothing is deleted or changed: no such directory" in stage.parts.status.source_trouble
            await after(stage, 3)
            await stage.until(lambda: not stage.parts.status.source_trouble)

    play(tmp_path, scene, resync_s=0.05)


def test_a_tree_that_is_suddenly_empty_is_told_with_what_to_do_if_it_is_meant(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.claimed("a")
        stage.remove("a")
        async with passing(stage):
            notice = await stage.until(lambda: stage.parts.status.source_trouble)
        assert "held 1 before" in notice
        assert "leave one manifest in it" in notice
        assert stage.parts.status.outcome == notice

    play(tmp_path, scene)


def test_what_a_planned_wait_waits_for_is_looked_at_when_it_ends(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("a")
        async with passing(stage):
            await after(stage, 1)
            stage.parts.queue.take(now_ms())
            stage.parts.queue.done(QUICK)
            stage.parts.reconciler.unlisted.failed(WorkflowId(QUICK), "down", 0.2)  # two seconds
            stage.parts.passes.replan()
            await stage.until(lambda: stage.parts.reconciler.next_look_ms())
            await stage.until(lambda: len(stage.parts.queue) == 1)
        assert stage.told.passes() == ["planned"]

    play(tmp_path, scene)


def test_a_pass_that_could_not_be_recorded_is_made_again_a_second_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CONFIRM_S", 0.05)

    async def scene(stage: Stage) -> None:
        stage.write("a")
        stage.fill_disk()
        async with passing(stage):
            await stage.until(lambda: stage.commits["refused"] >= 2)
            assert stage.parts.status.outcome.startswith("not recorded: ")
            assert stage.parts.passes.pending
            stage.free_disk()
            await stage.until_states(a="Waiting")
            assert stage.parts.status.outcome == "planned"

    play(tmp_path, scene)


def test_a_plan_that_could_not_be_recorded_is_made_again_a_second_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CONFIRM_S", 0.05)

    async def scene(stage: Stage) -> None:
        stage.write("a")
        async with passing(stage):
            await after(stage, 1)
            await stage.store.workflow_listed(WorkflowId(QUICK), [], now_ms())
            stage.fill_disk()
            stage.parts.passes.replan()
            await stage.until(lambda: stage.commits["refused"] >= 2)
            stage.free_disk()
            run = await stage.until(lambda: _latest(stage, "a"))
            assert run.key.generation == 1

    play(tmp_path, scene)


async def _latest(stage: Stage, name: str) -> Any:
    observed = (await stage.store.world([Name(name)], [])).names.get(name)
    return observed and observed.latest


@pytest.mark.parametrize(
    ("reason", "level"), [(TroubleReason.SWAPPED, "info"), (TroubleReason.DIED, "warning")]
)
def test_a_deaf_watcher_is_mended_before_the_tree_is_read(
    tmp_path: Path, reason: TroubleReason, level: str
) -> None:
    async def scene(stage: Stage) -> None:
        stage.ears.troubles.append(Trouble(reason, "it ended"))
        with capture_logs() as logs:
            async with passing(stage):
                await after(stage, 1)
        assert [name for name, _ in stage.told.calls[:2]] == ["watch_restart", "revision"]
        [line] = logs
        assert (line["event"], line["log_level"], line["reason"]) == (
            "watcher built anew",
            level,
            str(reason),
        )

    play(tmp_path, scene)


def test_the_script_tells_the_truth_in_the_end(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        assert isinstance(await scripted(stage).scan(ANYTHING), Snapshot)

    play(tmp_path, scene)


@pytest.mark.parametrize("turns", range(6))
def test_passes_end_when_they_are_cancelled_in_the_moment_of_a_hint(tmp_path: Path, turns: int) -> None:
    async def scene(stage: Stage) -> None:
        task = asyncio.create_task(stage.parts.passes.run())
        await after(stage, 1)
        stage.parts.passes.replan()
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task], timeout=DEADLINE_S)
        assert task.cancelled()

    play(tmp_path, scene)


def test_a_plan_that_took_long_is_not_made_again_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended_s: list[float] = []
    began_s: list[float] = []

    async def scene(stage: Stage) -> None:
        async def slow() -> None:
            began_s.append(time.monotonic())
            stage.parts.passes.replan()  # what became of a job meanwhile, say
            await asyncio.sleep(0.05)
            ended_s.append(time.monotonic())

        async with passing(stage):
            await after(stage, 1)
            monkeypatch.setattr(type(stage.parts.reconciler), "replan", lambda _: slow())
            stage.parts.passes.replan()
            await stage.until(lambda: len(ended_s) >= 3)
        rests_s = [began - ended for began, ended in zip(began_s[1:], ended_s, strict=False)]
        assert min(rests_s) >= 0.05 * module.RESTS - 0.01

    play(tmp_path, scene)
