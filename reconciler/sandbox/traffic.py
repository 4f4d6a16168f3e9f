"""What has arrived at the sandbox in this run, for tests to look at and to wait for. Kept in memory only."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from reconciler.sandbox.announcer import Announcer
from reconciler.sandbox.routes import Route
from reconciler.sandbox.wire import Request

KEPT = 10_000
"""How many of the newest arrivals are kept."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request, with what it asks for (None: nothing that the API has) and its time in seconds."""

    request: Request
    route: Route | None
    at_s: float


class Traffic:
    """The requests of this run in the order of their arrival. Those under `/sandbox` are not counted."""

    def __init__(self) -> None:
        self._arrivals: deque[Arrival] = deque(maxlen=KEPT)
        self._changes = Announcer()

    def note(self, arrival: Arrival) -> None:
        """Add a request that has just been read whole; nothing was done about it yet."""
        self._arrivals.append(arrival)
        self._changes.announce()

    def of(self, operation: str) -> tuple[Arrival, ...]:
        """What arrived for this operation; `any` gives all."""
        return tuple(
            arrival
            for arrival in self._arrivals
            if operation == "any" or (arrival.route is not None and arrival.route.operation == operation)
        )

    async def until(self, operation: str, count: int) -> tuple[Arrival, ...]:
        """Return as soon as that many requests of an operation have arrived."""
        await self._changes.until(lambda: len(self.of(operation)) >= count)
        return self.of(operation)
