"""Which jobs are to be stopped, and why: `onDelete: cancel`, `activeDeadlineSeconds` and `onChange: replace`.

Pure. Only a job that the state owns, that has not ended, and that nobody stops already. When a changed
manifest may stop the job before it is decided in `gates`, how a job is stopped is the engine's.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.action import Absent, CancelJob, Claim, Observed, Wish
from reconciler.core.model import Accepted, CancelCause, Manifest, OnChange, OnDelete, Policies, Run
from reconciler.core.reason import Reason


def deleted_to_stop(wish: Wish, observed: Observed) -> list[CancelJob]:
    """The jobs of a name that two complete passes lacked, if its last manifest says so."""
    is_gone = isinstance(wish, Absent) and wish.passes >= 2
    if not is_gone or observed.policies.on_delete is not OnDelete.CANCEL:
        return []
    return _stopped(observed, CancelCause.DELETED, Reason.CANCEL_DELETED)


def replaced_to_stop(claim: Claim, observed: Observed) -> list[CancelJob]:
    """The jobs that a new generation replaces."""
    if claim.key.attempt > 1 or claim.manifest.on_change is not OnChange.REPLACE:
        return []
    return _stopped(observed, CancelCause.REPLACED, Reason.CANCEL_REPLACED)


def overdue_to_stop(wish: Wish, observed: Observed, now_ms: int) -> list[CancelJob]:
    """The jobs that run longer than the name's last manifest lets them."""
    return [
        CancelJob(run.key, job.job_id, CancelCause.DEADLINE, Reason.CANCEL_OVERDUE)
        for run, job, deadline_ms in _deadlines(wish, observed)
        if deadline_ms <= now_ms
    ]


def next_deadline_ms(wish: Wish, observed: Observed, now_ms: int) -> int | None:
    """When the next job of the name becomes overdue; None if none can."""
    found = [deadline_ms for _, _, deadline_ms in _deadlines(wish, observed) if deadline_ms > now_ms]
    return min(found, default=None)


def policies_of(wish: Wish, observed: Observed) -> Policies:
    """The policies that a name goes by: those of its last valid manifest."""
    return wish.policies if isinstance(wish, Manifest) else observed.policies


def _deadlines(wish: Wish, observed: Observed) -> Iterator[tuple[Run, Accepted, int]]:
    """Each job that may yet be stopped, with its deadline. A deleted name's jobs are left alone."""
    deadline_s = policies_of(wish, observed).active_deadline_s
    is_gone = isinstance(wish, Absent) and wish.passes >= 2
    if deadline_s is None or is_gone:
        return
    for run, job in _running(observed):
        yield run, job, job.accepted_ms + int(deadline_s * 1000)


def _stopped(observed: Observed, cause: CancelCause, why: Reason) -> list[CancelJob]:
    return [CancelJob(run.key, job.job_id, cause, why) for run, job in _running(observed)]


def _running(observed: Observed) -> Iterator[tuple[Run, Accepted]]:
    for run in observed.unfinished:
        match run.state:
            case Accepted(ended_ms=None, cancel=None) as job:
                yield run, job
            case _:
                pass
