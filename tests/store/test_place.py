"""Where a state may lie: files that are ours alone, under one name."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.errors import StateInUse, StateUnusable
from reconciler.store.lock import Lock
from reconciler.store.place import exposures
from reconciler.store.sqlite import SqliteStore

STRANGER = 4711
ENDINGS = ("", "-wal", "-shm", ".lock", ".intents", ".intents.new")
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


def opened(state: Path) -> None:
    async def main() -> None:
        store = await SqliteStore.open(state, None, {"pid": 1}, lambda *_: None)
        await store.close()

    asyncio.run(main())


def beside(state: Path, ending: str) -> Path:
    return state.with_name(state.name + ending)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state that was opened once."""
    path = tmp_path / "state" / "state.db"
    opened(path)
    return path


def test_a_state_is_made_for_us_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        state = tmp_path / "state" / "state.db"
        opened(state)
    finally:
        os.umask(before)
    assert state.parent.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in state.parent.iterdir()} == {0o600}
    assert list(exposures(state)) == []


def as_symlink(path: Path, elsewhere: Path) -> None:
    path.symlink_to(elsewhere)


def as_hard_link(path: Path, elsewhere: Path) -> None:
    path.hardlink_to(elsewhere)


def as_fifo(path: Path, _: Path) -> None:
    os.mkfifo(path)


def as_directory(path: Path, _: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(
    ("make", "why"),
    [
        (as_symlink, "is a symbolic link"),
        (as_hard_link, "under 2 names"),
        (as_fifo, "not a regular file"),
        (as_directory, "not a regular file"),
    ],
)
def test_a_file_that_is_somewhere_else_or_something_else_is_refused(
    state: Path, tmp_path: Path, ending: str, make: Callable[[Path, Path], None], why: str
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    beside(state, ending).unlink(missing_ok=True)
    make(beside(state, ending), precious)
    with pytest.raises(StateUnusable, match=why):
        opened(state)
    assert precious.read_text() == "precious"


def test_a_link_that_leads_nowhere_is_refused_and_what_it_names_is_not_made(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    state.symlink_to(tmp_path / "planted")
    with pytest.raises(StateUnusable, match="symbolic link"):
        opened(state)
    assert not (tmp_path / "planted").exists()


@only_root
@pytest.mark.parametrize("ending", ["", ".intents", ".lock"])
def test_a_file_of_another_user_is_refused(state: Path, ending: str) -> None:
    os.chown(beside(state, ending), STRANGER, STRANGER)
    with pytest.raises(StateUnusable, match=f"belongs to user {STRANGER}"):
        opened(state)


@only_root
def test_a_state_of_another_user_that_is_in_use_is_that(state: Path) -> None:
    """Whoever only leaves a wish for the daemon makes no file there."""
    lock = Lock.take(state, {"pid": 1})
    os.chown(state, STRANGER, STRANGER)
    with pytest.raises(StateInUse):
        opened(state)
    lock.release()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o660])
def test_a_file_that_others_may_read_is_told_and_used(state: Path, mode: int) -> None:
    state.chmod(mode)
    assert [it for it in exposures(state) if str(state) in it]
    opened(state)


def test_a_directory_in_which_anybody_may_write_is_told_and_used(state: Path) -> None:
    state.parent.chmod(0o777)
    assert list(exposures(state)) == [f"anybody may put files beside the state: chmod o-w {state.parent}"]
    opened(state)


def test_a_state_that_is_not_there_yet_is_nothing_to_tell_of(tmp_path: Path) -> None:
    assert list(exposures(tmp_path / "none" / "state.db")) == []
    (tmp_path / "file").touch()
    assert list(exposures(tmp_path / "file" / "state.db")) == []
    assert list(exposures(tmp_path / ("x" * 300) / "state.db")) == []
