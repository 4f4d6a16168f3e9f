"""What the verbs of the store have in common: a run's row read and changed, and the history added to.

Pieces of a transaction, like the verbs themselves (`transactions`, `settling`).
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from typing import Any

from reconciler.core.model import JobId, JobStatus, Pause, RunKey, WorkflowId
from reconciler.core.plan import Quarantine
from reconciler.store.rows import RUN_COLUMNS, RUN_TABLES, UNFINISHED, ids_in, key_of

_CHUNK = 500
"""How many values one query asks for: well below SQLite's limit on parameters."""


def tell(
    connection: sqlite3.Connection,
    at_ms: int,
    event: str,
    reason: str,
    key: RunKey | None = None,
    **about: Any,
) -> None:
    """Add to the history."""
    subject = key_columns(key) if key is not None else {}
    insert(connection, "events", {"at_ms": at_ms, "event": event, "reason": reason} | subject | about)


def insert(
    connection: sqlite3.Connection, table: str, columns: dict[str, Any], *, or_replace: bool = False
) -> None:
    """Add a row of these columns."""
    verb = "INSERT OR REPLACE" if or_replace else "INSERT"
    marks = ", ".join(f":{column}" for column in columns)
    names = ", ".join(columns)
    connection.execute(f"{verb} INTO {table} ({names}) VALUES ({marks})", columns)


def set_run(
    connection: sqlite3.Connection, key: RunKey, columns: dict[str, Any], if_phase: str | None = None
) -> bool:
    """Change columns of one run, if it still stands in that phase; says whether it did."""
    assignments = ", ".join(f"{column} = :{column}" for column in columns)
    guard = " AND phase = :if_phase" if if_phase else ""
    cursor = connection.execute(
        f"UPDATE runs SET {assignments} WHERE name = :key_name AND generation = :key_generation"  # noqa: S608
        f" AND attempt = :key_attempt{guard}",
        {
            **columns,
            "key_name": key.name,
            "key_generation": key.generation,
            "key_attempt": key.attempt,
            "if_phase": if_phase,
        },
    )
    return cursor.rowcount == 1


def row_of(connection: sqlite3.Connection, key: RunKey) -> sqlite3.Row | None:
    """One run's row: RUN_COLUMNS, its body and its first baseline."""
    row: sqlite3.Row | None = connection.execute(
        f"SELECT {RUN_COLUMNS}, runs.body, runs.baseline FROM {RUN_TABLES}"  # noqa: S608 - our own words
        " WHERE runs.name = ? AND runs.generation = ? AND runs.attempt = ?",
        (key.name, key.generation, key.attempt),
    ).fetchone()
    return row


def key_columns(key: RunKey) -> dict[str, Any]:
    """The columns that say which run."""
    return {"name": key.name, "generation": key.generation, "attempt": key.attempt}


def owner_of(connection: sqlite3.Connection, job_id: JobId) -> RunKey | None:
    """The run that has this job."""
    row = connection.execute("SELECT * FROM runs WHERE job_id = ?", (job_id,)).fetchone()
    return key_of(row) if row else None


def owned_among(connection: sqlite3.Connection, job_ids: Sequence[JobId]) -> set[JobId]:
    """Those of the jobs that runs have."""
    owned: set[JobId] = set()
    for at in range(0, len(job_ids), _CHUNK):
        chunk = job_ids[at : at + _CHUNK]
        marks = ",".join("?" * len(chunk))
        rows = connection.execute(f"SELECT job_id FROM runs WHERE job_id IN ({marks})", chunk)  # noqa: S608
        owned.update(JobId(row[0]) for row in rows)
    return owned


def has_newer(connection: sqlite3.Connection, key: RunKey) -> bool:
    """Whether the name has a newer run."""
    query = "SELECT 1 FROM runs WHERE name = ? AND (generation, attempt) > (?, ?) LIMIT 1"
    return connection.execute(query, (key.name, key.generation, key.attempt)).fetchone() is not None


def highest_of(connection: sqlite3.Connection, workflow_id: WorkflowId) -> int:
    """The highest job known of a workflow that was listed."""
    query = "SELECT highest FROM workflows WHERE workflow_id = ?"
    return int(connection.execute(query, (workflow_id,)).fetchone()[0])


def saw_job(connection: sqlite3.Connection, workflow_id: WorkflowId, job_id: JobId) -> None:
    """Note a job of the workflow: the next job of ours has a higher ID.

    Not in quarantine: what this state has forgotten would look known.
    """
    connection.execute(
        "UPDATE workflows SET highest = max(highest, ?) WHERE workflow_id = ? AND quarantine IS NULL",
        (job_id, workflow_id),
    )


def quarantine_of(connection: sqlite3.Connection, workflow_id: WorkflowId) -> str | None:
    """Where a workflow of a restored state stands (`core.plan.Quarantine`); None if it may be used."""
    query = "SELECT quarantine FROM workflows WHERE workflow_id = ?"
    row = connection.execute(query, (workflow_id,)).fetchone()
    return row["quarantine"] if row else quarantine_of_new(connection)


def quarantine_of_new(connection: sqlite3.Connection) -> str | None:
    """How a workflow begins that this state never saw: in quarantine, if the state was restored."""
    is_restored = connection.execute("SELECT 1 FROM meta WHERE key = 'quarantine'").fetchone() is not None
    return Quarantine.WAITS if is_restored else None


def pause_in(connection: sqlite3.Connection) -> Pause | None:
    """The pause, while nothing is to be submitted."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'pause'").fetchone()
    return Pause(**json.loads(row[0])) if row else None


def in_use(connection: sqlite3.Connection) -> Counter[WorkflowId]:
    """For each workflow, how many runs have a job that runs, or may run for all that is known.

    A held run counts while one of its candidates was last seen unfinished: it goes on waiting for a person
    long after whatever it made has ended.
    """
    rows = connection.execute(
        f"SELECT workflow_id, count(*) FROM runs WHERE {UNFINISHED}"  # noqa: S608 - our own words
        " AND phase IN ('Submitting', 'Unknown', 'Followed') GROUP BY workflow_id"
    )
    counts = Counter({WorkflowId(row[0]): int(row[1]) for row in rows})
    held = f"SELECT workflow_id, candidates FROM runs WHERE {UNFINISHED} AND phase = 'Held'"  # noqa: S608
    for row in connection.execute(held):
        if any(_may_run(connection, job_id) for job_id in ids_in(row["candidates"])):
            counts[WorkflowId(row["workflow_id"])] += 1
    return counts


def _may_run(connection: sqlite3.Connection, job_id: JobId) -> bool:
    row = connection.execute("SELECT status FROM jobs_seen WHERE job_id = ?", (job_id,)).fetchone()
    return row is None or row["status"] is None or not JobStatus(row["status"]).is_final
