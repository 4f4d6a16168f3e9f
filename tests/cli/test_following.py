"""Following a state: what is news, and that a state may come, and may be put in the place of another."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest

from reconciler.cli.following import changes, items_in
from reconciler.errors import StateUnusable
from reconciler.store.sums import register
from tests.cli.lasting import STATE, left_behind
from tests.engine.stage import Stage


def with_names(*names: str) -> Callable[[Stage], object]:
    async def scene(stage: Stage) -> None:
        for name in names:
            stage.write(name, suspend=True)
        await stage.parts.reconciler.reconcile()

    return scene


def rename(state: Path, reason: str) -> None:
    """A change as another process makes it."""
    with closing(sqlite3.connect(state)) as connection:
        register(connection)
        connection.execute("UPDATE names SET reason = ? WHERE name = 'a'", (reason,))
        connection.commit()


def news(state: Path, *steps: Callable[[], object]) -> list[list[str]]:
    """The names that are news, at first and after each step; a step is made when there was nothing new."""
    left = list(steps)
    idle = iter(range(50))

    def pause() -> None:
        if left:
            left.pop(0)()
        else:
            assert next(idle, None) is not None, "nothing is news any more"

    return [sorted(found) for _, found in islice(changes(state, pause), 1 + len(steps))]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    left_behind(tmp_path, with_names("a", "b"))
    return tmp_path / STATE


def test_first_all_are_news_and_then_those_that_changed(state: Path) -> None:
    steps = [lambda: rename(state, "x"), lambda: rename(state, "y")]
    assert news(state, *steps) == [["a", "b"], ["a"], ["a"]]


def test_a_state_may_come_later(tmp_path: Path) -> None:
    def comes() -> None:
        left_behind(tmp_path, with_names("a"))

    assert news(tmp_path / STATE, comes) == [[], ["a"]]
    assert [item.name for item in items_in(tmp_path / STATE)] == ["a"]


def test_a_state_that_is_only_begun_is_followed_once_it_is_made(tmp_path: Path) -> None:
    (tmp_path / STATE).parent.mkdir()
    (tmp_path / STATE).touch(0o600)

    def is_made() -> None:
        left_behind(tmp_path, with_names("a"))

    assert news(tmp_path / STATE, is_made) == [[], ["a"]]


def test_a_state_in_the_place_of_another_is_followed_on(state: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    left_behind(other, with_names("a", "b", "c"))

    def is_replaced() -> None:
        (other / STATE).replace(state)

    assert "c" in news(state, is_replaced)[1]


def test_a_file_that_is_no_state_is_waited_out(state: Path) -> None:
    kept = state.read_bytes()

    def is_half_there() -> None:
        state.unlink()
        state.write_bytes(b"half")

    def is_there() -> None:
        state.unlink()
        state.write_bytes(kept)
        rename(state, "z")

    left = [is_half_there, is_there]
    found = changes(state, lambda: left.pop(0)())
    next(found)
    assert sorted(next(found)[1]) == ["a"]


def test_no_state_has_no_items(tmp_path: Path) -> None:
    assert items_in(tmp_path / "none.db") == []


def test_a_file_that_is_no_state_from_the_first_is_told(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_text("no state" * 1000)
    with pytest.raises(StateUnusable):
        next(changes(tmp_path / "state.db"))
