"""Between the domain's values and the columns of the state file.

A run's state is one of a closed union; its columns are the union's fields, and `phase` names the member.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any, assert_never

from reconciler.core.model import (
    Accepted,
    Baselined,
    Cancel,
    CancelCause,
    Digest,
    Held,
    Intent,
    JobId,
    JobStatus,
    Name,
    OnChange,
    OnDelete,
    OnUnknown,
    Policies,
    Rejected,
    Run,
    RunKey,
    RunState,
    Submitting,
    Superseded,
    Unknown,
    Waiting,
    WorkflowId,
)
from reconciler.core.outcome import HIGHEST_JOB_ID
from reconciler.core.sighting import Presence, Sighting

RUN_COLUMNS = (
    "runs.name, runs.generation, runs.attempt, runs.workflow_id, runs.digest, runs.phase, runs.why,"
    " runs.tries, runs.not_before_ms, runs.code, runs.looks, runs.candidates, runs.job_id, runs.job_status,"
    " runs.accepted_ms, runs.ended_ms, runs.revision, runs.trace_id, runs.submitted_ms, runs.claimed_ms,"
    " runs.updated_ms, runs.claimed_for, runs.resubmissions, runs.cancel_cause, runs.cancel_why,"
    " runs.cancel_asked_ms, runs.cancel_tries, runs.cancel_answer, runs.missing_ms,"
    " intents.number AS intent_number, intents.try_number,"
    " intents.trace_id AS intent_trace_id, intents.baseline AS intent_baseline,"
    " intents.highest AS intent_highest, intents.created_ms AS intent_ms"
)
RUN_TABLES = "runs LEFT JOIN intents ON intents.number = runs.intent"

UNFINISHED = "runs.phase IN ('Waiting', 'Submitting', 'Unknown', 'Held', 'Followed')"
"""The condition of the index `runs_unfinished`.

SQLite looks into a partial index only where its condition stands in the query word for word, even beside a
narrower one; without it each question about the few runs that go on reads all that ever were.
"""


def run_of(row: sqlite3.Row) -> Run:
    """The run in a row of RUN_COLUMNS."""
    return Run(
        key=key_of(row),
        workflow_id=WorkflowId(row["workflow_id"]),
        digest=Digest(row["digest"]),
        state=_state_of(row),
        claimed_ms=row["claimed_ms"],
        updated_ms=row["updated_ms"],
        revision=row["revision"],
        trace_id=row["trace_id"],
        submitted_ms=row["submitted_ms"],
        resubmissions=row["resubmissions"],
        claimed_for=row["claimed_for"],
    )


def key_of(row: sqlite3.Row) -> RunKey:
    """The run's key in a row that has its three columns."""
    return RunKey(Name(row["name"]), row["generation"], row["attempt"])


def sighting_of(row: sqlite3.Row) -> Sighting:
    """The sighting in a row of the table `names`."""
    return Sighting(
        name=Name(row["name"]),
        presence=Presence(row["presence"]),
        path=row["path"],
        digest=row["digest"],
        workflow_id=row["workflow_id"],
        reason=row["reason"],
        revision=row["revision"],
        updated_ms=row["updated_ms"],
        policies=policies_of(row),
        labels=json.loads(row["labels"]),
    )


def sighting_columns(sighting: Sighting) -> dict[str, Any]:
    """The columns of the table `names` that say what was seen."""
    policies = sighting.policies
    return {
        "name": sighting.name,
        "presence": str(sighting.presence),
        "path": sighting.path,
        "digest": sighting.digest,
        "workflow_id": sighting.workflow_id,
        "reason": sighting.reason,
        "revision": sighting.revision,
        "updated_ms": sighting.updated_ms,
        "labels": json.dumps(dict(sighting.labels), ensure_ascii=False, sort_keys=True),
        "on_unknown": str(policies.on_unknown),
        "on_change": str(policies.on_change),
        "on_delete": str(policies.on_delete),
        "backoff_limit": policies.backoff_limit,
        "active_deadline_s": policies.active_deadline_s,
        "depends_on": " ".join(policies.depends_on),
    }


def policies_of(row: sqlite3.Row) -> Policies:
    """The policies in a row of the table `names`."""
    return Policies(
        on_unknown=OnUnknown(row["on_unknown"]),
        on_change=OnChange(row["on_change"]),
        on_delete=OnDelete(row["on_delete"]),
        backoff_limit=row["backoff_limit"],
        active_deadline_s=row["active_deadline_s"],
        depends_on=tuple(Name(name) for name in row["depends_on"].split()),
    )


def cancel_columns(cancel: Cancel) -> dict[str, Any]:
    """The columns of a run that say that its job is to be stopped."""
    return {
        "cancel_cause": str(cancel.cause),
        "cancel_why": cancel.why,
        "cancel_asked_ms": cancel.asked_ms,
        "cancel_tries": cancel.tries,
        "cancel_answer": cancel.answer,
    }


def columns_of(state: RunState) -> dict[str, Any]:
    """The columns that say this state. Those of other states keep what they held: it is history."""
    match state:
        case Waiting(tries=tries, not_before_ms=not_before_ms, why=why):
            return {"phase": "Waiting", "tries": tries, "not_before_ms": not_before_ms, "why": why}
        case Submitting(intent=intent):
            return {"phase": "Submitting", "why": "", "tries": intent.try_number, "intent": intent.number}
        case Unknown():
            return _unknown_columns(state)
        case Held(why=why, candidates=candidates):
            return {"phase": "Held", "why": why, "candidates": ids_as_text(candidates)}
        case Accepted():
            return _accepted_columns(state)
        case Baselined():
            return {"phase": "Baselined", "why": ""}
        case Rejected(code=code, message=message):
            return {"phase": "Rejected", "code": code, "why": message}
        case Superseded(why=why):
            return {"phase": "Superseded", "why": why}
        case _:
            assert_never(state)


def ids_as_text(job_ids: Iterable[JobId]) -> str:
    """Job IDs as one column holds them."""
    return " ".join(map(str, job_ids))


def ids_in(text: str) -> tuple[JobId, ...]:
    """The job IDs in a column that `ids_as_text` made. Raises ValueError for what it never makes."""
    found = tuple(JobId(int(digits)) for digits in text.split())
    if not all(0 < job_id <= HIGHEST_JOB_ID for job_id in found):
        raise ValueError("a job ID that cannot be one")
    return found


def _unknown_columns(state: Unknown) -> dict[str, Any]:
    return {
        "phase": "Unknown",
        "why": state.why,
        "code": state.code,
        "looks": state.looks,
        "not_before_ms": state.look_ms,
        "candidates": ids_as_text(state.candidates),
    }


def _accepted_columns(state: Accepted) -> dict[str, Any]:
    return {
        "phase": "Followed" if state.ended_ms is None else "Ended",
        "why": "",
        "candidates": "",
        "job_id": state.job_id,
        "job_status": str(state.status),
        "accepted_ms": state.accepted_ms,
        "ended_ms": state.ended_ms,
        "missing_ms": state.missing_ms,
    }


def _state_of(row: sqlite3.Row) -> RunState:
    match row["phase"]:
        case "Waiting":
            return Waiting(row["tries"], row["not_before_ms"], row["why"])
        case "Submitting":
            return Submitting(_intent_of(row))
        case "Held":
            return Held(_intent_of(row), row["why"], ids_in(row["candidates"]))
        case "Unknown":
            return Unknown(
                intent=_intent_of(row),
                why=row["why"],
                look_ms=row["not_before_ms"],
                code=row["code"],
                looks=row["looks"],
                candidates=ids_in(row["candidates"]),
            )
        case "Followed" | "Ended":
            status = JobStatus(row["job_status"])
            times = (row["accepted_ms"], row["ended_ms"])
            return Accepted(JobId(row["job_id"]), status, *times, _cancel_of(row), row["missing_ms"])
        case "Baselined":
            return Baselined(row["claimed_ms"])
        case "Rejected":
            return Rejected(row["code"], row["why"])
        case "Superseded":
            return Superseded(row["why"])
        case phase:
            raise ValueError(f"the state holds a run in the unknown phase {phase!r}")


def _cancel_of(row: sqlite3.Row) -> Cancel | None:
    if row["cancel_cause"] is None:
        return None
    return Cancel(
        cause=CancelCause(row["cancel_cause"]),
        why=row["cancel_why"],
        asked_ms=row["cancel_asked_ms"],
        tries=row["cancel_tries"],
        answer=row["cancel_answer"],
    )


def _intent_of(row: sqlite3.Row) -> Intent:
    return Intent(
        number=row["intent_number"],
        try_number=row["try_number"],
        trace_id=row["intent_trace_id"],
        baseline=JobId(row["intent_baseline"]),
        highest=JobId(row["intent_highest"]),
        created_ms=row["intent_ms"],
    )
