"""How long to wait: backoff with full jitter, the request rate, and the circuit breaker, as values.

Time and chance come in as arguments; nothing here waits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import blake2b

BASE_MS = 10_000
CAP_MS = 360_000


def backoff_ms(failures: int, chance: float, *, base_ms: int = BASE_MS, cap_ms: int = CAP_MS) -> int:
    """How long to wait after this many failures in a row (from 1), for a `chance` in [0, 1).

    Full jitter: anything from nothing to the ceiling, which doubles from `base_ms` to `cap_ms`. It spreads
    the retries of many best (the comparison in AWS's "Exponential Backoff And Jitter").
    """
    doublings = min(max(failures - 1, 0), 32)
    return int(min(cap_ms, base_ms * 2**doublings) * chance)


def chance_of(text: str) -> float:
    """A chance in [0, 1) that follows from a text, the same every time: for a wait that is planned ahead.

    Whoever plans, a command or the daemon before and after a restart, gets the same wait; texts that differ
    spread as if by a die.
    """
    return int.from_bytes(blake2b(text.encode(), digest_size=6).digest(), "big") / 2**48


@dataclass(frozen=True, slots=True)
class Pace:
    """The limit on requests, all of them together: one every `1000 / per_s` ms, and none before a pause ends.

    `per_s` 0 is no limit. `next_ms` is when the next request may be sent.
    """

    per_s: float
    next_ms: float = 0.0

    def take(self, now_ms: float) -> tuple[Pace, float]:
        """The pace after one more request, and how many milliseconds that request has to wait."""
        start_ms = max(now_ms, self.next_ms)
        gap_ms = 1000 / self.per_s if self.per_s else 0.0
        return replace(self, next_ms=start_ms + gap_ms), start_ms - now_ms

    def pause(self, until_ms: float) -> Pace:
        """The same pace, with nothing sent before `until_ms` (the server's `Retry-After`)."""
        return replace(self, next_ms=max(self.next_ms, until_ms))


@dataclass(frozen=True, slots=True)
class Breaker:
    """Opens after `limit` failures in a row; then one probe at a time, until one succeeds.

    `probe_at_ms` is when the next probe may be sent; it means nothing while the breaker is closed.
    """

    limit: int = 3
    failures: int = 0
    probe_at_ms: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether nothing but a probe should be sent."""
        return self.failures >= self.limit

    def succeeded(self) -> Breaker:
        """After any answer that shows a working server."""
        return Breaker(self.limit) if self.failures else self

    def failed(self, now_ms: float, chance: float) -> Breaker:
        """After a request that no working server answered; `chance` in [0, 1) spreads the probes."""
        failures = self.failures + 1
        wait_ms = 1000 + backoff_ms(failures - self.limit + 1, chance, base_ms=2_000, cap_ms=60_000)
        return replace(self, failures=failures, probe_at_ms=now_ms + wait_ms)
