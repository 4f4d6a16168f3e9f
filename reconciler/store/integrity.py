"""Whether a state file is whole: what has to hold before anything that it says is acted on.

A file is looked at read-only, so that one that is damaged, newer or somebody else's stays as it was. Whether
it is also the *newest* that there was is another question: see `highwater`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path

from reconciler.errors import ReconcilerError, StateDamaged, StateUnwritable
from reconciler.store.migrations import FIRST_SUMMED, STEPS, migrate, version_of
from reconciler.store.reading import Reader
from reconciler.store.rows import RUN_COLUMNS, RUN_TABLES, run_of, sighting_of
from reconciler.store.sums import SUMMED, bad_rows, register

LATEST_MS = 253_402_300_799_999
"""The end of the year 9999; nothing writes a later time, and none can be shown."""

_MOST = 5
"""How many damages of a kind are told."""

_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100
_MODES = ((1, 1), (2, 2))
"""The header's write and read version: with a rollback journal, and with a write-ahead log."""

_REFUSALS = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOLFS,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)
"""What the disk or the system answers; all else says that the file is not as we write it."""


def verify_file(state: Path) -> None:
    """Verify the state in this file, and change nothing; an empty file is a new state.

    Raises StateDamaged, StateUnusable if it is not ours to judge, and StateUnwritable where the system
    refuses to let it be read.
    """
    try:
        damages = _damages_of_header(state)
        if damages:
            raise StateDamaged(str(state), damages)
        with closing(_connected(state)) as connection:
            register(connection)
            verify(connection, state)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise trouble_of(state, error) from error
    except OSError as error:
        raise StateUnwritable(f"{state}: {error.strerror}") from error


def verify(connection: sqlite3.Connection, state: Path) -> None:
    """Verify the state that this connection has open. Raises as `verify_file` does, and sqlite3.Error."""
    version = version_of(connection)
    for damages in (_damages_of_file(connection), _damages_of_schema(connection, version)):
        if damages:  # what follows needs these to be right
            raise StateDamaged(str(state), damages)
    damages = [*_damages_of_rows(connection, version), *_damages_of_intents(connection, version)]
    if not damages and version == len(STEPS):
        damages = [*_damages_of_values(connection)]
    if damages:
        raise StateDamaged(str(state), damages)


def trouble_of(state: Path, error: sqlite3.Error | UnicodeDecodeError) -> ReconcilerError:
    """What an error on opening means: the file is damaged, or the disk refuses.

    A UnicodeDecodeError comes out of `sqlite3` where a message quotes text that is damaged.
    """
    code = getattr(error, "sqlite_errorcode", None)  # text that is no UTF-8 has none
    if code is not None and code & 0xFF in _REFUSALS:
        return StateUnwritable(f"{state}: {error}")
    return StateDamaged(str(state), [str(error)])


def _connected(state: Path) -> sqlite3.Connection:
    """Read-only: also at the end nothing is moved from the log into the file (SQLite manual, "WAL-mode").

    A journal beside it is what a crash during the first migration left, which only a writer can undo.
    """
    mode = "rw" if _beside(state, "-journal").exists() else "ro"
    return sqlite3.connect(f"{state.absolute().as_uri()}?mode={mode}", uri=True, timeout=5)


def _beside(state: Path, ending: str) -> Path:
    return state.with_name(state.name + ending)


def _damages_of_header(state: Path) -> list[str]:
    """What the first page's header may not say (SQLite manual, "The Database Header")."""
    with state.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    if not header:
        return []
    if len(header) < _HEADER_BYTES or not header.startswith(_MAGIC):
        return ["it is no SQLite database"]
    mode = (header[18], header[19])
    if mode not in _MODES:
        return [f"its header has the versions {mode[0]} and {mode[1]}"]
    log = _beside(state, "-wal")
    if mode == _MODES[0] and log.exists() and log.stat().st_size:
        return [f"{log.name} beside it is another file's: move that aside as well"]
    return []


def _damages_of_file(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute(f"PRAGMA integrity_check({_MOST})")
    told = [line for (text,) in rows for line in str(text).splitlines()]
    return [] if told == ["ok"] else told[:_MOST]


def _damages_of_schema(connection: sqlite3.Connection, version: int) -> list[str]:
    found, expected = _schema(connection), _schema_at(version)
    names = {it[1] for it in found ^ expected}
    return (
        [f"its schema {version} is not as it was made: {', '.join(sorted(map(str, names))[:_MOST])}"]
        if names
        else []
    )


@cache
def _schema_at(version: int) -> frozenset[tuple[str, str, str, str | None]]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        register(connection)
        migrate(connection, to=version)
        return _schema(connection)


def _schema(connection: sqlite3.Connection) -> frozenset[tuple[str, str, str, str | None]]:
    """All that the schema has, but for statistics, which an administrator may gather (`ANALYZE`)."""
    rows = connection.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_stat%' ESCAPE '\\'"
    )
    return frozenset((row[0], row[1], row[2], row[3]) for row in rows)


def _damages_of_rows(connection: sqlite3.Connection, version: int) -> Iterator[str]:
    for table in SUMMED if version >= FIRST_SUMMED else ():
        keys = bad_rows(connection, table, _MOST)
        if keys:
            yield f"rows of {table} do not have their checksum: {', '.join(keys)}"


def _damages_of_values(connection: sqlite3.Connection) -> Iterator[str]:
    """Rows with a checksum that holds, and values that we never write: somebody wrote them who knows how."""
    for table in SUMMED:
        for (column,) in connection.execute(
            "SELECT name FROM pragma_table_info(?) WHERE name LIKE '%\\_ms' ESCAPE '\\'", (table,)
        ).fetchall():
            odd = f"typeof({column}) NOT IN ('integer', 'null') OR {column} NOT BETWEEN 0 AND {LATEST_MS}"
            if connection.execute(f"SELECT 1 FROM {table} WHERE {odd} LIMIT 1").fetchone():  # noqa: S608
                yield f"{column} of {table} holds what is no time"
    try:
        reader = Reader(connection)
        for row in connection.execute("SELECT * FROM names"):
            sighting_of(row)
        reader.world((), [row[0] for row in connection.execute("SELECT workflow_id FROM workflows")])
        reader.open_wishes()
        for row in connection.execute(f"SELECT {RUN_COLUMNS} FROM {RUN_TABLES}"):  # noqa: S608 - our own words
            run_of(row)
    except (ValueError, OverflowError, TypeError, KeyError) as error:
        yield f"its rows hold what is never written there ({error})"


def _damages_of_intents(connection: sqlite3.Connection, version: int) -> Iterator[str]:
    if version == 0:
        return
    count, lowest, highest = connection.execute(
        "SELECT count(*), coalesce(min(number), 1), coalesce(max(number), 0) FROM intents"
    ).fetchone()
    if (lowest, highest) != (1, count):
        yield f"its {count} intents are numbered from {lowest} to {highest}"
    strays = connection.execute(
        "SELECT number FROM intents LEFT JOIN runs USING (name, generation, attempt)"
        " WHERE runs.phase IS NULL LIMIT ?",
        (_MOST,),
    ).fetchall()
    if strays:
        yield f"there is no run for the intents {', '.join(str(row[0]) for row in strays)}"
    without = connection.execute(
        "SELECT runs.name FROM runs LEFT JOIN intents ON intents.number = runs.intent"
        " AND (intents.name, intents.generation, intents.attempt)"
        " = (runs.name, runs.generation, runs.attempt)"
        " WHERE runs.phase IN ('Submitting', 'Unknown', 'Held') AND intents.number IS NULL LIMIT ?",
        (_MOST,),
    ).fetchall()
    if without:
        yield f"there is no intent for runs of {', '.join(str(row[0]) for row in without)}"
