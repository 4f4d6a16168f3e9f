"""What a reply means: from one HTTP exchange, as a value, to a receipt.

The rules are those of the submission protocol (docs/exactly-once.md, step 5). They trust nothing that the
API's reference does not promise: whatever is not clearly a creation or clearly a refusal is unknown.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import assert_never

import msgspec

from reconciler.core.model import JobId

HIGHEST_JOB_ID = 2**63 - 1
"""What a signed 64-bit integer holds, as a database keeps IDs."""

SUCCESS_CODES = (0, 200)
"""Explorer's code of success; versions up to 3.2 show 200 (the API reference, "Response")."""

LONGEST_MESSAGE = 500
"""How many characters of a server's explanation are kept for people to read."""


@dataclass(frozen=True, slots=True)
class NotSent:
    """No byte of the request left: no address, no connection, or no TLS session."""

    detail: str


@dataclass(frozen=True, slots=True)
class NoReply:
    """Something was or may have been sent, and no whole reply came that can be read."""

    detail: str


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole HTTP reply. `retry_after_s` is its `Retry-After` in seconds from its arrival, if it has one.

    `date_ms` is what its `Date` says of the server's clock: for people, and no part of any decision.
    """

    status: int
    body: bytes = field(repr=False)
    retry_after_s: float | None = None
    date_ms: int | None = field(default=None, compare=False)


Exchange = NotSent | NoReply | Reply
"""What came of sending one HTTP request once."""


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
class LoginFailed:
    """No session could be opened, so nothing was asked.

    The login was refused or got no sensible answer, or a file holds no usable secret. `code` is Explorer's
    code where it gave one.
    """

    code: int | None
    detail: str


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


Failure = Unreachable | LoginFailed | SessionLost | Throttled | WorkflowMissing | Refused | Faulty
"""Why a request did not give what was asked for. For a read, that is all there is to say."""


@dataclass(frozen=True, slots=True)
class Created:
    """The server says that it made this job, and its ID lies above the baseline."""

    job_id: JobId


@dataclass(frozen=True, slots=True)
class NotCreated:
    """It is certain that no job was made."""

    cause: Unreachable | LoginFailed | SessionLost | Throttled | WorkflowMissing | Refused


@dataclass(frozen=True, slots=True)
class Unclear:
    """Nothing says whether a job was made. `code` is Explorer's code if the reply carried one.

    `stale_id` is the job that the answer names, if that was known before: IDs are taken to grow.
    """

    why: str
    code: int | None = None
    stale_id: JobId | None = None


Receipt = Created | NotCreated | Unclear


def receipt(exchange: Exchange, baseline: JobId) -> Receipt:
    """What came of a submission: step 5 of the protocol. A job of ours has an ID above `baseline`."""
    if isinstance(exchange, Reply) and exchange.status != 429 and _contradicts_itself(exchange.body):
        return Unclear("the answer says a thing twice, so it may mean either")
    match answer(exchange):
        case bytes() as data:
            return _created(data, baseline)
        case Faulty(code=code, detail=detail):
            return Unclear(detail, code)
        case cause:
            return NotCreated(cause)


def job_named_in(receipt: Receipt) -> JobId | None:
    """The job that the answer names, whether or not it can be the run's."""
    match receipt:
        case Created(job_id=job_id):
            return job_id
        case Unclear(stale_id=job_id):
            return job_id
        case NotCreated():
            return None
        case _:
            assert_never(receipt)


def answer(exchange: Exchange) -> bytes | Failure:
    """The `data` of a successful reply, as JSON text (`null` if there is none), or why there is none."""
    match exchange:
        case NotSent(detail=detail):
            return Unreachable(detail)
        case NoReply(detail=detail):
            return Faulty(None, detail)
        case Reply():
            return _answer_in(exchange)
        case _:
            assert_never(exchange)


def code_of(exchange: Exchange) -> str:
    """How an exchange ended, in a word to count by: Explorer's code, else the HTTP status, else why not.

    Success is "0" in all versions.
    """
    match exchange:
        case NotSent():
            return "unreachable"
        case NoReply():
            return "no_reply"
        case Reply(status=status, body=body):
            envelope = _envelope_in(body)
            if envelope is None:
                return str(status)
            return "0" if envelope.code in SUCCESS_CODES else str(envelope.code)
        case _:
            assert_never(exchange)


def job_id_in(found: int | str) -> JobId | None:
    """A job ID as the API writes it, as a number or as digits; None for what cannot be one."""
    if isinstance(found, str):
        found = int(found) if _DIGITS.fullmatch(found) else 0
    return JobId(found) if 1 <= found <= HIGHEST_JOB_ID else None


_DIGITS = re.compile(r"[1-9][0-9]{0,18}")


class _Envelope(msgspec.Struct, frozen=True):
    """What every answer of Explorer is wrapped in. What is not needed stays unread, whatever it is."""

    code: int
    data: msgspec.Raw = msgspec.Raw(b"null")
    message: msgspec.Raw = msgspec.Raw(b'""')
    debug_info: msgspec.Raw = msgspec.field(name="debugInfo", default=msgspec.Raw(b'""'))

    @property
    def explanation(self) -> str:
        """What the server says of the code, for people."""
        parts = (_text_in(self.message), _text_in(self.debug_info))
        return ": ".join(part for part in parts if part)[:LONGEST_MESSAGE]


class _NewJob(msgspec.Struct, frozen=True):
    """The `data` of an accepted submission: documented with a string, and sent with a number."""

    id: int | str


def _answer_in(reply: Reply) -> bytes | Failure:
    envelope = _envelope_in(reply.body)
    if reply.status == 429:
        return Throttled(reply.retry_after_s)
    if envelope is None:
        return Faulty(None, f"HTTP {reply.status} without a code of Explorer's")
    if envelope.code in SUCCESS_CODES:
        if 200 <= reply.status <= 299:
            return bytes(envelope.data)
        return Faulty(None, f"HTTP {reply.status} with a code that says success")
    return _refusal(reply.status, envelope)


def _refusal(status: int, envelope: _Envelope) -> Failure:
    """A code counts as a refusal only if the HTTP status says the same: a code begins with its status."""
    code, message = envelope.code, envelope.explanation
    if code // 100_000 == status:
        if status == 401:
            return SessionLost(code, message)
        if code == 40404000:
            return WorkflowMissing(code, message)
        if 400 <= status <= 499 or code == 50104000:
            return Refused(code, message)
    return Faulty(code, f"HTTP {status} with code {code} {message}".rstrip())


def _created(data: bytes, baseline: JobId) -> Created | Unclear:
    try:
        job_id = job_id_in(msgspec.json.decode(data, type=_NewJob).id)
    except (msgspec.MsgspecError, RecursionError):
        job_id = None
    if job_id is None:
        return Unclear("the answer says success and has no job ID that can be one")
    if job_id <= baseline:
        why = f"the answer names job {job_id}, which is not above {baseline}, known before"
        return Unclear(why, stale_id=job_id)
    return Created(job_id)


def _contradicts_itself(body: bytes) -> bool:
    """Whether an object in this JSON has a key twice: readers differ in which of the two they believe."""
    try:
        json.loads(body, object_pairs_hook=_single, parse_int=str, parse_float=str)
    except KeyError:
        return True
    except (ValueError, RecursionError):  # it is no JSON, and so no answer either
        return False
    return False


def _single(pairs: list[tuple[str, object]]) -> None:
    """Raises KeyError for a key that stands twice; what the object holds is read elsewhere."""
    keys = {key for key, _ in pairs}
    if len(keys) != len(pairs):
        raise KeyError


def _envelope_in(body: bytes) -> _Envelope | None:
    """The envelope, if the body is JSON in UTF-8 with a code that can be Explorer's: eight digits at most."""
    try:
        body.decode()  # the JSON decoder does not look at the encoding of what it skips
        envelope = msgspec.json.decode(body, type=_Envelope)
    except (UnicodeDecodeError, msgspec.MsgspecError, RecursionError):
        return None
    return envelope if 0 <= envelope.code < 100_000_000 else None


def _text_in(raw: msgspec.Raw) -> str:
    try:
        return msgspec.json.decode(raw, type=str)
    except (msgspec.MsgspecError, RecursionError):
        return ""
