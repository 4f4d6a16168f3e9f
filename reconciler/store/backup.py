"""A consistent copy of a state, also while a daemon writes it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import StateUnusable, StateUnwritable
from reconciler.store.highwater import sync_directory
from reconciler.store.integrity import trouble_of, verify_file
from reconciler.store.migrations import version_of


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy holds."""

    runs: int
    intents: int


def back_up(state: Path, copy: Path) -> Copied:
    """Copy this state into a new file, sync it, and verify it.

    The copy is one file without a write-ahead log. What fails leaves none. Raises StateUnusable if there is
    no state to copy or the file exists already, StateDamaged if what would be kept is damaged, and
    StateUnwritable where the disk refuses.
    """
    if not state.exists():
        raise StateUnusable(f"{state} cannot be copied: there is no such file")
    try:
        os.close(os.open(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    except FileExistsError:
        raise StateUnusable(f"{copy} exists already, and is left as it is; name another file") from None
    except OSError as error:
        raise StateUnwritable(f"{copy}: {error.strerror}") from error
    try:
        copied = _copy(state, copy)
        _sync(copy)
        verify_file(copy)
    except BaseException:
        copy.unlink(missing_ok=True)
        raise
    return copied


def _copy(state: Path, copy: Path) -> Copied:
    try:
        with (
            closing(sqlite3.connect(f"{state.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as source,
            closing(sqlite3.connect(copy, isolation_level=None)) as target,
        ):
            source.backup(target)  # all pages in one step, under one reading lock: one moment of the state
            target.execute("PRAGMA journal_mode = DELETE")
            if version_of(target) == 0:
                return Copied(0, 0)
            runs, intents = target.execute(
                "SELECT (SELECT count(*) FROM runs), (SELECT count(*) FROM intents)"
            ).fetchone()
            return Copied(runs, intents)
    except sqlite3.Error as error:
        raise trouble_of(state, error) from error


def _sync(copy: Path) -> None:
    try:
        with copy.open("rb") as file:
            os.fsync(file.fileno())
        sync_directory(copy.absolute().parent)
    except OSError as error:
        raise StateUnwritable(f"{copy}: {error.strerror}") from error
