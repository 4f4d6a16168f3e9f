"""What is kept of the past: events, requests, runs, and all that is known of one name. Pure data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.item import Item
from reconciler.core.model import Job, JobId, Name, Pause, Policies, Run, RunKey, Task, WorkflowId


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the history: what was decided or seen, when, about what, and why."""

    at_ms: int
    event: str
    reason: str
    name: Name | None = None
    key: RunKey | None = None
    workflow_id: WorkflowId | None = None
    job_id: JobId | None = None
    revision: str | None = None
    trace_id: str | None = None


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


@dataclass(frozen=True, slots=True)
class Dossier:
    """What is known of one name: `older` runs are left out, `dependencies` are names with their items."""

    item: Item
    policies: Policies
    dependencies: Sequence[tuple[Name, Item | None]]
    runs: Sequence[RunRecord]
    older: int
    workflow: WorkflowRecord | None
    events: Sequence[Event]
    pause: Pause | None
