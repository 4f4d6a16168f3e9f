"""How much of the tree each pass looks at: by what was heard of it, and everything when that is due."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.engine.passes import CONFIRM_S
from reconciler.source.heard import ANYTHING, NOTHING, Heard
from reconciler.source.hints import Hint, HintKind
from reconciler.source.tree import Missing, PutOff, PutOffReason
from reconciler.source.trouble import Trouble, TroubleReason
from tests.engine.stage import Stage, play

RESYNC_S = 60.0
BUSY = PutOff(PutOffReason.INDEX_LOCK, "git holds .git/index.lock")
A_FILE = Heard(frozenset({"/nowhere/a.yaml"}))


class Looks:
    """Passes that are made when the test says so, at the time that it says, and what each was to look at."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.passes = stage, stage.parts.passes
        self.now_s = 1000.0
        self.passes.now_s = lambda: self.now_s
        self.answers: list[object] = []
        self._asked: list[Heard] = []
        self._truth = stage.parts.reconciler.scan
        stage.parts.reconciler.scan = self._scan

    async def _scan(self, heard: Heard) -> Any:
        self._asked.append(heard)
        return self.answers.pop(0) if self.answers else await self._truth(heard)

    def file(self, name: str) -> Heard:
        return Heard(frozenset({str(self.stage.settings.jobs_dir / f"{name}.yaml")}))

    def hear(self, heard: Heard) -> None:
        self.passes.hint(heard, is_in_place=False)

    async def look(self, after_s: float = 0.0) -> tuple[Heard, float]:
        """A pass so much later: what it was to look at first, and in how many seconds another is due."""
        self.now_s += after_s
        self._asked.clear()
        wait_s = await self.passes._look_once()
        return self._asked[0], round(wait_s, 6)


def playing(directory: Path, scene: Callable[[Looks], Awaitable[None]]) -> None:
    async def staged(stage: Stage) -> None:
        stage.write("other", suspend=True)
        await scene(Looks(stage))

    play(directory, staged, resync_s=RESYNC_S)


def test_the_first_pass_looks_at_everything_and_the_resync_at_what_may_have_changed_unheard(
    tmp_path: Path,
) -> None:
    async def scene(looks: Looks) -> None:
        assert await looks.look() == (ANYTHING, RESYNC_S)
        assert await looks.look(RESYNC_S) == (NOTHING, RESYNC_S)

    playing(tmp_path, scene)


def test_a_pass_for_some_files_looks_at_no_more_and_puts_the_resync_off_for_nobody(tmp_path: Path) -> None:
    async def scene(looks: Looks) -> None:
        await looks.look()
        looks.hear(looks.file("other"))
        assert await looks.look(50.0) == (looks.file("other"), 10.0)
        looks.hear(looks.file("other"))
        looks.hear(looks.file("another"))
        assert await looks.look(9.0) == (looks.file("other") | looks.file("another"), 1.0)
        assert await looks.look(1.0) == (NOTHING, RESYNC_S)

    playing(tmp_path, scene)


def test_a_change_of_a_file_that_is_heard_of_when_the_resync_is_due_is_seen_by_it(tmp_path: Path) -> None:
    async def scene(looks: Looks) -> None:
        await looks.look()
        looks.hear(looks.file("other"))
        assert await looks.look(RESYNC_S) == (ANYTHING, RESYNC_S)

    playing(tmp_path, scene)


def test_with_anything_else_a_pass_looks_at_everything_and_counts_as_the_resync(tmp_path: Path) -> None:
    async def scene(looks: Looks) -> None:
        await looks.look()
        looks.hear(looks.file("other"))
        looks.hear(ANYTHING)
        assert await looks.look(50.0) == (ANYTHING, RESYNC_S)

    playing(tmp_path, scene)


@pytest.mark.parametrize("answer", [BUSY, Missing("no such directory")], ids=["put off", "missing"])
@pytest.mark.parametrize("heard", [A_FILE, ANYTHING], ids=["a file", "anything"])
def test_what_was_heard_is_kept_for_the_pass_after_one_that_does_not_count(
    tmp_path: Path, answer: object, heard: Heard
) -> None:
    async def scene(looks: Looks) -> None:
        await looks.look()
        looks.answers.append(answer)
        looks.hear(heard)
        assert (await looks.look(1.0))[0] == heard
        assert (await looks.look(1.0))[0] == heard
        assert (await looks.look(1.0))[0] == NOTHING

    playing(tmp_path, scene)


def test_what_was_heard_is_kept_for_the_pass_after_one_that_found_the_tree_empty(tmp_path: Path) -> None:
    async def scene(looks: Looks) -> None:
        await looks.look()
        path = looks.stage.settings.jobs_dir / "other.yaml"
        text = path.read_text()
        path.unlink()
        looks.hear(ANYTHING)
        await looks.look(1.0)
        assert "holds no manifest" in looks.stage.parts.status.outcome
        path.write_text(text)
        assert (await looks.look(1.0))[0] == ANYTHING

    playing(tmp_path, scene)


def test_what_was_heard_is_kept_for_the_pass_after_one_that_could_not_be_recorded(tmp_path: Path) -> None:
    async def scene(looks: Looks) -> None:
        await looks.look()
        looks.stage.write("a")
        looks.hear(looks.file("a"))
        looks.stage.fill_disk()
        assert await looks.look(1.0) == (looks.file("a"), CONFIRM_S)
        assert looks.stage.parts.status.unrecorded
        looks.stage.free_disk()
        assert await looks.look(CONFIRM_S) == (looks.file("a"), RESYNC_S - 1.0 - CONFIRM_S)
        assert not looks.stage.parts.status.unrecorded

    playing(tmp_path, scene)


def test_an_absence_is_confirmed_by_looking_at_everything_whatever_is_heard_of_meanwhile(
    tmp_path: Path,
) -> None:
    async def scene(looks: Looks) -> None:
        await looks.stage.claimed("a")
        await looks.look()
        looks.stage.remove("a")
        looks.hear(looks.file("a"))
        assert await looks.look(10.0) == (looks.file("a"), CONFIRM_S)
        looks.hear(looks.file("other"))
        assert await looks.look(0.25) == (looks.file("other"), 0.75)
        assert looks.passes.needs_confirmation
        assert (await looks.stage.states())["a"] != "Deleted"
        assert await looks.look(0.75) == (ANYTHING, RESYNC_S)
        assert (await looks.stage.states())["a"] == "Deleted"
        assert not looks.passes.needs_confirmation

    playing(tmp_path, scene)


def test_after_a_watcher_was_deaf_or_while_one_lacks_watches_a_pass_looks_at_everything(
    tmp_path: Path,
) -> None:
    async def scene(looks: Looks) -> None:
        await looks.look()
        looks.stage.ears.troubles.append(Trouble(TroubleReason.DIED, "it ended"))
        assert (await looks.look(RESYNC_S))[0] == ANYTHING
        assert (await looks.look(RESYNC_S))[0] == NOTHING
        looks.stage.ears.without = Trouble(TroubleReason.WATCH_LIMIT, "no more watches")
        assert (await looks.look(RESYNC_S))[0] == ANYTHING

    playing(tmp_path, scene)


def test_the_watcher_is_not_looked_after_by_a_pass_for_some_files(tmp_path: Path) -> None:
    async def scene(looks: Looks) -> None:
        await looks.look()
        looks.stage.ears.troubles.append(Trouble(TroubleReason.DIED, "it ended"))
        looks.hear(looks.file("other"))
        assert (await looks.look(1.0))[0] == looks.file("other")
        assert looks.stage.told.of("watch_restart") == []
        await looks.look(RESYNC_S)
        assert looks.stage.told.of("watch_restart") == [()]

    playing(tmp_path, scene)


def test_a_hint_of_the_watchers_says_what_the_pass_looks_at(tmp_path: Path) -> None:
    async def scene(looks: Looks) -> None:
        await looks.look()
        [path] = looks.file("other").paths
        looks.stage.parts.hinted(Hint(HintKind.WHOLE, path, looks.file("other")))
        assert (await looks.look(1.0))[0] == looks.file("other")
        looks.stage.parts.hinted(Hint(HintKind.LOST, ""))
        assert (await looks.look(1.0))[0] == ANYTHING

    playing(tmp_path, scene)
