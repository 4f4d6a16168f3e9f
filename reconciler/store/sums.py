"""A checksum in each row that decides what is sent, so that a damaged row is noticed before it is believed.

Triggers keep the checksums, and call an application's function: SQLite refuses a write to these tables on a
connection that lacks it, which also keeps accidental edits out. `wishes`, `events` and `jobs_seen` have none:
other processes write wishes, and nothing that is sent follows from the others. Verification is in
`integrity`.
"""

from __future__ import annotations

import sqlite3
from hashlib import blake2b

SUMMED = ("approvals", "intents", "meta", "names", "runs", "workflows")
"""The tables whose rows have a column `checksum`."""


def row_sum(table: str, *values: str | int | float | bytes | None) -> int:
    """The checksum of one row of this table: signed, 64 bits.

    The values are written with their types in one unambiguous form (`ascii` of a tuple: 5, '5' and b'5'
    differ, and no letter depends on a version of Unicode). A test freezes it: files depend on it.
    """
    text = ascii((table, *values)).encode("ascii")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big", signed=True)


def register(connection: sqlite3.Connection) -> None:
    """Let this connection write to tables with checksums, and verify them."""
    connection.create_function("row_sum", -1, row_sum, deterministic=True)
    connection.execute("PRAGMA trusted_schema = ON")  # triggers may call it; some systems' default is off


def renew_sums(connection: sqlite3.Connection) -> None:
    """Sum all rows, and make the triggers that keep the sums, over the columns that the tables now have."""
    for table in SUMMED:
        columns, key = _columns(connection, table)
        of_new = ", ".join(f"new.{column}" for column in columns)
        is_new = " AND ".join(f"{column} = new.{column}" for column in key)
        body = f"UPDATE {table} SET checksum = row_sum('{table}', {of_new}) WHERE {is_new};"  # noqa: S608
        written = f"UPDATE OF {', '.join(columns)}"  # a change of the checksum alone fires nothing
        for when, event in (("insert", "INSERT"), ("update", written)):
            connection.execute(f"DROP TRIGGER IF EXISTS {table}_sum_{when}")
            connection.execute(f"CREATE TRIGGER {table}_sum_{when} AFTER {event} ON {table} BEGIN {body} END")
        connection.execute(f"UPDATE {table} SET checksum = {_sum_of(table, columns)}")  # noqa: S608


def bad_rows(connection: sqlite3.Connection, table: str, most: int) -> list[str]:
    """The keys of rows whose checksum does not hold, as texts for a person; at most so many."""
    columns, key = _columns(connection, table)
    rows = connection.execute(
        f"SELECT {', '.join(key)} FROM {table}"  # noqa: S608 - our own words
        f" WHERE checksum IS NOT {_sum_of(table, columns)} LIMIT ?",
        (most,),
    )
    return [" ".join(str(value) for value in row) for row in rows]


def _sum_of(table: str, columns: list[str]) -> str:
    return f"row_sum('{table}', {', '.join(columns)})"


def _columns(connection: sqlite3.Connection, table: str) -> tuple[list[str], list[str]]:
    """The columns that a row's sum is over, in order, and those of its key."""
    described = connection.execute(
        "SELECT name, pk FROM pragma_table_info(?) WHERE name <> 'checksum' ORDER BY cid", (table,)
    ).fetchall()
    return [name for name, _ in described], [name for name, pk in described if pk]
