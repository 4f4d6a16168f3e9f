"""Rows that somebody wrote who knows the checksums: the state is refused, or all of it can be read."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.core.model import Name
from reconciler.errors import StateDamaged, WrongOrigin
from reconciler.store.opening import Binding, open_state
from reconciler.store.reading import Reader
from reconciler.store.sums import register
from tests.store.lived import ORIGIN, Files, lived

PHASES = ("Waiting", "Submitting", "Unknown", "Held", "Followed")
TABLES = ("approvals", "intents", "jobs_seen", "meta", "names", "runs", "wishes", "workflows", "events")

VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(max_size=30),
    st.binary(max_size=30),
    st.sampled_from([*PHASES, "", "0", "-1", "9" * 50, "1 2", "[1]", "{}", "null", "\x1b[2J", b"\xff"]),
)
"""What a cell of a state may be made to hold."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return lived(tmp_path_factory.mktemp("lived")).closed


class Target:
    """A state to write into, and its columns; a plain class, since hypothesis prints all of a dataclass."""

    def __init__(self, files: Files, columns: list[tuple[str, str]]) -> None:
        self.files = files
        self.columns = columns


@pytest.fixture(scope="module")
def target(files: Files, tmp_path_factory: pytest.TempPathFactory) -> Target:
    with closing(sqlite3.connect(files.put(tmp_path_factory.mktemp("columns")))) as connection:
        columns = [
            (table, row[1])
            for table in TABLES
            for row in connection.execute(f"PRAGMA table_info({table})")
            if row[1] != "checksum"
        ]
    return Target(files, columns)


def rewritten(state: Path, table: str, column: str, row: int, value: object) -> bool:
    """Write this into one cell, with all checksums as they have to be; False where SQLite itself refuses."""
    with closing(sqlite3.connect(state, isolation_level=None)) as connection:
        register(connection)
        count = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        which = f"SELECT {column} FROM {table} LIMIT 1 OFFSET {row % count if count else 0}"
        try:
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE {column} IS ({which})", (value,))
        except (sqlite3.Error, OverflowError):
            return False
    return True


def read_all(state: Path) -> None:
    """All that any part of the program reads of a state."""
    with closing(Reader.open(state)) as reader:
        items = list(reader.items())
        names = [Name(item.name) for item in items]
        reader.sightings()
        reader.counts()
        reader.open_wishes()
        reader.quarantine()
        reader.world(names, [item.workflow_id for item in items if item.workflow_id])
        reader.runs(PHASES)
        for name in names:
            reader.run_records(name)
            reader.history(name)
        for item in items:
            if item.workflow_id:
                reader.workflow_record(item.workflow_id)


def outcome(state: Path) -> str:
    try:
        open_state(state, Binding(ORIGIN)).close()
    except (StateDamaged, WrongOrigin) as error:
        return type(error).__name__
    read_all(state)
    return "read"


COUNTED: Counter[str] = Counter()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 200), row=st.integers(0, 100), value=VALUES)
def test_a_row_of_a_hostile_hand_is_refused_or_harmless(
    place: int, row: int, value: object, target: Target, tmp_path: Path
) -> None:
    table, column = target.columns[place % len(target.columns)]
    state = target.files.put(tmp_path / "state")
    if rewritten(state, table, column, row, value):
        COUNTED[outcome(state)] += 1


def test_both_came_up() -> None:
    print(f"\nhostile rows: {dict(COUNTED)}")
    assert not COUNTED or {"read", "StateDamaged"} <= set(COUNTED)


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("names", "presence", "Perhaps"),
        ("names", "on_unknown", "guess"),
        ("names", "updated_ms", 2**62),
        ("runs", "phase", "Levitating"),
        ("runs", "job_status", "Lost"),
        ("runs", "submitted_ms", 2**62),
        ("runs", "candidates", "9" * 50),
        ("runs", "candidates", "-1"),
        ("runs", "candidates", "١٢ x"),
    ],
)
def test_a_value_that_is_never_written_is_told_as_damage(
    files: Files, tmp_path: Path, table: str, column: str, value: object
) -> None:
    state = files.put(tmp_path / "state")
    with closing(sqlite3.connect(state, isolation_level=None)) as connection:
        register(connection)
        connection.execute(f"UPDATE {table} SET {column} = ?", (value,))
    with pytest.raises(StateDamaged):
        open_state(state, Binding(ORIGIN))
    assert Files.of(state).without("-wal", "-shm") != files, "it was left as it was made"
