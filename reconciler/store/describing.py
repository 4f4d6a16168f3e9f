"""Everything that the state knows of one name, for the person who looks into it. Nothing here writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.model import Accepted, Held, Job, JobId, JobStatus, Name, Run, Task, Unknown, WorkflowId
from reconciler.store.following import tasks_of
from reconciler.store.rows import RUN_COLUMNS, RUN_TABLES, ids_in, run_of


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it was noted before it was sent, and what came back.

    `outcome` is None while that is not known; `detail` is what came back in words. Times are milliseconds
    since the Unix epoch.
    """

    number: int
    try_number: int
    trace_id: str
    baseline: JobId
    highest: JobId
    noted_ms: int
    ended_ms: int | None
    outcome: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A job that may be the run's. `shown` is what Explorer told of it when it was last listed."""

    job_id: JobId
    shown: Job | None
    seen_ms: int | None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run with the bytes that it sends, its requests and, if it is not settled, its candidates.

    `body` is None for a run so old that its bytes are not kept. `tasks` are there once its job has ended.
    """

    run: Run
    body: bytes | None
    requests: tuple[Sent, ...]
    candidates: tuple[Candidate, ...]
    tasks: tuple[Task, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkflowRecord:
    """What is known of a run's workflow. `strangers` are jobs that hold it in a restored state."""

    workflow_id: WorkflowId
    highest: JobId | None
    is_shared: bool
    strangers: tuple[Candidate, ...]


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
