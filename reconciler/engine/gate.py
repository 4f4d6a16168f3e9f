"""Whether a request may be sent now: the request limit and the circuit breaker, for all that is sent.

The rules are values in `core.backoff`; here somebody waits for them.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress

from reconciler.core.backoff import Breaker, Pace
from reconciler.core.outcome import Failure, Faulty, LoginFailed, Throttled, Unclear, Unreachable
from reconciler.engine.telemetry import Telemetry


class Gate:
    """Everything that is sent passes here first, and says here how it went."""

    def __init__(self, per_s: float, telemetry: Telemetry, now_s: Callable[[], float]) -> None:
        self._pace = Pace(per_s)
        self._pauses = 0
        self._breaker = Breaker()
        self._telemetry = telemetry
        self._now_s = now_s
        self._is_closed = asyncio.Event()
        self._is_closed.set()
        self._is_over = asyncio.Event()
        self.has_opened = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """Whether the circuit is open: nothing but a probe is sent."""
        return self._breaker.is_open

    async def admit(self) -> None:
        """Return once a request may be sent: the circuit is closed, and the limit has room."""
        while True:
            await self._is_closed.wait()
            await self.admit_probe()
            if not self.is_open or self._is_over.is_set():  # it may have opened meanwhile
                return

    async def admit_probe(self) -> None:
        """Return once the limit has room, whatever the circuit."""
        pauses = -1
        while pauses != self._pauses:  # a pause that begins while we wait is for us, too
            pauses = self._pauses
            self._pace, wait_ms = self._pace.take(self._now_s() * 1000)
            if wait_ms > 0:
                self._telemetry.rate_limit_wait(wait_ms / 1000)
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_ms / 1000):
                        await self._is_over.wait()

    def let_go(self) -> None:
        """Nobody sends any more: whoever waits here returns at once, to find that out."""
        self._is_over.set()
        self._is_closed.set()

    def wait_s(self) -> float:
        """How long the next request would wait for the limit."""
        return self._pace.take(self._now_s() * 1000)[1] / 1000

    def probe_in_s(self) -> float:
        """How long until the next probe, while the circuit is open."""
        return max(0.0, self._breaker.probe_at_ms / 1000 - self._now_s())

    def went(self, trouble: Failure | Unclear | None) -> None:
        """Say how a request went: None, or what was in its way."""
        is_old_news = self._breaker.is_open and _is_down(trouble)  # it was under way when the circuit opened
        if not is_old_news:
            self.probe_went(trouble)

    def probe_went(self, trouble: Failure | Unclear | None) -> None:
        """Say how a probe went: while the circuit is open, only its failures put the next probe off."""
        if _is_down(trouble):
            self._breaker = self._breaker.failed(self._now_s() * 1000, random.random())  # noqa: S311 - jitter
        else:
            self._breaker = self._breaker.succeeded()
        if isinstance(trouble, Throttled) and trouble.retry_after_s is not None:
            self._pace = self._pace.pause((self._now_s() + trouble.retry_after_s) * 1000)
            self._pauses += 1
        self._show()

    def _show(self) -> None:
        self._telemetry.circuit_open(self._breaker.is_open)
        if self._breaker.is_open and not self._is_over.is_set():
            self._is_closed.clear()
            self.has_opened.set()
        else:
            self._is_closed.set()
            self.has_opened.clear()


def _is_down(trouble: Failure | Unclear | None) -> bool:
    """Whether no working server answered."""
    match trouble:
        case Unreachable() | LoginFailed() | Faulty(code=None) | Unclear(code=None):
            return True
        case _:
            return False
