"""What the state forgets in time: old events, and names that were deleted long ago. Runs are never dropped.

Pieces of one transaction, like those in `transactions`; each takes a small bite, so that no write waits long.
"""

from __future__ import annotations

import sqlite3

from reconciler.core.model import Name
from reconciler.core.sighting import Presence

BITE = 500
"""How many rows one transaction drops at most."""


def old_events(connection: sqlite3.Connection, before_ms: int) -> list[int]:
    """The numbers of the first events if they are older than this, at most a bite.

    They are numbered as they came, so the search ends at the first that is younger.
    """
    rows = connection.execute("SELECT number, at_ms FROM events ORDER BY number LIMIT ?", (BITE,))
    old = []
    for number, at_ms in rows:
        if at_ms >= before_ms:
            break
        old.append(int(number))
    return old


def old_names(connection: sqlite3.Connection, before_ms: int) -> list[Name]:
    """Names that were deleted before this and have nothing under way, at most a bite."""
    rows = connection.execute(
        "SELECT name FROM names WHERE presence = ? AND updated_ms < ? AND NOT EXISTS ("
        " SELECT 1 FROM runs WHERE runs.name = names.name"
        " AND phase IN ('Waiting', 'Submitting', 'Unknown', 'Held', 'Followed')) LIMIT ?",
        (Presence.DELETED, before_ms, BITE),
    )
    return [Name(row[0]) for row in rows]


def forget_events(connection: sqlite3.Connection, before_ms: int) -> int:
    """Drop a bite of the events that are older; gives how many."""
    numbers = old_events(connection, before_ms)
    if numbers:
        connection.execute("DELETE FROM events WHERE number <= ?", (numbers[-1],))
        connection.execute("DELETE FROM wishes WHERE answered_ms < ?", (before_ms,))
    return len(numbers)


def forget_names(connection: sqlite3.Connection, before_ms: int) -> list[Name]:
    """Drop a bite of the names that were deleted before; gives them."""
    names = old_names(connection, before_ms)
    connection.executemany("DELETE FROM names WHERE name = ?", [(name,) for name in names])
    return names
