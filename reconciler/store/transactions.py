"""The verbs of the store as pieces of one transaction: SQL on an open connection.

Each is called between BEGIN and COMMIT by the writer's thread, and may share its transaction with others
(`writer`). Which verbs there are, and what they promise, is in `port`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from reconciler.core.model import (
    Accepted,
    Baselined,
    Held,
    Intent,
    JobId,
    JobStatus,
    Run,
    RunKey,
    RunState,
    Submitting,
    Superseded,
    Waiting,
    WorkflowId,
)
from reconciler.core.outcome import Created, Receipt
from reconciler.core.plan import Claim
from reconciler.core.reason import Reason
from reconciler.core.sighting import Sighting
from reconciler.core.submission import after
from reconciler.store.port import Begun
from reconciler.store.rows import RUN_COLUMNS, RUN_TABLES, columns_of, key_of, run_of

GENERATIONS_KEPT = 10
"""For how many generations of a name the canonical body is kept."""


def put_sighting(connection: sqlite3.Connection, sighting: Sighting) -> None:
    """Record what a pass saw of a name, and tell it if that is news."""
    before = connection.execute(
        "SELECT presence, reason FROM names WHERE name = ?", (sighting.name,)
    ).fetchone()
    columns = {
        "name": sighting.name,
        "presence": str(sighting.presence),
        "path": sighting.path,
        "digest": sighting.digest,
        "workflow_id": sighting.workflow_id,
        "reason": sighting.reason,
        "revision": sighting.revision,
        "updated_ms": sighting.updated_ms,
    }
    _insert(connection, "names", columns, or_replace=True)
    if before is None or (before["presence"], before["reason"]) != (sighting.presence, sighting.reason):
        event = f"Manifest{sighting.presence.capitalize()}"
        about: dict[str, Any] = {"name": sighting.name, "revision": sighting.revision}
        about["workflow_id"] = sighting.workflow_id
        _tell(connection, sighting.updated_ms, event, sighting.reason, **about)


def note_first_workflows(connection: sqlite3.Connection, wanted: Iterable[WorkflowId]) -> None:
    """While the state has no run: a workflow that turns out to have jobs already will be guarded."""
    if connection.execute("SELECT 1 FROM runs LIMIT 1").fetchone() is None:
        connection.executemany(
            "INSERT OR IGNORE INTO workflows (workflow_id, is_guarded) VALUES (?, 1)",
            [(workflow_id,) for workflow_id in wanted],
        )


def claim_run(
    connection: sqlite3.Connection,
    claim: Claim,
    state: Waiting | Baselined,
    revision: str | None,
    now_ms: int,
) -> None:
    """Make the row of a new run, give up the run that it replaces, and use up its approval.

    A run that was baselined already stays as it is.
    """
    if isinstance(state, Baselined) and _row(connection, claim.key) is not None:
        return
    if claim.replaces is not None:
        give_up(connection, claim.replaces, claim.why, now_ms)
    manifest = claim.manifest
    facts = {
        "workflow_id": manifest.workflow_id,
        "digest": manifest.digest,
        "body": manifest.body,
        "revision": revision,
        "claimed_ms": now_ms,
        "updated_ms": now_ms,
    }
    _insert(connection, "runs", _key_columns(claim.key) | facts | columns_of(state))
    connection.execute(
        "DELETE FROM approvals WHERE name = ? AND digest = ?", (manifest.name, manifest.digest)
    )
    _forget_old_bodies(connection, claim.key)
    event = "Baselined" if isinstance(state, Baselined) else "Claimed"
    about = {"workflow_id": manifest.workflow_id, "revision": revision}
    _tell(connection, now_ms, event, claim.why, claim.key, **about)


def give_up(connection: sqlite3.Connection, key: RunKey, why: str, now_ms: int) -> None:
    """End a run that waits to be sent; one that does not wait (any more) goes on."""
    if _set(connection, key, columns_of(Superseded(why)) | {"updated_ms": now_ms}, if_phase="Waiting"):
        _tell(connection, now_ms, "Superseded", why, key)


def begin(connection: sqlite3.Connection, key: RunKey, trace_id: str, now_ms: int) -> Begun | None:
    """Note the intent to send a run that waits; None for any other."""
    row = _row(connection, key)
    if row is None or row["phase"] != "Waiting":
        return None
    workflow_id = WorkflowId(row["workflow_id"])
    baseline = row["baseline"] if row["baseline"] is not None else _highest(connection, workflow_id)
    number = connection.execute("SELECT coalesce(max(number), 0) + 1 FROM intents").fetchone()[0]
    intent = Intent(number, row["tries"] + 1, trace_id, JobId(baseline), now_ms)
    noted = {
        "number": number,
        "try_number": intent.try_number,
        "trace_id": trace_id,
        "baseline": baseline,
        "created_ms": now_ms,
    }
    _insert(connection, "intents", noted | _key_columns(key))
    facts = {"baseline": baseline, "trace_id": trace_id, "submitted_ms": now_ms, "updated_ms": now_ms}
    _set(connection, key, columns_of(Submitting(intent)) | facts)
    about = {"workflow_id": workflow_id, "revision": row["revision"], "trace_id": trace_id}
    _tell(connection, now_ms, "Submitting", f"try {intent.try_number}", key, **about)
    return Begun(key, workflow_id, intent, row["body"], row["revision"], row["claimed_ms"])


def record(
    connection: sqlite3.Connection, begun: Begun, receipt: Receipt, now_ms: int, chance: float
) -> RunState:
    """Note what came of a request, and the state that follows for its run."""
    owner = _owner(connection, receipt.job_id) if isinstance(receipt, Created) else None
    state = after(receipt, begun.intent, owner, now_ms, chance)
    if isinstance(state, Waiting) and _has_newer(connection, begun.key):
        state = Superseded(Reason.CHANGED)
    _set(connection, begun.key, columns_of(state) | {"updated_ms": now_ms}, if_phase="Submitting")
    connection.execute(
        "UPDATE intents SET ended_ms = ?, outcome = ? WHERE number = ?",
        (now_ms, type(receipt).__name__, begun.intent.number),
    )
    about: dict[str, Any] = {"workflow_id": begun.workflow_id, "revision": begun.revision}
    if isinstance(state, Accepted):
        saw_job(connection, begun.workflow_id, state.job_id)
        about["job_id"] = state.job_id
    why = getattr(state, "why", "") or getattr(state, "message", "")
    trace_id = begun.intent.trace_id
    _tell(connection, now_ms, type(state).__name__, why, begun.key, trace_id=trace_id, **about)
    return state


def hold_open_intents(connection: sqlite3.Connection, why: str, now_ms: int) -> list[Run]:
    """Hold the runs whose requests nobody waits for any more, and give them as they were."""
    rows = connection.execute(
        f"SELECT {RUN_COLUMNS} FROM {RUN_TABLES} WHERE runs.phase = 'Submitting'"  # noqa: S608 - our own words
    ).fetchall()
    runs = [run_of(row) for row in rows]
    for run in runs:
        assert isinstance(run.state, Submitting)  # noqa: S101 - the query asked for nothing else
        _set(connection, run.key, columns_of(Held(run.state.intent, why)) | {"updated_ms": now_ms})
        _tell(connection, now_ms, "Held", why, run.key, workflow_id=run.workflow_id, trace_id=run.trace_id)
    return runs


def workflow_listed(
    connection: sqlite3.Connection, workflow_id: WorkflowId, highest: JobId, now_ms: int
) -> None:
    """Note the highest job of a listing; a workflow that was to be guarded only if it has jobs is decided."""
    connection.execute(
        "INSERT INTO workflows (workflow_id, highest, first_highest, is_guarded, listed_ms)"
        " VALUES (:id, :highest, :highest, 0, :now_ms) ON CONFLICT (workflow_id) DO UPDATE SET"
        " is_guarded = is_guarded AND (highest IS NOT NULL OR :highest > 0),"
        " first_highest = coalesce(first_highest, :highest),"
        " highest = max(coalesce(highest, 0), :highest), listed_ms = :now_ms",
        {"id": workflow_id, "highest": highest, "now_ms": now_ms},
    )
    reason = f"its highest job is {highest}" if highest else "it has no jobs"
    _tell(connection, now_ms, "WorkflowListed", reason, workflow_id=workflow_id)


def job_changed(
    connection: sqlite3.Connection, key: RunKey, status: JobStatus, ended_ms: int | None, now_ms: int
) -> None:
    """Note a job's new status; a final one stays."""
    row = _row(connection, key)
    if row is None or row["phase"] != "Followed":
        return
    state = Accepted(JobId(row["job_id"]), status, row["accepted_ms"], ended_ms)
    _set(connection, key, columns_of(state) | {"updated_ms": now_ms})
    about = {"workflow_id": row["workflow_id"], "job_id": row["job_id"], "trace_id": row["trace_id"]}
    _tell(connection, now_ms, f"Job{status}", "", key, **about)


def approve(connection: sqlite3.Connection, claims: Sequence[Claim], now_ms: int) -> None:
    """Release new runs by name and digest, and their workflows."""
    for claim in claims:
        columns = {"name": claim.name, "digest": claim.manifest.digest, "approved_ms": now_ms}
        _insert(connection, "approvals", columns, or_replace=True)
        _tell(connection, now_ms, "Approved", f"digest {claim.manifest.digest}", name=claim.name)
    release_workflows(connection, claims)


def release_workflows(connection: sqlite3.Connection, claims: Sequence[Claim]) -> None:
    """Guard the workflows of these runs no longer."""
    connection.executemany(
        "UPDATE workflows SET is_guarded = 0 WHERE workflow_id = ?",
        {(claim.manifest.workflow_id,) for claim in claims},
    )


def _tell(
    connection: sqlite3.Connection,
    at_ms: int,
    event: str,
    reason: str,
    key: RunKey | None = None,
    **about: Any,
) -> None:
    """Add to the history."""
    subject = _key_columns(key) if key is not None else {}
    _insert(connection, "events", {"at_ms": at_ms, "event": event, "reason": reason} | subject | about)


def _insert(
    connection: sqlite3.Connection, table: str, columns: dict[str, Any], *, or_replace: bool = False
) -> None:
    verb = "INSERT OR REPLACE" if or_replace else "INSERT"
    marks = ", ".join(f":{column}" for column in columns)
    names = ", ".join(columns)
    connection.execute(f"{verb} INTO {table} ({names}) VALUES ({marks})", columns)


def _set(
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


def _row(connection: sqlite3.Connection, key: RunKey) -> sqlite3.Row | None:
    row: sqlite3.Row | None = connection.execute(
        f"SELECT {RUN_COLUMNS}, runs.body, runs.baseline FROM {RUN_TABLES}"  # noqa: S608 - our own words
        " WHERE runs.name = ? AND runs.generation = ? AND runs.attempt = ?",
        (key.name, key.generation, key.attempt),
    ).fetchone()
    return row


def _key_columns(key: RunKey) -> dict[str, Any]:
    return {"name": key.name, "generation": key.generation, "attempt": key.attempt}


def _owner(connection: sqlite3.Connection, job_id: JobId) -> RunKey | None:
    row = connection.execute("SELECT * FROM runs WHERE job_id = ?", (job_id,)).fetchone()
    return key_of(row) if row else None


def _has_newer(connection: sqlite3.Connection, key: RunKey) -> bool:
    query = "SELECT 1 FROM runs WHERE name = ? AND (generation, attempt) > (?, ?) LIMIT 1"
    return connection.execute(query, (key.name, key.generation, key.attempt)).fetchone() is not None


def _highest(connection: sqlite3.Connection, workflow_id: WorkflowId) -> int:
    query = "SELECT highest FROM workflows WHERE workflow_id = ?"
    return int(connection.execute(query, (workflow_id,)).fetchone()[0])


def saw_job(connection: sqlite3.Connection, workflow_id: WorkflowId, job_id: JobId) -> None:
    """Note a job of the workflow: the next job of ours has a higher ID."""
    connection.execute(
        "UPDATE workflows SET highest = max(highest, ?) WHERE workflow_id = ?", (job_id, workflow_id)
    )


def _forget_old_bodies(connection: sqlite3.Connection, key: RunKey) -> None:
    connection.execute(
        "UPDATE runs SET body = NULL WHERE name = ? AND generation <= ?"
        " AND phase NOT IN ('Waiting', 'Submitting', 'Held')",
        (key.name, key.generation - GENERATIONS_KEPT),
    )
