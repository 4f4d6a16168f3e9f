"""The high-water file: one record, written in place, synced once a second, never believed if damaged."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.errors import StateUnwritable
from reconciler.store.highwater import HighWater, Mark, Missing, Unreadable, find, mark_path, why_doubted

MARK = Mark("a" * 32, "b" * 32, 7, 50)


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    found: list[int] = []
    sync = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: (found.append(1), sync(descriptor))[1])
    return found


def test_what_is_written_is_found_again(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    assert find(state) == Missing()
    file = HighWater.make(state, MARK)
    assert find(state) == MARK
    assert stat.S_IMODE(mark_path(state).stat().st_mode) == 0o600
    assert file.reach(8, 51) is None
    assert find(state) == replace(MARK, intents=8, commits=51)
    assert file.close() is None


def test_whatever_lay_there_is_replaced(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    mark_path(state).write_bytes(b"x" * 10_000)
    assert find(state) == Unreadable()
    HighWater.make(state, MARK).close()
    assert find(state) == MARK


def test_no_flipped_bit_is_believed() -> None:
    data = MARK.encode()
    for place in range(len(data)):
        for bit in range(8):
            flipped = data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]
            assert Mark.decode(flipped) is None
    assert Mark.decode(data) == MARK
    assert Mark.decode(data + b"\n") is None


def test_it_is_synced_at_most_once_a_second_and_never_left_unsynced(tmp_path: Path, syncs: list[int]) -> None:
    clock = Clock()
    file = HighWater.make(tmp_path / "state.db", MARK, clock)
    assert (len(syncs), file.due_in_s()) == (1, None)
    clock.now_s += 100
    for number in range(10):
        file.reach(8 + number, 51 + number)
        file.keep_up()
    assert (len(syncs), file.due_in_s()) == (1, 1.0)
    clock.now_s += 0.6
    file.reach(20, 80)
    assert file.due_in_s() == pytest.approx(0.4), "a mark that follows puts no sync off"
    clock.now_s += 0.5
    assert file.due_in_s() == 0
    assert file.keep_up() is None
    assert (len(syncs), file.due_in_s()) == (2, None)
    file.reach(30, 90)
    file.close()
    assert len(syncs) == 3


def test_a_write_that_fails_is_told_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state, clock = tmp_path / "state.db", Clock()
    file = HighWater.make(state, MARK, clock)

    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", refuse)
        assert isinstance(file.reach(8, 51), StateUnwritable)
        assert file.due_in_s() == 1.0
    assert find(state) == MARK
    clock.now_s += 1
    assert file.keep_up() is None
    assert find(state) == replace(MARK, intents=8, commits=51)
    assert file.due_in_s() is None
    file.close()


def test_a_mark_that_cannot_be_synced_is_told_until_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    file = HighWater.make(tmp_path / "state.db", MARK, clock)

    def refuse(*_: object) -> None:
        raise OSError(5, "Input/output error")

    assert file.reach(8, 51) is None
    clock.now_s += 1
    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", refuse)
        assert isinstance(file.keep_up(), StateUnwritable)
        assert isinstance(file.reach(9, 52), StateUnwritable), "the next write alone mends no sync"
        assert isinstance(file.keep_up(), StateUnwritable)
    clock.now_s += 1
    assert file.keep_up() is None
    assert file.reach(10, 53) is None
    assert file.close() is None


@pytest.mark.parametrize("kind", ["link", "pipe", "directory"])
def test_what_is_no_file_is_not_read_and_no_link_is_followed(tmp_path: Path, kind: str) -> None:
    state = tmp_path / "state.db"
    place = mark_path(state)
    match kind:
        case "link":
            place.symlink_to(tmp_path / "other")
        case "pipe":
            os.mkfifo(place)
        case _:
            place.mkdir()
    with pytest.raises(OSError, match=r"symbolic|regular"):
        find(state)
    if kind == "link":
        HighWater.make(state, MARK).close()
        assert find(state) == MARK
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("found", "is_doubted"),
    [
        (MARK, False),
        (replace(MARK, intents=6, commits=49), False),
        (replace(MARK, intents=8), True),
        (replace(MARK, commits=51), True),
        (replace(MARK, identity="c" * 32), True),
        (replace(MARK, lineage="c" * 32, intents=0, commits=0), True),
        (Unreadable(), True),
        (Missing(), True),
    ],
)
def test_a_state_is_doubted_unless_the_mark_is_its_own_and_not_ahead(found: Mark, is_doubted: bool) -> None:
    assert bool(why_doubted(MARK, found, is_marked=True, is_restored=False)) is is_doubted
    assert why_doubted(MARK, found, is_marked=True, is_restored=True)


def test_a_state_that_never_had_a_mark_does_not_miss_one() -> None:
    assert why_doubted(MARK, Missing(), is_marked=False, is_restored=False) is None
    assert "new" in str(why_doubted(Mark("", "", 0, 0), MARK, is_marked=False, is_restored=False))
