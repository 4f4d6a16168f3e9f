"""What a reply means: from one HTTP exchange, as a value, to a receipt.

The rules are those of the submission protocol (docs/exactly-once.md, step 5). They trust nothing that the
API's reference does not promise: whatever is not clearly a creation or clearly a refusal is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.model import JobId


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No connection was made, so no byte of the request was sent."""

    detail: str


@dataclass(frozen=True, slots=True)
class SessionLost:
    """The server does not know our session (any more)."""

    code: int
    message: str


@dataclass(frozen=True, slots=True)
class Throttled:
    """Asked to come back later; `retry_after_s` is the server's wish, None if it gave none."""

    retry_after_s: float | None


@dataclass(frozen=True, slots=True)
class WorkflowMissing:
    """The workflow does not exist (yet): worth asking again, slowly."""

    code: int
    message: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Refused for good, until the manifest changes."""

    code: int
    message: str


@dataclass(frozen=True, slots=True)
class Faulty:
    """An answer that helps nobody: a time-out, a 5xx, a page of HTML, half a JSON.

    `code` is Explorer's code where the body carried one.
    """

    code: int | None
    detail: str


Failure = Unreachable | SessionLost | Throttled | WorkflowMissing | Refused | Faulty
"""Why a request did not give what was asked for. For a read, that is all there is to say."""


@dataclass(frozen=True, slots=True)
class Created:
    """The server says that it made this job, and its ID lies above the baseline."""

    job_id: JobId


@dataclass(frozen=True, slots=True)
class NotCreated:
    """It is certain that no job was made."""

    cause: Unreachable | SessionLost | Throttled | WorkflowMissing | Refused


@dataclass(frozen=True, slots=True)
class Unclear:
    """Nothing says whether a job was made. `code` is Explorer's code if the reply carried one."""

    why: str
    code: int | None = None


Receipt = Created | NotCreated | Unclear
