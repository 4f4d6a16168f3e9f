"""The checksums of rows: frozen, told apart by type, kept by triggers, and over every column."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.store.migrations import migrate
from reconciler.store.sums import SUMMED, bad_rows, register, row_sum


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        register(connection)
        migrate(connection)
        yield connection


def test_a_sum_never_changes_from_version_to_version() -> None:
    assert row_sum("runs", "näme", 5, None, b"\x00{}", 1.5) == -5601804885628775683


def test_values_of_different_types_and_rows_of_different_tables_differ() -> None:
    sums = {row_sum("a", 5), row_sum("a", "5"), row_sum("a", b"5"), row_sum("a", 5.0), row_sum("b", 5)}
    sums |= {row_sum("a", None), row_sum("a", ""), row_sum("a", "a", "b"), row_sum("a", "a', 'b")}
    assert len(sums) == 9


def test_a_row_that_is_written_in_any_way_has_its_sum(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO meta (key, value) VALUES ('a', '1')")
    connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('a', '2')")
    connection.execute(
        "INSERT INTO meta (key, value) VALUES ('a', '3') ON CONFLICT (key) DO UPDATE SET value = '4'"
    )
    connection.execute("UPDATE meta SET key = 'b'")
    [(total,)] = connection.execute("SELECT checksum FROM meta").fetchall()
    assert total == row_sum("meta", "b", "4")
    assert bad_rows(connection, "meta", 5) == []


@pytest.mark.parametrize("table", SUMMED)
def test_every_column_is_in_the_sum_and_a_wrong_sum_is_found(
    connection: sqlite3.Connection, table: str
) -> None:
    described = connection.execute(f"PRAGMA table_info({table})").fetchall()
    values = [{"TEXT": "'x'", "INTEGER": "7", "REAL": "0.5", "BLOB": "x'00'"}[row[2]] for row in described]
    connection.execute(f"INSERT INTO {table} VALUES ({', '.join(values)})")
    [triggers] = connection.execute(
        "SELECT group_concat(sql) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?", (table,)
    ).fetchall()
    summed = {row[1] for row in described} - {"checksum"}
    assert all(f"new.{column}," in triggers[0] or f"new.{column})" in triggers[0] for column in summed)
    assert bad_rows(connection, table, 5) == []
    connection.execute(f"UPDATE {table} SET checksum = checksum + 1")
    assert len(bad_rows(connection, table, 5)) == 1
    connection.execute(f"UPDATE {table} SET checksum = NULL")
    assert len(bad_rows(connection, table, 5)) == 1


def test_who_does_not_know_the_sum_cannot_write(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as connection:
        register(connection)
        migrate(connection)
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as connection:
        with pytest.raises(sqlite3.OperationalError, match="no such function: row_sum"):
            connection.execute("INSERT INTO meta (key, value) VALUES ('a', '1')")
        connection.execute("INSERT INTO wishes (kind, arguments, asked_ms) VALUES ('approve', '{}', 1)")
