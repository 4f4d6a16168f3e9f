"""What a run's state is after a request, from the receipt: step 5 of the protocol, seen from the run.

What a reply means is decided in `outcome`; here it is decided what follows for the run.
"""

from __future__ import annotations

from typing import assert_never

from reconciler.core.backoff import backoff_ms
from reconciler.core.model import (
    Accepted,
    Held,
    Intent,
    JobStatus,
    Rejected,
    RunKey,
    RunState,
    Unknown,
    Waiting,
)
from reconciler.core.outcome import (
    Created,
    LoginFailed,
    NotCreated,
    Receipt,
    Refused,
    SessionLost,
    Throttled,
    Unclear,
    Unreachable,
    WorkflowMissing,
)

SESSION_LOST_MS = 1_000
"""A lost session was renewed by the client already, so the ceiling of the first wait is short."""


def after(
    receipt: Receipt, intent: Intent, owner: RunKey | None, now_ms: int, chance: float, settle_ms: int
) -> RunState:
    """The run's state once this came of its request.

    `owner` is the run that already has the job that the answer names, if any; `chance` in [0, 1) is the
    jitter of a wait. What is unknown is looked for once `settle_ms` have passed. An answer that names a job
    which cannot be the run's is a sign that IDs do not grow: looking goes by IDs, so a person decides.
    """
    match receipt:
        case Created(job_id=job_id) if owner is not None:
            return Held(intent, f"Explorer answered with job {job_id}, which is the job of {owner}")
        case Created(job_id=job_id):
            return Accepted(job_id, JobStatus.PREPARING, now_ms)
        case NotCreated():
            return _not_created(receipt, intent.try_number, now_ms, chance)
        case Unclear(why=why, stale_id=job_id) if job_id is not None:
            return Held(intent, why, () if owner else (job_id,))
        case Unclear(why=why, code=code):
            return Unknown(intent, why, now_ms + settle_ms, code)
        case _:
            assert_never(receipt)


def _not_created(receipt: NotCreated, tries: int, now_ms: int, chance: float) -> Waiting | Rejected:
    match receipt.cause:
        case Refused(code=code, message=message):
            return Rejected(code, message)
        case Unreachable(detail=detail):
            why, wait_ms = f"Explorer cannot be reached: {detail}", backoff_ms(tries, chance)
        case SessionLost(code=code, message=message):
            why = f"Explorer did not know the session: {code} {message}"
            wait_ms = backoff_ms(tries, chance, base_ms=SESSION_LOST_MS)
        case LoginFailed(detail=detail):
            why, wait_ms = f"no session with Explorer: {detail}", backoff_ms(tries, chance)
        case Throttled(retry_after_s=float(seconds)):
            why, wait_ms = f"Explorer asks to wait {seconds:g} s", int(seconds * 1000)
        case Throttled():
            why, wait_ms = "Explorer asks for fewer requests", backoff_ms(tries, chance)
        case WorkflowMissing(code=code, message=message):
            why = f"the workflow does not exist (yet): {code} {message}"
            wait_ms = backoff_ms(tries, chance)
        case cause:
            assert_never(cause)
    return Waiting(tries, now_ms + wait_ms, why)
