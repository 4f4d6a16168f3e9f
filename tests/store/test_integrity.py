"""What a state has to be before it is believed: whole, of our schema, and consistent in itself."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from reconciler.errors import StateDamaged, StateUnusable, StateUnwritable
from reconciler.store.integrity import trouble_of, verify_file
from reconciler.store.migrations import STEPS, migrate
from reconciler.store.sums import register
from tests.store.lived import Files, edit

RUN = (
    "INSERT INTO runs (name, generation, attempt, workflow_id, digest, phase, intent, claimed_ms, updated_ms)"
)
INTENT = "INSERT INTO intents (number, name, generation, attempt, try_number, trace_id, baseline, created_ms)"


def made(directory: Path, *statements: str, version: int = len(STEPS)) -> Path:
    """A state of this schema after these statements, which keep the checksums."""
    state = directory / "state.db"
    connection = sqlite3.connect(state, isolation_level=None)
    register(connection)
    migrate(connection, to=version)
    for statement in statements:
        connection.execute(statement)
    connection.close()
    return state


def damage_of(state: Path) -> str:
    before = Files.of(state)
    with pytest.raises(StateDamaged) as raised:
        verify_file(state)
    assert Files.of(state) == before
    assert "run --restored" in str(raised.value)
    return "; ".join(raised.value.damages)


@pytest.mark.parametrize("version", range(1, len(STEPS) + 1))
def test_a_whole_state_of_any_schema_is_believed(tmp_path: Path, version: int) -> None:
    state = made(
        tmp_path,
        f"{RUN} VALUES ('a', 1, 1, '1', 'd', 'Submitting', 1, 0, 0)",
        f"{INTENT} VALUES (1, 'a', 1, 1, 1, 't', 0, 0)",
        version=version,
    )
    verify_file(state)


@pytest.mark.parametrize("column", ["name", "type", "tbl_name"])
def test_a_schema_whose_words_are_bytes_is_damaged(tmp_path: Path, column: str) -> None:
    """As one flipped bit makes them: of two damaged names, one text and one bytes."""
    state = made(
        tmp_path,
        "PRAGMA writable_schema = ON",
        f"UPDATE sqlite_schema SET {column} = CAST({column} AS BLOB) WHERE name = 'events_at'",
        "UPDATE sqlite_schema SET sql = sql || ' ' WHERE name = 'events_of_name'",
    )
    assert "its schema" in damage_of(state) or "malformed" in damage_of(state)


def test_an_empty_file_is_a_new_state(tmp_path: Path) -> None:
    (tmp_path / "state.db").touch()
    verify_file(tmp_path / "state.db")


def test_what_was_edited_by_hand_is_told(tmp_path: Path) -> None:
    state = made(tmp_path, f"{RUN} VALUES ('a', 1, 1, '1', 'd', 'Waiting', NULL, 0, 0)")
    edit(state, "UPDATE runs SET phase = 'Ended'")
    assert damage_of(state) == "rows of runs do not have their checksum: a 1 1"


@pytest.mark.parametrize("version", range(1, len(STEPS) + 1))
def test_intents_have_no_gaps(tmp_path: Path, version: int) -> None:
    run = f"{RUN} VALUES ('a', 1, 1, '1', 'd', 'Waiting', NULL, 0, 0)"
    intent = f"{INTENT} VALUES (2, 'a', 1, 1, 1, 't', 0, 0)"
    assert damage_of(made(tmp_path, run, intent, version=version)) == (
        "its 1 intents are numbered from 2 to 2"
    )


def test_every_intent_has_its_run(tmp_path: Path) -> None:
    state = made(tmp_path, f"{INTENT} VALUES (1, 'a', 1, 1, 1, 't', 0, 0)")
    assert damage_of(state) == "there is no run for the intents 1"


@pytest.mark.parametrize("phase", ["Submitting", "Unknown", "Held"])
@pytest.mark.parametrize("intent", ["NULL", "1", "5"])
def test_every_run_that_was_sent_has_its_intent(tmp_path: Path, phase: str, intent: str) -> None:
    state = made(
        tmp_path,
        f"{RUN} VALUES ('a', 1, 1, '1', 'd', '{phase}', {intent}, 0, 0)",
        f"{RUN} VALUES ('b', 1, 1, '1', 'd', 'Rejected', 1, 0, 0)",
        f"{INTENT} VALUES (1, 'b', 1, 1, 1, 't', 0, 0)",
    )
    assert damage_of(state) == "there is no intent for runs of a"


@pytest.mark.parametrize(
    "statement",
    ["DROP TRIGGER runs_sum_update", "DROP INDEX runs_unfinished", "CREATE TABLE more (x)"],
)
def test_the_schema_is_exactly_as_it_was_made(tmp_path: Path, statement: str) -> None:
    assert f"its schema {len(STEPS)} is not as it was made" in damage_of(made(tmp_path, statement))


def test_statistics_that_an_administrator_gathered_are_no_damage(tmp_path: Path) -> None:
    verify_file(made(tmp_path, f"{RUN} VALUES ('a', 1, 1, '1', 'd', 'Waiting', NULL, 0, 0)", "ANALYZE"))


def test_a_state_with_another_schema_number_is_damaged(tmp_path: Path) -> None:
    assert "its schema 1 is not as it was made" in damage_of(made(tmp_path, "PRAGMA user_version = 1"))


def test_a_log_beside_a_copy_that_has_none_is_told(tmp_path: Path) -> None:
    """A backup was put in place, and the old state's log was left: SQLite would mix the two."""
    state = made(tmp_path)
    (tmp_path / "state.db-wal").write_bytes(b"x")
    assert "state.db-wal beside it is another file's" in damage_of(state)


def test_others_files_are_not_ours_to_judge(tmp_path: Path) -> None:
    with pytest.raises(StateUnusable, match="newer"):
        verify_file(made(tmp_path, "PRAGMA user_version = 99"))


def test_a_disk_that_refuses_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(StateUnwritable):
        verify_file(tmp_path / "missing.db")
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    assert isinstance(trouble_of(tmp_path, full), StateUnwritable)
    full.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
    assert isinstance(trouble_of(tmp_path, full), StateUnwritable)
    full.sqlite_errorcode = sqlite3.SQLITE_CORRUPT_INDEX
    assert isinstance(trouble_of(tmp_path, full), StateDamaged)
