"""What can be made to go wrong, and when. How a fault reaches the client is `delivery`'s and `api`'s matter.

A fault is switched on by `faults.json` in the sandbox's directory (a list; read again when it changes), by
`PUT /sandbox/faults` with the same list, or in process by `Faults.switch_on`. For example:

    [{"kind": "drop", "operation": "submit", "moment": "after", "times": 2},
     {"kind": "answer", "operation": "list", "nth": [1, 3], "status": 429, "headers": {"Retry-After": "2"}},
     {"kind": "listing-lag", "seconds": 5}]

Deliveries spoil one exchange: of those that are due, the first in the list happens. Conditions change what
the server does, and all that are due hold at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from reconciler.sandbox.routes import Operation, Route
from reconciler.sandbox.watched import Watched

FILE_NAME = "faults.json"

Moment = Literal["before", "after"]
"""When the client loses its answer: before the server has done what was asked (made a job, say), or after."""


class _Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """Where a fault strikes.

    Of the requests with this operation (and workflow ID, if given) it strikes those that `nth` names, counted
    from 1 since it was switched on; without `nth`, the first `times`; with `times` None, all.
    """

    operation: Literal["any"] | Operation = "any"
    workflow: str | None = None
    times: int | None = 1
    nth: tuple[int, ...] = ()


class _Condition(_Fault, frozen=True, kw_only=True):
    """Holds until it is switched off, unless told otherwise."""

    times: int | None = None


class Drop(_Fault, frozen=True, tag="drop"):
    """The connection ends without a reply: by a reset, or by an orderly close."""

    moment: Moment = "before"
    by: Literal["reset", "close"] = "reset"


class Late(_Fault, frozen=True, tag="late"):
    """The client loses its connection, and the server does what was asked so many seconds later.

    `trigger` starts the clock: `dropped`: the server resets the connection at once; `client-gone`: nothing is
    answered until the client gives up.
    """

    seconds: float = 1.0
    trigger: Literal["dropped", "client-gone"] = "dropped"


class Hang(_Fault, frozen=True, tag="hang"):
    """The request is taken and not answered: for so many seconds, or, with None, ever."""

    moment: Moment = "before"
    seconds: float | None = None


class Answer(_Fault, frozen=True, tag="answer"):
    """Any other reply in place of the true one: an error, a page of HTML, a redirect, 429.

    A `body` that is an object is sent as JSON. See `error`, `html_page`, `throttled` and `redirect`.
    """

    moment: Moment = "before"
    status: int = 500
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    body: str | dict[str, Any] = ""


class Cut(_Fault, frozen=True, tag="cut"):
    """The first half of the true reply's body; its length is announced as the whole body's, or as sent."""

    announced: Literal["whole", "sent"] = "whole"


class Drip(_Fault, frozen=True, tag="drip"):
    """The true reply, one byte an interval."""

    interval_s: float = 0.1


class Pad(_Fault, frozen=True, tag="pad"):
    """The true reply with so many blanks behind its JSON, which stays valid; with `gzip`, compressed."""

    padding: int = 0
    encoding: Literal["identity", "gzip"] = "identity"


class ListingLag(_Condition, frozen=True, tag="listing-lag"):
    """Jobs younger than this are in no listing."""

    seconds: float = 1.0


class ClockSkew(_Condition, frozen=True, tag="clock-skew"):
    """`Date` and the times of jobs that are made are off by so many seconds."""

    seconds: float = 3600.0


class LostSessions(_Condition, frozen=True, tag="lost-sessions"):
    """Every session ends just before the request."""

    times: int | None = 1


class FallingId(_Condition, frozen=True, tag="falling-id"):
    """A new job's ID lies below all others, instead of above."""


class TextId(_Condition, frozen=True, tag="text-id"):
    """The reply to a submission has its ID as a string, as the API reference says."""


Delivery = Drop | Late | Hang | Answer | Cut | Drip | Pad
Condition = ListingLag | ClockSkew | LostSessions | FallingId | TextId
Fault = Delivery | Condition


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the server does otherwise than it should, for one request."""

    listing_lag_s: float = 0.0
    clock_skew_s: float = 0.0
    sessions_are_lost: bool = False
    id_falls: bool = False
    id_is_text: bool = False


@dataclass(frozen=True, slots=True)
class Due:
    """The faults that strike one request."""

    delivery: Delivery | None = None
    conditions: Conditions = Conditions()


def error(code: int, message: str = "the sandbox was told to fail") -> Answer:
    """An error with an Explorer code, before anything was done."""
    status = 500 if code >= 90_000_000 else code // 100_000
    return Answer(status=status, body={"code": code, "message": message})


def html_page(status: int = 502) -> Answer:
    """What a proxy shows when it has something to say."""
    page = "<html><body><h1>A proxy speaks</h1></body></html>"
    return Answer(status=status, headers={"Content-Type": "text/html"}, body=page)


def throttled(retry_after_s: int) -> Answer:
    """429 with a wish for when to come back."""
    return Answer(status=429, headers={"Retry-After": str(retry_after_s)}, body="slow down")


def redirect(location: str) -> Answer:
    """302 to another place."""
    return Answer(status=302, headers={"Location": location})


def read_faults(text: bytes) -> tuple[Fault, ...]:
    """The faults in a JSON list. Raises ValueError with the place of what is wrong."""
    return msgspec.json.decode(text, type=tuple[Fault, ...])


class _Armed:
    """A fault that is switched on, with what it has seen and how often it has struck."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.struck = 0
        self._seen = 0

    def strikes(self, asked: Route | None) -> bool:
        """Count the request if this fault is about it, and tell whether it may strike."""
        fault = self.fault
        if fault.operation not in ("any", asked and asked.operation):
            return False
        if fault.workflow not in (None, asked and asked.workflow_id):
            return False
        self._seen += 1
        if fault.nth:
            return self._seen in fault.nth
        return fault.times is None or self.struck < fault.times


class Faults:
    """The faults of one sandbox: those of its file, and those that calls have switched on."""

    def __init__(self, directory: Path) -> None:
        nothing: tuple[_Armed, ...] = ()
        self._file = Watched(directory / FILE_NAME, lambda text: _arm(read_faults(text)), nothing)
        self._called = nothing

    @property
    def active(self) -> tuple[Fault, ...]:
        """All faults that are switched on, also those that have struck for the last time."""
        return tuple(armed.fault for armed in self._all())

    def switch_on(self, *faults: Fault) -> None:
        """Add these to what is switched on; their counts begin now."""
        self._called += _arm(faults)

    def switch_off(self) -> None:
        """Switch off all but those of the file."""
        self._called = ()

    def due(self, asked: Route | None) -> Due:
        """What strikes a request that has just come; None asks for nothing that the API has."""
        delivery: Delivery | None = None
        conditions: list[Condition] = []
        for armed in self._all():
            fault = armed.fault
            if not armed.strikes(asked):
                continue
            if isinstance(fault, Condition):
                armed.struck += 1
                conditions.append(fault)
            elif delivery is None:
                armed.struck += 1
                delivery = fault
        return Due(delivery, _conditions(conditions))

    def _all(self) -> tuple[_Armed, ...]:
        return self._file.value() + self._called


def _arm(faults: Iterable[Fault]) -> tuple[_Armed, ...]:
    return tuple(_Armed(fault) for fault in faults)


def _conditions(faults: Sequence[Condition]) -> Conditions:
    """All conditions at once: the longest lag, the sum of all skews."""
    lags = [fault.seconds for fault in faults if isinstance(fault, ListingLag)]
    skews = [fault.seconds for fault in faults if isinstance(fault, ClockSkew)]
    kinds = {type(fault) for fault in faults}
    return Conditions(
        listing_lag_s=max(lags, default=0.0),
        clock_skew_s=sum(skews),
        sessions_are_lost=LostSessions in kinds,
        id_falls=FallingId in kinds,
        id_is_text=TextId in kinds,
    )
