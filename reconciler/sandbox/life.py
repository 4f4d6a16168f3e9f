"""A job's life in time: Preparing → Running → its end, or Stopping → Interrupted after a cancel. Pure.

Nothing has a timer: where a job stands follows from its record and the time that is asked about.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from reconciler.sandbox.ledger import Job


class Status(IntEnum):
    """Explorer's numbers for the status of jobs and tasks."""

    PREPARING = 0
    RUNNING = 1
    SUCCESS = 2
    FAILED = 3
    INTERRUPTED = 4
    STOPPING = 5

    @property
    def is_final(self) -> bool:
        """Whether no other status follows."""
        return self in (Status.SUCCESS, Status.FAILED, Status.INTERRUPTED)


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a job stands. The times are milliseconds by the true clock, None while they have not come."""

    status: Status
    begun_ms: int | None = None
    ended_ms: int | None = None


def stage(job: Job, now_ms: int) -> Stage:
    """Where this job stands at this time."""
    if job.cancelled_ms is None or job.cancelled_ms > now_ms:
        return _undisturbed(job, now_ms)
    begun_ms = _undisturbed(job, job.cancelled_ms).begun_ms
    ended_ms = job.cancelled_ms + job.stopping_ms
    if now_ms < ended_ms:
        return Stage(Status.STOPPING, begun_ms)
    return Stage(Status.INTERRUPTED, begun_ms, ended_ms)


def _undisturbed(job: Job, now_ms: int) -> Stage:
    begun_ms = job.created_ms + job.preparing_ms
    ended_ms = begun_ms + job.running_ms
    if now_ms < begun_ms:
        return Stage(Status.PREPARING)
    if now_ms < ended_ms:
        return Stage(Status.RUNNING, begun_ms)
    return Stage(Status[job.ends.upper()], begun_ms, ended_ms)
