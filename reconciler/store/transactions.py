"""The verbs of the store as pieces of one transaction: SQL on an open connection.

Each is called between BEGIN and COMMIT by the writer's thread, and may share its transaction with others
(`writer`). Which verbs there are, and what they promise, is in `port`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

from reconciler.core.model import (
    Accepted,
    Baselined,
    Intent,
    JobId,
    Name,
    Pause,
    RunKey,
    RunState,
    Submitting,
    Superseded,
    Waiting,
    WorkflowId,
)
from reconciler.core.outcome import Created, NotCreated, Receipt, Unclear, job_named_in
from reconciler.core.plan import Claim, Quarantine
from reconciler.core.reason import Reason
from reconciler.core.room import Room
from reconciler.core.settle import candidates
from reconciler.core.sighting import Sighting
from reconciler.core.submission import after
from reconciler.store.port import Begun
from reconciler.store.rows import columns_of, ids_as_text, sighting_columns
from reconciler.store.statements import (
    has_newer,
    highest_of,
    in_use,
    insert,
    key_columns,
    owned_among,
    owner_of,
    pause_in,
    quarantine_of,
    quarantine_of_new,
    row_of,
    saw_job,
    set_run,
    tell,
)

GENERATIONS_KEPT = 10
"""For how many generations of a name the canonical body is kept."""


def put_sighting(connection: sqlite3.Connection, sighting: Sighting) -> None:
    """Record what a pass saw of a name, and tell it if that is news."""
    before = connection.execute(
        "SELECT presence, reason FROM names WHERE name = ?", (sighting.name,)
    ).fetchone()
    insert(connection, "names", sighting_columns(sighting), or_replace=True)
    if before is None or (before["presence"], before["reason"]) != (sighting.presence, sighting.reason):
        event = f"Manifest{sighting.presence.capitalize()}"
        about: dict[str, Any] = {"name": sighting.name, "revision": sighting.revision}
        about["workflow_id"] = sighting.workflow_id
        tell(connection, sighting.updated_ms, event, sighting.reason, **about)


def note_first_workflows(connection: sqlite3.Connection, wanted: Iterable[WorkflowId]) -> None:
    """While the state has no run: a workflow that turns out to have jobs already will be guarded."""
    if connection.execute("SELECT 1 FROM runs LIMIT 1").fetchone() is None:
        connection.executemany(
            "INSERT OR IGNORE INTO workflows (workflow_id, is_guarded, quarantine) VALUES (?, 1, ?)",
            [(workflow_id, quarantine_of_new(connection)) for workflow_id in wanted],
        )


def claim_run(
    connection: sqlite3.Connection,
    claim: Claim,
    state: Waiting | Baselined,
    revision: str | None,
    now_ms: int,
) -> None:
    """Make the row of a new run, give up the run that it replaces, and use up its approval.

    A run that is there already stays as it is: it was baselined, or another writer claimed it (A4). Without a
    `revision` it is the one at which the manifest was last seen to change.
    """
    if row_of(connection, claim.key) is not None:
        return
    revision = revision or _revision_of(connection, claim.name)
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
        "claimed_for": str(claim.why),
        "resubmissions": claim.resubmissions,
    }
    insert(connection, "runs", key_columns(claim.key) | facts | columns_of(state))
    connection.execute(
        "DELETE FROM approvals WHERE name = ? AND digest = ?", (manifest.name, manifest.digest)
    )
    _forget_old_bodies(connection, claim.key)
    event = "Baselined" if isinstance(state, Baselined) else "Claimed"
    about = {"workflow_id": manifest.workflow_id, "revision": revision}
    tell(connection, now_ms, event, claim.why, claim.key, **about)


def _revision_of(connection: sqlite3.Connection, name: Name) -> str | None:
    row = connection.execute("SELECT revision FROM names WHERE name = ?", (name,)).fetchone()
    return row["revision"] if row else None


def give_up(connection: sqlite3.Connection, key: RunKey, why: str, now_ms: int) -> None:
    """End a run that waits to be sent; one that does not wait (any more) goes on."""
    if set_run(connection, key, columns_of(Superseded(why)) | {"updated_ms": now_ms}, if_phase="Waiting"):
        tell(connection, now_ms, "Superseded", why, key)


def begin(
    connection: sqlite3.Connection, key: RunKey, trace_id: str, now_ms: int, room: Room
) -> Begun | None:
    """Note the intent to send a run that waits; None for any other, and while it may not be sent."""
    row = row_of(connection, key)
    if row is None or row["phase"] != "Waiting" or pause_in(connection) is not None:
        return None
    workflow_id = WorkflowId(row["workflow_id"])
    if quarantine_of(connection, workflow_id) is not None:
        return None
    if room.is_limited and not room.has_place(workflow_id, in_use(connection)):
        return None
    highest = JobId(highest_of(connection, workflow_id))
    baseline = JobId(row["baseline"]) if row["baseline"] is not None else highest
    number = connection.execute("SELECT coalesce(max(number), 0) + 1 FROM intents").fetchone()[0]
    intent = Intent(number, row["tries"] + 1, trace_id, baseline, highest, now_ms)
    noted = {
        "number": number,
        "try_number": intent.try_number,
        "trace_id": trace_id,
        "baseline": baseline,
        "highest": highest,
        "created_ms": now_ms,
    }
    insert(connection, "intents", noted | key_columns(key))
    facts = {"baseline": baseline, "trace_id": trace_id, "submitted_ms": now_ms, "updated_ms": now_ms}
    set_run(connection, key, columns_of(Submitting(intent)) | facts)
    about = {"workflow_id": workflow_id, "revision": row["revision"], "trace_id": trace_id}
    tell(connection, now_ms, "Submitting", f"try {intent.try_number}", key, **about)
    return Begun(key, workflow_id, intent, row["body"], row["revision"], row["claimed_ms"])


def record(
    connection: sqlite3.Connection,
    begun: Begun,
    receipt: Receipt,
    now_ms: int,
    chance: float,
    settle_ms: int,
) -> RunState:
    """Note what came of a request, and the state that follows for its run."""
    named = job_named_in(receipt)
    owner = owner_of(connection, named) if named is not None else None
    state = after(receipt, begun.intent, owner, now_ms, chance, settle_ms)
    if isinstance(state, Waiting) and has_newer(connection, begun.key):
        state = Superseded(Reason.CHANGED)
    set_run(connection, begun.key, columns_of(state) | {"updated_ms": now_ms}, if_phase="Submitting")
    code = receipt.code if isinstance(receipt, Unclear) else None
    connection.execute(
        "UPDATE intents SET ended_ms = ?, outcome = ?, detail = ?, code = ? WHERE number = ?",
        (now_ms, type(receipt).__name__, in_words(receipt), code, begun.intent.number),
    )
    about: dict[str, Any] = {"workflow_id": begun.workflow_id, "revision": begun.revision}
    if isinstance(state, Accepted):
        saw_job(connection, begun.workflow_id, state.job_id)
        about["job_id"] = state.job_id
    why = getattr(state, "why", "") or getattr(state, "message", "")
    trace_id = begun.intent.trace_id
    tell(connection, now_ms, type(state).__name__, why, begun.key, trace_id=trace_id, **about)
    return state


def workflow_listed(
    connection: sqlite3.Connection, workflow_id: WorkflowId, listed: Iterable[JobId], now_ms: int
) -> tuple[JobId, ...]:
    """Note the jobs of a listing of the whole workflow; gives those that hold it now.

    One that was to be guarded only if it has jobs is decided; so is one of a restored state: a job above the
    highest known there, that no run has, holds it, and then nothing else is learned from this listing.
    """
    jobs = sorted(listed)
    row = connection.execute("SELECT * FROM workflows WHERE workflow_id = ?", (workflow_id,)).fetchone()
    if quarantine_of(connection, workflow_id) is not None:
        known = JobId(row["highest"] or 0) if row else JobId(0)
        strangers = candidates(jobs, known, owned_among(connection, jobs))
        if strangers:
            _hold_workflow(connection, workflow_id, strangers, now_ms)
            return strangers
    highest = max(jobs, default=JobId(0))
    connection.execute(
        "INSERT INTO workflows (workflow_id, highest, first_highest, is_guarded, listed_ms)"
        " VALUES (:id, :highest, :highest, 0, :now_ms) ON CONFLICT (workflow_id) DO UPDATE SET"
        " is_guarded = is_guarded AND (highest IS NOT NULL OR :highest > 0),"
        " first_highest = coalesce(first_highest, :highest), quarantine = NULL, strangers = '',"
        " highest = max(coalesce(highest, 0), :highest), listed_ms = :now_ms",
        {"id": workflow_id, "highest": highest, "now_ms": now_ms},
    )
    reason = f"its highest job is {highest}" if highest else "it has no jobs"
    tell(connection, now_ms, "WorkflowListed", reason, workflow_id=workflow_id)
    return ()


def _hold_workflow(
    connection: sqlite3.Connection, workflow_id: WorkflowId, strangers: Sequence[JobId], now_ms: int
) -> None:
    connection.execute(
        "INSERT INTO workflows (workflow_id, is_guarded, listed_ms, quarantine, strangers)"
        " VALUES (:id, 0, :now_ms, :held, :strangers) ON CONFLICT (workflow_id) DO UPDATE SET"
        " listed_ms = :now_ms, quarantine = :held, strangers = :strangers",
        {"id": workflow_id, "now_ms": now_ms, "held": Quarantine.HELD, "strangers": ids_as_text(strangers)},
    )
    reason = f"the state was restored, and does not know jobs {', '.join(map(str, strangers))}"
    tell(connection, now_ms, "WorkflowHeld", reason, workflow_id=workflow_id)


def in_words(receipt: Receipt) -> str:
    """What came back, for the person who looks into what was sent."""
    match receipt:
        case Created(job_id=job_id):
            return f"job {job_id}"
        case Unclear(why=why):
            return why
        case NotCreated(cause=cause):
            said = {field.name: getattr(cause, field.name) for field in fields(cause)}
            return " ".join(str(value) for value in said.values() if value is not None)


def pause(connection: sqlite3.Connection, pause: Pause) -> None:
    """Submit nothing from here on."""
    said = {"who": pause.who, "why": pause.why, "since_ms": pause.since_ms}
    columns = {"key": "pause", "value": json.dumps(said, ensure_ascii=False)}
    insert(connection, "meta", columns, or_replace=True)
    tell(
        connection,
        pause.since_ms,
        "Paused",
        f"by {pause.who}: {pause.why}" if pause.why else f"by {pause.who}",
    )


def resume(connection: sqlite3.Connection, who: str, now_ms: int) -> None:
    """Submit again."""
    connection.execute("DELETE FROM meta WHERE key = 'pause'")
    tell(connection, now_ms, "Resumed", f"by {who}")


def approve(connection: sqlite3.Connection, claims: Sequence[Claim], now_ms: int) -> None:
    """Release new runs by name and digest, and their workflows."""
    for claim in claims:
        columns = {"name": claim.name, "digest": claim.manifest.digest, "approved_ms": now_ms}
        insert(connection, "approvals", columns, or_replace=True)
        tell(connection, now_ms, "Approved", f"digest {claim.manifest.digest}", name=claim.name)
    release_workflows(connection, claims)


def release_workflows(connection: sqlite3.Connection, claims: Sequence[Claim]) -> None:
    """Guard the workflows of these runs no longer."""
    connection.executemany(
        "UPDATE workflows SET is_guarded = 0 WHERE workflow_id = ?",
        {(claim.manifest.workflow_id,) for claim in claims},
    )


def _forget_old_bodies(connection: sqlite3.Connection, key: RunKey) -> None:
    connection.execute(
        "UPDATE runs SET body = NULL WHERE name = ? AND generation <= ?"
        " AND phase NOT IN ('Waiting', 'Submitting', 'Unknown', 'Held')",
        (key.name, key.generation - GENERATIONS_KEPT),
    )
