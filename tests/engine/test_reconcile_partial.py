"""Passes over a part: where something was heard, and lot by lot where there is much."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.core.model import Name
from reconciler.core.plan import Wait
from reconciler.core.reason import Reason
from reconciler.engine import reconcile as module
from reconciler.engine.reconcile import Emptied, PassResult, Planned
from reconciler.errors import StateUnwritable
from reconciler.source.heard import NOTHING, Heard
from tests.engine.stage import Stage, manifest_text, play


async def passed(stage: Stage, *files: str, heard: Heard = NOTHING) -> Planned:
    """A pass that counts, for which these files were heard of; none: the resync."""
    result = await looked(stage, *files, heard=heard)
    assert isinstance(result, Planned), result
    return result


async def looked(stage: Stage, *files: str, heard: Heard = NOTHING) -> PassResult:
    paths = frozenset(str(stage.settings.jobs_dir.resolve() / file) for file in files)
    return await stage.parts.reconciler.reconcile(heard | Heard(paths))


def names(planned: Planned) -> list[str]:
    return [action.name for action in planned.plan.actions]


def test_a_file_that_was_heard_of_is_all_that_is_looked_at(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("a", suspend=True)
        stage.write_text("b.yaml", manifest_text("b", suspend=True))
        (stage.settings.jobs_dir / "team").mkdir()
        await passed(stage)
        stage.write("a", suspend=True, value="y")
        stage.write_text("team/c.yaml", manifest_text("c", suspend=True))
        seen = await passed(stage, "a.yaml")
        assert (seen.is_complete, names(seen)) == (False, ["a"])
        seen = await passed(stage)
        assert (seen.is_complete, names(seen)) == (True, ["c"])
        assert names(await passed(stage)) == []

    play(tmp_path, scene)


def test_a_manifest_that_is_not_there_any_more_is_looked_for_everywhere(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        for name in ("a", "keep"):
            stage.write(name, suspend=True)
        (stage.settings.jobs_dir / "team").mkdir()
        await passed(stage)
        (stage.settings.jobs_dir / "a.yaml").rename(stage.settings.jobs_dir / "team" / "a.yaml")
        seen = await passed(stage, "a.yaml")
        assert (seen.is_complete, seen.needs_confirmation, names(seen)) == (True, False, ["a"])
        item = await stage.store.item(Name("a"))
        assert (str(item.state), item.path) == ("Suspended", "team/a.yaml")

    play(tmp_path, scene)


def test_only_two_complete_passes_say_that_a_name_is_deleted(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        for name in ("a", "b"):
            stage.write(name, suspend=True)
        await passed(stage)
        stage.remove("a")
        seen = await passed(stage, "a.yaml")
        assert (seen.is_complete, seen.needs_confirmation) == (True, True)
        for version in range(3):
            stage.write("b", suspend=True, value=str(version))
            seen = await passed(stage, "b.yaml")
            assert (seen.is_complete, seen.needs_confirmation) == (False, True)
            assert (await stage.states())["a"] == "Suspended"
        seen = await passed(stage)
        assert not seen.needs_confirmation
        assert (await stage.states())["a"] == "Deleted"

    play(tmp_path, scene)


def test_the_last_manifest_is_not_taken_for_deleted_and_what_comes_after_it_is_seen(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("a", suspend=True)
        await passed(stage)
        stage.remove("a")
        assert await looked(stage, "a.yaml") == Emptied(1)
        assert await looked(stage) == Emptied(1)
        assert (await stage.states())["a"] == "Suspended"
        stage.write("b", suspend=True)
        seen = await passed(stage, "b.yaml")
        assert (sorted(names(seen)), seen.needs_confirmation) == (["a", "b"], True)
        await passed(stage)
        assert await stage.states() == {"a": "Deleted", "b": "Suspended"}

    play(tmp_path, scene)


def test_what_could_not_be_recorded_is_planned_again_although_the_tree_tells_it_once(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("a", suspend=True)
        stage.write("b", suspend=True)
        await passed(stage)
        stage.write("a", suspend=True, value="y")
        stage.remove("b")
        stage.fill_disk()
        with pytest.raises(StateUnwritable):
            await looked(stage)
        stage.free_disk()
        before = await stage.store.item(Name("a"))
        seen = await passed(stage)
        assert (sorted(names(seen)), seen.needs_confirmation) == (["a", "b"], True)
        assert (await stage.store.item(Name("a"))).digest != before.digest

    play(tmp_path, scene)


def test_what_was_seen_while_the_state_could_not_be_read_is_planned_by_the_next_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("a", suspend=True)
        await passed(stage)
        stage.write("a", suspend=True, value="y")

        async def refuses(*_: object) -> None:
            raise StateUnwritable("the disk does not answer")

        with monkeypatch.context() as patch:
            patch.setattr(stage.store, "world", refuses)
            with pytest.raises(StateUnwritable):
                await looked(stage)
        assert names(await passed(stage)) == ["a"]

    play(tmp_path, scene)


def test_of_many_names_those_that_ask_for_nothing_are_set_aside_lot_by_lot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 3)

    async def scene(stage: Stage) -> None:
        for number in range(10):
            stage.write(f"n{number}", suspend=number % 2 == 0)
        stage.write_text("broken.yaml", "kind: [")
        seen = await passed(stage)
        assert names(seen) == [f"n{number}" for number in range(1, 10, 2)]
        assert all(isinstance(it, Wait) and it.why is Reason.NOT_LISTED for it in seen.plan.actions)
        states = await stage.states()
        assert states == {f"n{n}": "Waiting" if n % 2 else "Suspended" for n in range(10)}
        again = await passed(stage)
        assert names(again) == names(seen)

    play(tmp_path, scene)


def test_what_one_lot_recorded_as_deleted_is_so_although_the_next_could_not_be_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 3)

    async def scene(stage: Stage) -> None:
        for name in (*"abcdef", "keep"):
            stage.write(name, suspend=True)
        await passed(stage)
        for name in "abcdef":
            stage.remove(name)
        await passed(stage)
        exact, lots = stage.store.observe, iter([True, False])

        def observe(*arguments: object) -> object:
            if next(lots, True):
                return exact(*arguments)
            raise StateUnwritable("full")

        with monkeypatch.context() as patch:
            patch.setattr(stage.store, "observe", observe)
            with pytest.raises(StateUnwritable):
                await looked(stage)
        await passed(stage)
        assert set((await stage.states()).values()) == {"Deleted", "Suspended"}
        assert names(await passed(stage)) == []
        assert await stage.parts.reconciler.wanted.known() == 1

    play(tmp_path, scene)


def test_the_guard_counts_over_all_lots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 3)

    async def scene(stage: Stage) -> None:
        for number in range(10):
            stage.write(f"n{number}")
        seen = await passed(stage)
        assert seen.plan.is_guarded
        assert len(seen.plan.unapproved) == 10

    play(tmp_path, scene, max_new=9)


def test_a_restart_plans_only_what_is_not_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(stage: Stage) -> None:
        for number in range(10):
            stage.write(f"n{number}", suspend=True)
        await passed(stage)
        monkeypatch.setattr(module, "AT_ONCE", 3)
        stage.write("n4", value="new")
        before = await stage.states()
        stage.wire(stage.store, stage.parts.status)
        await stage.parts.reconciler.start()
        seen = await passed(stage)
        assert names(seen) == ["n4"]
        assert await stage.states() == before | {"n4": "Waiting"}

    play(tmp_path, scene)
