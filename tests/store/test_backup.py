"""A backup: one moment of the state, verified, and nobody else's to read."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.errors import StateDamaged, StateUnusable, StateUnwritable
from reconciler.store.backup import back_up
from reconciler.store.opening import Binding, open_state
from reconciler.store.sums import SUMMED
from tests.store.lived import ORIGIN, Files, Lived, contents, edit, lived, rows_of


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    return lived(tmp_path_factory.mktemp("lived"))


def test_a_copy_holds_all_that_a_living_state_holds(life: Lived, tmp_path: Path) -> None:
    state, copy = life.live.put(tmp_path / "state"), tmp_path / "copy.db"
    opened = open_state(state, Binding(ORIGIN))
    copied = back_up(state, copy)
    with closing(sqlite3.connect(copy)) as connection:
        assert rows_of(connection, SUMMED) == rows_of(opened.connection, SUMMED)
    opened.close()
    assert copied.runs >= 60
    assert copied.intents > 50
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"state", "copy.db"}


def test_a_copy_that_is_put_in_place_is_taken_for_restored(life: Lived, tmp_path: Path) -> None:
    state, copy = life.older.put(tmp_path / "state"), tmp_path / "copy.db"
    back_up(state, copy)
    restored = Files({"": copy.read_bytes(), ".intents": life.closed.content[".intents"]})
    assert contents(restored.put(tmp_path / "state"))[1] is not None


def test_nothing_is_overwritten(life: Lived, tmp_path: Path) -> None:
    state, copy = life.closed.put(tmp_path / "state"), tmp_path / "copy.db"
    copy.write_text("precious")
    with pytest.raises(StateUnusable, match="exists already"):
        back_up(state, copy)
    assert copy.read_text() == "precious"


def test_what_is_damaged_is_not_kept(life: Lived, tmp_path: Path) -> None:
    state, copy = life.closed.put(tmp_path / "state"), tmp_path / "copy.db"
    edit(state, "UPDATE runs SET digest = 'x'")
    with pytest.raises(StateDamaged):
        back_up(state, copy)
    assert not copy.exists()


def test_where_nothing_can_be_copied_or_written_that_is_said(life: Lived, tmp_path: Path) -> None:
    with pytest.raises(StateUnusable, match="no such file"):
        back_up(tmp_path / "none.db", tmp_path / "copy.db")
    with pytest.raises(StateUnwritable):
        back_up(life.closed.put(tmp_path / "state"), tmp_path / "no" / "copy.db")
