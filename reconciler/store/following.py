"""The verbs of the store for jobs that are known: their statuses, their tasks, and the wish to stop them.

Pieces of one transaction, like those in `transactions`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace

from reconciler.core.action import CancelJob
from reconciler.core.model import Accepted, Cancel, JobId, JobStatus, Run, RunKey, Task
from reconciler.store.port import Refusal
from reconciler.store.rows import cancel_columns, columns_of, run_of
from reconciler.store.statements import insert, row_of, set_run, tell


def job_changed(
    connection: sqlite3.Connection, key: RunKey, status: JobStatus, ended_ms: int | None, now_ms: int
) -> Accepted | None:
    """Note a job's new status; a final one stays. Gives the run's state now, None if nothing was noted."""
    run = followed(connection, key)
    if run is None:
        return None
    return _become(
        connection, run, f"Job{status}", "", now_ms, status=status, ended_ms=ended_ms, missing_ms=None
    )


def cancel_planned(connection: sqlite3.Connection, cancels: Iterable[CancelJob], now_ms: int) -> None:
    """Note that these jobs are to be stopped; one that is already, or that has ended, stays as it is."""
    for it in cancels:
        ask_to_cancel(connection, it.key, Cancel(it.cause, it.why, now_ms))


def ask_to_cancel(connection: sqlite3.Connection, key: RunKey, cancel: Cancel) -> Accepted | Refusal:
    """Note that a run's job is to be stopped: only a job that the state owns, and that has not ended."""
    run = followed(connection, key)
    if run is None:
        return Refusal(f"{key} has no running job")
    state = accepted_in(run)
    if state.cancel is not None:
        return Refusal(f"job {state.job_id} of {key} is being cancelled already: {state.cancel.why}")
    set_run(connection, key, cancel_columns(cancel) | {"updated_ms": cancel.asked_ms})
    tell_of_job(connection, run, "CancelAsked", cancel.why, cancel.asked_ms)
    return replace(state, cancel=cancel)


def cancel_answered(connection: sqlite3.Connection, key: RunKey, answer: str, now_ms: int) -> None:
    """Note what came of a request to stop a run's job; told if it is another answer than the last."""
    run = followed(connection, key)
    if run is None:
        return  # it has ended meanwhile
    before = accepted_in(run).cancel
    if before is None:
        return
    after = replace(before, tries=before.tries + 1, answer=answer)
    set_run(connection, key, cancel_columns(after))
    if after.answer != before.answer:
        tell_of_job(connection, run, "CancelSent", answer, now_ms)


def job_missing(connection: sqlite3.Connection, key: RunKey, why: str, now_ms: int) -> None:
    """Note that the server does not show a run's job (any more)."""
    run = followed(connection, key)
    if run is not None and accepted_in(run).missing_ms is None:
        _become(connection, run, "JobMissing", why, now_ms, missing_ms=now_ms)


def job_found(connection: sqlite3.Connection, key: RunKey, now_ms: int) -> None:
    """Note that the server shows a run's job again."""
    run = followed(connection, key)
    if run is not None and accepted_in(run).missing_ms is not None:
        _become(connection, run, "JobFound", "", now_ms, missing_ms=None)


def end_missing(connection: sqlite3.Connection, key: RunKey, cancel: Cancel) -> Accepted | Refusal:
    """End a run whose job the server does not show, on an operator's word: as interrupted."""
    run = followed(connection, key)
    if run is None or accepted_in(run).missing_ms is None:
        return Refusal(f"{key} has no job that Explorer does not show")
    now_ms = cancel.asked_ms
    set_run(connection, key, cancel_columns(cancel) | {"tasks_ms": now_ms})
    ended = {"status": JobStatus.INTERRUPTED, "ended_ms": now_ms, "cancel": cancel}
    return _become(connection, run, "JobGivenUp", cancel.why, now_ms, **ended)


def tasks_seen(connection: sqlite3.Connection, key: RunKey, tasks: Sequence[Task], now_ms: int) -> None:
    """Keep the tasks of a run's job, which has ended: they are asked for once."""
    row = row_of(connection, key)
    if row is None or row["job_id"] is None:
        return
    set_run(connection, key, {"tasks_ms": now_ms})
    for position, task in enumerate(tasks):
        columns = {
            "job_id": row["job_id"],
            "position": position,
            "task_id": task.task_id,
            "name": task.name,
            "status": str(task.status) if task.status else None,
            "began_ms": task.began_ms,
            "ended_ms": task.ended_ms,
        }
        insert(connection, "tasks", columns, or_replace=True)


def tasks_of(connection: sqlite3.Connection, job_id: JobId) -> tuple[Task, ...]:
    """The tasks of a job that has ended, in the server's order."""
    rows = connection.execute("SELECT * FROM tasks WHERE job_id = ? ORDER BY position", (job_id,))
    return tuple(
        Task(
            task_id=row["task_id"],
            name=row["name"],
            status=JobStatus(row["status"]) if row["status"] else None,
            began_ms=row["began_ms"],
            ended_ms=row["ended_ms"],
        )
        for row in rows
    )


def followed(connection: sqlite3.Connection, key: RunKey) -> Run | None:
    """The run, if its job is known and has not ended."""
    row = row_of(connection, key)
    return run_of(row) if row is not None and row["phase"] == "Followed" else None


def accepted_in(run: Run) -> Accepted:
    """The state of a run that has a job."""
    assert isinstance(run.state, Accepted)  # noqa: S101 - `followed` gives no other
    return run.state


def tell_of_job(connection: sqlite3.Connection, run: Run, event: str, reason: str, now_ms: int) -> None:
    """Add what happened to a run's job to the history."""
    about = {"workflow_id": run.workflow_id, "job_id": accepted_in(run).job_id, "trace_id": run.trace_id}
    tell(connection, now_ms, event, reason, run.key, **about)


def _become(
    connection: sqlite3.Connection, run: Run, event: str, reason: str, now_ms: int, **changes: object
) -> Accepted:
    state = replace(accepted_in(run), **changes)  # type: ignore[arg-type]
    set_run(connection, run.key, columns_of(state) | {"updated_ms": now_ms})
    tell_of_job(connection, run, event, reason, now_ms)
    return state
