"""The lock, for those who only want to know who has it."""

from __future__ import annotations

from pathlib import Path

from reconciler.store.lock import Lock, holder_now, lock_path


def test_nobody_has_a_state_that_was_never_locked(tmp_path: Path) -> None:
    assert holder_now(tmp_path / "state.db") is None
    assert list(tmp_path.iterdir()) == []


def test_the_holder_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    lock = Lock.take(state, {"pid": 4711, "host": "there", "since": "now"})
    said = lock_path(state).read_bytes()
    assert holder_now(state) == "process 4711 on there, since now"
    lock.release()
    assert holder_now(state) is None
    assert lock_path(state).read_bytes() == said
