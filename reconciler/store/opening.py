"""Opening a state for writing: verified, brought to the newest schema, bound, and compared with its mark.

The order of the writes, and why a crash between any two is harmless, is in `highwater`.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import StateUnwritable, WrongOrigin
from reconciler.store.highwater import HighWater, Mark, find, sync_directory, why_doubted
from reconciler.store.integrity import trouble_of, verify, verify_file
from reconciler.store.migrations import STEPS, migrate, version_of
from reconciler.store.sums import register


@dataclass(frozen=True, slots=True)
class Binding:
    """What the caller says of the state. Without an origin, nothing will be sent."""

    origin: str | None
    has_moved: bool = False
    is_restored: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """A state to write to. `quarantine` says why it is in quarantine, if it is."""

    connection: sqlite3.Connection
    high_water: HighWater
    quarantine: str | None

    def close(self) -> None:
        """Give all back."""
        self.high_water.close()
        self.connection.close()


def open_state(state: Path, binding: Binding) -> Opened:
    """Open this state, whose lock is held.

    Raises StateDamaged, StateUnusable and WrongOrigin with the file left as it is, and StateUnwritable.
    """
    try:
        os.close(os.open(state, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        verify_file(state)
        connection = sqlite3.connect(state, timeout=5, isolation_level=None, check_same_thread=False)
        try:
            return _open(connection, state, binding)
        except BaseException:
            with suppress(sqlite3.Error):
                connection.close()
            raise
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise trouble_of(state, error) from error
    except OSError as error:
        raise StateUnwritable(f"{error.filename or state}: {error.strerror}") from error


def count_commit(connection: sqlite3.Connection) -> tuple[int, int]:
    """Count the open transaction, and give the numbers of its last intent and of itself."""
    connection.execute(
        "INSERT INTO meta (key, value) VALUES ('commits', '1')"
        " ON CONFLICT (key) DO UPDATE SET value = value + 1"
    )
    return _numbers(connection)


def _open(connection: sqlite3.Connection, state: Path, binding: Binding) -> Opened:
    connection.row_factory = sqlite3.Row
    register(connection)
    if version_of(connection) != len(STEPS):
        migrate(connection)
        verify(connection, state)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA temp_store = MEMORY")  # beside it there may be no place to write to
    mark, is_marked = _enter(connection, state, binding)
    if not is_marked:
        _sync_place(state)
    high_water = HighWater.make(state, mark)
    try:
        if not is_marked:
            _note_marked(connection, high_water)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()  # the file knows it without its log
        return Opened(connection, high_water, _meta(connection).get("quarantine"))
    except BaseException:
        high_water.close()
        raise


def _enter(connection: sqlite3.Connection, state: Path, binding: Binding) -> tuple[Mark, bool]:
    """The first transaction: bind the state, and quarantine it if it is in doubt.

    Gives the mark that belongs beside it now, and whether it knows already that one does.
    """
    found = find(state)
    connection.execute("BEGIN IMMEDIATE")
    try:
        known = _meta(connection)
        _bind(connection, known.get("origin"), binding)
        before = Mark(known.get("identity", ""), known.get("lineage", ""), *_numbers(connection))
        is_marked = "marked" in known
        why = why_doubted(before, found, is_marked=is_marked, is_restored=binding.is_restored)
        identity, lineage = before.identity or _token(), before.lineage or _token()
        if why is not None:
            lineage = _token()
            _put(connection, "quarantine", why)
            connection.execute("UPDATE workflows SET quarantine = 'Waits'")
        _put(connection, "identity", identity)
        _put(connection, "lineage", lineage)
        mark = Mark(identity, lineage, *count_commit(connection))
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        raise
    return mark, is_marked


def _note_marked(connection: sqlite3.Connection, high_water: HighWater) -> None:
    connection.execute("BEGIN IMMEDIATE")
    _put(connection, "marked", "yes")
    numbers = count_commit(connection)
    connection.execute("COMMIT")
    refusal = high_water.reach(*numbers)
    if refusal is not None:
        raise refusal


def _bind(connection: sqlite3.Connection, recorded: str | None, binding: Binding) -> None:
    if binding.origin is None:
        return  # opened to be looked after, not to send
    if recorded is not None and recorded != binding.origin and not binding.has_moved:
        raise WrongOrigin(recorded, binding.origin)
    _put(connection, "origin", binding.origin)


def _sync_place(state: Path) -> None:
    """The state's own name, and that of its directory, may be as new as the state."""
    sync_directory(state.parent)
    with suppress(OSError):  # not ours, and then not made by us either
        sync_directory(state.absolute().parent.parent)


def _meta(connection: sqlite3.Connection) -> dict[str, str]:
    return {row[0]: row[1] for row in connection.execute("SELECT key, value FROM meta")}


def _put(connection: sqlite3.Connection, key: str, value: str) -> None:
    connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))


def _numbers(connection: sqlite3.Connection) -> tuple[int, int]:
    """The numbers of the last intent and of the last commit."""
    intents, commits = connection.execute(
        "SELECT (SELECT coalesce(max(number), 0) FROM intents),"
        " coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'commits'), 0)"
    ).fetchone()
    return int(intents), int(commits)


def _token() -> str:
    return secrets.token_hex(16)
