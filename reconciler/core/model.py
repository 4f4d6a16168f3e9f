"""The words of the domain as values: manifests, runs and what is known of each.

Only data lives here, with the few facts that follow from it alone. What should happen next is decided in
`plan`, what a reply means in `outcome`, how bytes become a manifest in `manifest`. Times are milliseconds
since the Unix epoch, in UTC, and say so in their names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

Name = NewType("Name", str)
"""`metadata.name`: a DNS-1123 subdomain of at most 253 characters, unique in the tree."""

Digest = NewType("Digest", str)
"""SHA-256 in lower-case hex of what a manifest asks for; only a changed digest submits."""

WorkflowId = NewType("WorkflowId", str)
"""Explorer's workflow ID as digits; it may exceed 2^53, so it is never a float."""

JobId = NewType("JobId", int)
"""Explorer's job ID. The server hands them out in growing order (assumption A7)."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one document: where it is, and what to write instead.

    `line` and `column` count from 1; `pointer` is an RFC 6901 JSON pointer into the document (empty for the
    whole). `code` is a stable word for programs, `message` a sentence for the person who wrote the file.
    """

    path: str
    line: int
    column: int
    pointer: str
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.message}"


class OnUnknown(StrEnum):
    """`spec.onUnknown`: what to do with a run when nobody knows whether its job was made."""

    AUTO = "auto"
    HOLD = "hold"
    RESUBMIT = "resubmit"


class OnChange(StrEnum):
    """`spec.onChange`: what a change does while the job before it still runs."""

    SUBMIT = "submit"
    QUEUE = "queue"
    REPLACE = "replace"


class OnDelete(StrEnum):
    """`spec.onDelete`: what becomes of a running job when its manifest is deleted."""

    ORPHAN = "orphan"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Policies:
    """How a name's runs are gone about: all of its `spec` that is not in the digest, and changes no job.

    `backoff_limit` is how often a job that failed is submitted again, `active_deadline_s` how many seconds it
    may take from its receipt (None: as long as it likes), `depends_on` the names that must have succeeded.
    """

    on_unknown: OnUnknown = OnUnknown.AUTO
    on_change: OnChange = OnChange.SUBMIT
    on_delete: OnDelete = OnDelete.ORPHAN
    backoff_limit: int = 0
    active_deadline_s: float | None = None
    depends_on: tuple[Name, ...] = ()


DEFAULTS = Policies()
"""What a manifest that says nothing of them goes by."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One valid document: a job that somebody wants.

    `body` is the canonical (RFC 8785) JSON of `{"input": …}`: exactly the bytes that are sent to Explorer.
    `path` is relative to the jobs directory, with `/`; `line` is where the document begins, from 1. What the
    policies mean says `Policies`.
    """

    name: Name
    workflow_id: WorkflowId
    body: bytes
    digest: Digest
    path: str
    line: int = 1
    is_suspended: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    on_unknown: OnUnknown = OnUnknown.AUTO
    on_change: OnChange = OnChange.SUBMIT
    on_delete: OnDelete = OnDelete.ORPHAN
    backoff_limit: int = 0
    active_deadline_s: float | None = None
    depends_on: tuple[Name, ...] = ()

    @property
    def policies(self) -> Policies:
        """How its runs are gone about."""
        return Policies(
            on_unknown=self.on_unknown,
            on_change=self.on_change,
            on_delete=self.on_delete,
            backoff_limit=self.backoff_limit,
            active_deadline_s=self.active_deadline_s,
            depends_on=self.depends_on,
        )


@dataclass(frozen=True, slots=True)
class Invalid:
    """One document, or one whole file, that cannot be acted on.

    `name` is the document's name where that much of it could be read, so that what ran under this name
    before is left as it is: invalid is never taken for deleted.
    """

    name: Name | None
    path: str
    line: int
    problems: tuple[Problem, ...]


Document = Manifest | Invalid


class JobStatus(StrEnum):
    """Explorer's words for a job's status, by its number on the wire (see `by_number`)."""

    PREPARING = "Preparing"
    RUNNING = "Running"
    SUCCESS = "Success"
    FAILED = "Failed"
    INTERRUPTED = "Interrupted"
    STOPPING = "Stopping"

    @property
    def is_final(self) -> bool:
        """Whether a job with this status will never have another."""
        return self in (JobStatus.SUCCESS, JobStatus.FAILED, JobStatus.INTERRUPTED)

    @classmethod
    def by_number(cls, number: int) -> JobStatus:
        """The status for Explorer's number, 0 to 5. Raises ValueError for any other."""
        words = tuple(cls)
        if not 0 <= number < len(words):
            raise ValueError(f"Explorer has no job status {number}")
        return words[number]


@dataclass(frozen=True, slots=True)
class Job:
    """One job as the server shows it, ours or not. A time that has not come, or cannot be read, is None."""

    job_id: JobId
    workflow_id: WorkflowId
    name: str
    status: JobStatus | None
    created_ms: int | None
    began_ms: int | None
    ended_ms: int | None


@dataclass(frozen=True, slots=True)
class Task:
    """One task of a job, as the server shows it once the job has ended."""

    task_id: str
    name: str
    status: JobStatus | None
    began_ms: int | None
    ended_ms: int | None


@dataclass(frozen=True, slots=True, order=True)
class RunKey:
    """What a run is known by: at most one job exists for each."""

    name: Name
    generation: int
    attempt: int

    def __str__(self) -> str:
        return f"{self.name}#{self.generation}.{self.attempt}"


@dataclass(frozen=True, slots=True)
class Intent:
    """The durable note that a POST is about to be sent; its number is gapless within a state.

    `baseline` is the highest job ID ever seen for the workflow when the run was first tried: whatever try
    made it, a job of this run has a higher one. `highest` is the highest known when this try was noted: the
    answer to it has to name a higher one still. `trace_id` is the W3C trace ID (32 hex digits) that the
    request carries.
    """

    number: int
    try_number: int
    trace_id: str
    baseline: JobId
    highest: JobId
    created_ms: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """Claimed, and known not to exist on the server: it may be sent once `not_before_ms` has come."""

    tries: int = 0
    not_before_ms: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Submitting:
    """The intent is durable, and what came of it is not: a POST may be under way."""

    intent: Intent


@dataclass(frozen=True, slots=True)
class Unknown:
    """The request ended, or its daemon did, and nothing says whether a job was made: it is looked for.

    `why` is what came back; `code` is Explorer's code if that was a 5xx with one. Its workflow is listed
    twice (`looks` so far), next at about `look_ms`; `candidates` are the jobs seen so far that may be its
    own.
    """

    intent: Intent
    why: str
    look_ms: int
    code: int | None = None
    looks: int = 0
    candidates: tuple[JobId, ...] = ()


@dataclass(frozen=True, slots=True)
class Held:
    """Nobody can tell whether the server made a job, so a person decides."""

    intent: Intent
    why: str
    candidates: tuple[JobId, ...] = ()


class CancelCause(StrEnum):
    """What a job is stopped for."""

    REPLACED = "replaced"
    DELETED = "deleted"
    DEADLINE = "deadline"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Cancel:
    """The durable note that a job is to be stopped: before any request, which is then repeated.

    `why` is a sentence, with the operator's name and words where one asked. `tries` counts the requests so
    far, `answer` is what came of the last one, in words.
    """

    cause: CancelCause
    why: str
    asked_ms: int
    tries: int = 0
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The server made this job for this run. `ended_ms` is set once `status` is final.

    `cancel` says that it is to be stopped, or was. `missing_ms` is since when the server does not show it.
    """

    job_id: JobId
    status: JobStatus
    accepted_ms: int
    ended_ms: int | None = None
    cancel: Cancel | None = None
    missing_ms: int | None = None

    @property
    def is_overdue(self) -> bool:
        """Whether it was stopped because it ran longer than its deadline: it has failed, by that."""
        is_stopped = self.ended_ms is not None and self.status is not JobStatus.SUCCESS
        return is_stopped and self.cancel is not None and self.cancel.cause is CancelCause.DEADLINE


@dataclass(frozen=True, slots=True)
class Baselined:
    """Recorded as already done by an operator; no job of ours exists."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """Refused for good: tried again only when the manifest changes, or on an operator's word."""

    code: int
    message: str


@dataclass(frozen=True, slots=True)
class Superseded:
    """Never sent, or found not created, and no longer wanted."""

    why: str


RunState = Waiting | Submitting | Unknown | Held | Accepted | Baselined | Rejected | Superseded


@dataclass(frozen=True, slots=True)
class Run:
    """One generation's attempt: at most one job.

    `resubmissions` counts the attempts before it, without a break, whose jobs failed and were submitted
    again by themselves; an operator's `retry` begins anew. `claimed_for` says why it was wanted.
    """

    key: RunKey
    workflow_id: WorkflowId
    digest: Digest
    state: RunState
    claimed_ms: int
    updated_ms: int
    revision: str | None = None
    trace_id: str | None = None
    submitted_ms: int | None = None
    resubmissions: int = 0
    claimed_for: str = ""

    @property
    def is_unfinished(self) -> bool:
        """Whether its job exists and has not ended, or may exist for all that is known."""
        match self.state:
            case Submitting() | Unknown() | Held() | Accepted(ended_ms=None):
                return True
            case _:
                return False


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is submitted until an operator says `resume`: who said so, why, and since when."""

    who: str
    why: str
    since_ms: int


class State(StrEnum):
    """The one word that a person reads for a name."""

    INVALID = "Invalid"
    SUSPENDED = "Suspended"
    HELD = "Held"
    WAITING = "Waiting"
    SUBMITTING = "Submitting"
    UNKNOWN = "Unknown"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    INTERRUPTED = "Interrupted"
    REJECTED = "Rejected"
    SUPERSEDED = "Superseded"
    DELETED = "Deleted"
