"""What is shown of one name: the item that `get`, the ops port and the status page print.

An item is a name's newest run seen together with its manifest. How the one word `state` follows from both is
decided here; how an item is drawn is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from reconciler.core.model import (
    Accepted,
    Baselined,
    Digest,
    Held,
    JobStatus,
    Name,
    Rejected,
    Run,
    RunKey,
    RunState,
    State,
    Submitting,
    Superseded,
    Unknown,
    Waiting,
    WorkflowId,
)
from reconciler.core.reason import Reason, settled, why_stopped
from reconciler.core.sighting import Presence, Sighting


@dataclass(frozen=True, slots=True)
class Item:
    """One name as programs and people see it. Absent values are None; times are RFC 3339 in UTC.

    `labels`, those of the last valid manifest, are for selectors, and no part of the JSON.
    """

    name: Name
    path: str
    workflow_id: WorkflowId | None
    digest: Digest | None
    generation: int | None
    attempt: int | None
    state: State
    reason: str
    job_id: str | None
    job_status: JobStatus | None
    candidates: tuple[str, ...]
    revision: str | None
    trace_id: str | None
    submitted_at: str | None
    updated_at: str
    labels: Mapping[str, str] = field(default_factory=dict)


def item_of(sighting: Sighting, latest: Run | None, open_run: RunKey | None = None) -> Item:
    """The item for a name, from what was seen of it and its newest run.

    `open_run` is the run of the same workflow whose outcome is not known yet, if there is one.
    """
    if latest is None or _is_next_run_wanted(sighting, latest):
        return _unclaimed(sighting, latest)
    return Item(
        name=sighting.name,
        path=sighting.path,
        workflow_id=latest.workflow_id,
        digest=latest.digest,
        generation=latest.key.generation,
        attempt=latest.key.attempt,
        state=state_of(sighting.presence, latest.state),
        reason=reason_of(sighting, latest.state, open_run),
        job_id=str(latest.state.job_id) if isinstance(latest.state, Accepted) else None,
        job_status=latest.state.status if isinstance(latest.state, Accepted) else None,
        candidates=_candidates(latest.state),
        revision=latest.revision,
        trace_id=latest.trace_id,
        submitted_at=rfc3339(latest.submitted_ms) if latest.submitted_ms is not None else None,
        updated_at=rfc3339(max(latest.updated_ms, sighting.updated_ms)),
        labels=sighting.labels,
    )


def state_of(presence: Presence, run: RunState) -> State:
    """The one word for a name whose newest run is in this state.

    What may need a person (a request under way, unknown or held) is shown whatever became of the manifest;
    then what became of the manifest; then how the run stands.
    """
    match run:
        case Submitting():
            return State.SUBMITTING
        case Unknown():
            return State.UNKNOWN
        case Held():
            return State.HELD
        case Accepted(ended_ms=None) if presence is Presence.SUSPENDED:
            return State.RUNNING
        case _:
            return _STATE_OF_PRESENCE.get(presence) or _state_of_run(run)


def reason_of(sighting: Sighting, run: RunState, open_run: RunKey | None = None) -> str:
    """Why the name is in its state, as a sentence."""
    match run:
        case Unknown(why=why):
            return f"{Reason.UNKNOWN}: {why}"
        case Held(why=why) | Superseded(why=why):
            return why
        case Rejected(code=code, message=message):
            return f"Explorer refused it: {code} {message}"
        case Baselined():
            return "recorded as already done by an operator"
        case _ if sighting.reason:
            return sighting.reason
        case Waiting() if open_run is not None:
            return f"{Reason.BEHIND}: {open_run}"
        case Waiting(why=why):
            return why or Reason.SEND
        case _:
            stopped = why_stopped(run)
            return f"{settled(run)}: {stopped}" if stopped else settled(run)


def as_json(item: Item) -> dict[str, object]:
    """The item as `get -o json` and the ops port print it: keys and order are an interface."""
    return {
        "name": item.name,
        "path": item.path,
        "workflowId": item.workflow_id,
        "digest": item.digest,
        "generation": item.generation,
        "attempt": item.attempt,
        "state": str(item.state),
        "reason": item.reason,
        "jobId": item.job_id,
        "jobStatus": str(item.job_status) if item.job_status else None,
        "candidates": list(item.candidates),
        "revision": item.revision,
        "traceId": item.trace_id,
        "submittedAt": item.submitted_at,
        "updatedAt": item.updated_at,
    }


def rfc3339(ms: int) -> str:
    """A time in milliseconds since the epoch as RFC 3339 in UTC, to the millisecond."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


_STATE_OF_PRESENCE = {
    Presence.INVALID: State.INVALID,
    Presence.SUSPENDED: State.SUSPENDED,
    Presence.DELETED: State.DELETED,
}

_STATE_OF_FINAL_STATUS = {
    JobStatus.SUCCESS: State.SUCCEEDED,
    JobStatus.FAILED: State.FAILED,
    JobStatus.INTERRUPTED: State.INTERRUPTED,
}


def _state_of_run(run: RunState) -> State:
    match run:
        case Waiting():
            return State.WAITING
        case Submitting():
            return State.SUBMITTING
        case Unknown():
            return State.UNKNOWN
        case Held():
            return State.HELD
        case Accepted(is_overdue=True):
            return State.FAILED
        case Accepted(status=status):
            return _STATE_OF_FINAL_STATUS.get(status, State.RUNNING)
        case Baselined():
            return State.SUCCEEDED
        case Rejected():
            return State.REJECTED
        case Superseded():
            return State.SUPERSEDED


def _is_next_run_wanted(sighting: Sighting, latest: Run) -> bool:
    """Whether the manifest asks for a generation that no run was claimed for (the guard holds it, say)."""
    if sighting.presence is not Presence.WANTED or isinstance(latest.state, Submitting | Unknown | Held):
        return False
    return sighting.digest != latest.digest or isinstance(latest.state, Superseded)


def _unclaimed(sighting: Sighting, latest: Run | None) -> Item:
    is_wanted = sighting.presence is Presence.WANTED
    generation = latest.key.generation + 1 if latest else 1
    return Item(
        name=sighting.name,
        path=sighting.path,
        workflow_id=sighting.workflow_id,
        digest=sighting.digest,
        generation=generation if is_wanted else None,
        attempt=1 if is_wanted else None,
        state=_STATE_OF_PRESENCE.get(sighting.presence, State.WAITING),
        reason=sighting.reason,
        job_id=None,
        job_status=None,
        candidates=(),
        revision=sighting.revision,
        trace_id=None,
        submitted_at=None,
        updated_at=rfc3339(sighting.updated_ms),
        labels=sighting.labels,
    )


def _candidates(run: RunState) -> tuple[str, ...]:
    return tuple(str(job_id) for job_id in run.candidates) if isinstance(run, Unknown | Held) else ()
