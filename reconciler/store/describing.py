"""Everything that the state knows of one name, for the person who looks into it. Nothing here writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from reconciler.core.model import Accepted, Held, Job, JobId, JobStatus, Name, Run, Unknown, WorkflowId
from reconciler.core.record import Candidate, RunRecord, Sent, WorkflowRecord
from reconciler.store.following import tasks_of
from reconciler.store.rows import RUN_COLUMNS, RUN_TABLES, ids_in, run_of

_UNSETTLED = ("Unknown", "Held")


def runs_of(connection: sqlite3.Connection, name: Name, newest: int | None = None) -> list[RunRecord]:
    """All runs of a name, newest first; with `newest` only so many, and those that are unknown or held."""
    rows = connection.execute(
        f"SELECT {RUN_COLUMNS}, runs.body FROM {RUN_TABLES} WHERE runs.name = ?"  # noqa: S608 - our own words
        " ORDER BY runs.generation DESC, runs.attempt DESC",
        (name,),
    )
    shown = [
        row for at, row in enumerate(rows) if newest is None or at < newest or row["phase"] in _UNSETTLED
    ]
    return [_record(connection, run_of(row), row["body"]) for row in shown]


def workflow_of(connection: sqlite3.Connection, workflow_id: WorkflowId) -> WorkflowRecord | None:
    """The workflow's record, if the state has one."""
    row = connection.execute("SELECT * FROM workflows WHERE workflow_id = ?", (workflow_id,)).fetchone()
    if row is None:
        return None
    strangers = tuple(_candidate(connection, job_id) for job_id in ids_in(row["strangers"]))
    return WorkflowRecord(workflow_id, row["highest"], bool(row["is_shared"]), strangers)


def _record(connection: sqlite3.Connection, run: Run, body: bytes | None) -> RunRecord:
    job_ids: Sequence[JobId] = run.state.candidates if isinstance(run.state, Unknown | Held) else ()
    return RunRecord(
        run=run,
        body=body,
        requests=tuple(_sent(connection, run)),
        candidates=tuple(_candidate(connection, it) for it in job_ids),
        tasks=tasks_of(connection, run.state.job_id) if isinstance(run.state, Accepted) else (),
    )


def _sent(connection: sqlite3.Connection, run: Run) -> list[Sent]:
    rows = connection.execute(
        "SELECT * FROM intents WHERE name = ? AND generation = ? AND attempt = ? ORDER BY number",
        (run.key.name, run.key.generation, run.key.attempt),
    )
    return [
        Sent(
            number=row["number"],
            try_number=row["try_number"],
            trace_id=row["trace_id"],
            baseline=JobId(row["baseline"]),
            highest=JobId(row["highest"]),
            noted_ms=row["created_ms"],
            ended_ms=row["ended_ms"],
            outcome=row["outcome"],
            detail=row["detail"],
        )
        for row in rows
    ]


def _candidate(connection: sqlite3.Connection, job_id: JobId) -> Candidate:
    row = connection.execute("SELECT * FROM jobs_seen WHERE job_id = ?", (job_id,)).fetchone()
    if row is None:
        return Candidate(job_id, None, None)
    job = Job(
        job_id=job_id,
        workflow_id=WorkflowId(row["workflow_id"]),
        name=row["name"],
        status=JobStatus(row["status"]) if row["status"] else None,
        created_ms=row["created_ms"],
        began_ms=row["began_ms"],
        ended_ms=row["ended_ms"],
    )
    return Candidate(job_id, job, row["seen_ms"])
