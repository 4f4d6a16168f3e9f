"""One request, one reply, and the envelope that Explorer puts around every answer.

Values and their JSON only: which reply a request deserves is `api`'s matter, sockets are `connection`'s.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import formatdate
from enum import IntEnum
from typing import Any

import msgspec

Headers = tuple[tuple[str, str], ...]

JSON: Headers = (("Content-Type", "application/json"),)

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?P<trace_id>[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


class Code(IntEnum):
    """Explorer's error codes, as the overview page of its API reference lists them."""

    ERR_BAD_REQUEST = 40004000
    ERR_PARAM = 40004001
    ERR_UNAUTHORIZED = 40104000
    ERR_SESSION = 40104001
    ERR_FORBIDDEN = 40304000
    ERR_NOT_FOUND = 40404000
    ERR_INTERNAL_SERVER = 50004000
    ERR_INTERNAL_DATABASE = 50004001
    ERR_INTERNAL_CONTROLLER = 50004002
    ERR_INTERNAL_LICENSE = 50004003
    ERR_NOT_IMPLEMENTED = 50104000
    ERR_UNKNOWN = 90004000

    @property
    def status(self) -> int:
        """The HTTP status: the code's first three digits, and 500 for 900."""
        digits = self // 100_000
        return 500 if digits == 900 else digits

    @property
    def word(self) -> str:
        """The name as Explorer's `message` shows it: `ErrParam` for ERR_PARAM."""
        return "".join(part.capitalize() for part in self.name.split("_"))


class RefusedError(Exception):
    """A request that gets an error code. `detail` becomes `debugInfo`."""

    def __init__(self, code: Code, detail: str) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came: `path` and `query` percent-encoded, header names in lower case."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes

    def header(self, name: str) -> str | None:
        """The first header of this lower-case name."""
        return next((value for key, value in self.headers if key == name), None)

    @property
    def media_type(self) -> str:
        """The content type in lower case, without its parameters; empty if there is none."""
        return (self.header("content-type") or "").partition(";")[0].strip().lower()

    @property
    def trace_id(self) -> str | None:
        """The trace ID of a well-formed W3C `traceparent` header."""
        found = _TRACEPARENT.fullmatch(self.header("traceparent") or "")
        return found["trace_id"] if found else None


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; `Content-Length` is added where it is sent."""

    status: int
    body: bytes
    headers: Headers = JSON

    def with_headers(self, *more: tuple[str, str]) -> Reply:
        """The same reply with these headers behind its own."""
        return replace(self, headers=self.headers + more)


def success(data: Mapping[str, Any], code: int = 0) -> Reply:
    """The envelope of a good answer. Old servers show `code` 200."""
    return Reply(200, msgspec.json.encode({"code": code, "data": data, "message": "Success"}))


def refused(refusal: RefusedError) -> Reply:
    """The envelope of an error."""
    code = refusal.code
    body = {"code": int(code), "message": code.word, "debugInfo": refusal.detail}
    return Reply(code.status, msgspec.json.encode(body))


def stamped(reply: Reply, request: Request, now_s: float) -> Reply:
    """The reply with what every answer of Explorer carries: `Date`, and `Traceparent` in the request's trace.

    A request without a trace gets one of its own.
    """
    trace_id = request.trace_id or secrets.token_hex(16)
    return reply.with_headers(
        ("Date", formatdate(now_s, usegmt=True)),
        ("Traceparent", f"00-{trace_id}-{secrets.token_hex(8)}-00"),
    )


def parsed(body: bytes, what: str) -> Any:
    """The JSON value of a text. Raises RefusedError(ERR_PARAM) that names `what` if it is none."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(Code.ERR_PARAM, f"{what} is not JSON: {error}") from error
