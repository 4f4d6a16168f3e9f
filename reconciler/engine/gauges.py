"""What the state looks like from outside, refreshed when it has changed: the gauges among the metrics.

To count a hundred thousand names takes a good part of a second, so it is done after changes only, and not
when it was merely tried whether the state can be written.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.core.model import JobStatus, State
from reconciler.engine.tasks import Queue
from reconciler.engine.telemetry import Telemetry
from reconciler.errors import StateUnwritable
from reconciler.store.port import Store

REFRESH_S = 0.5
"""How often the gauges are refreshed at most; slower where counting takes long."""


@dataclass(slots=True)
class Gauges:
    """Counts names and jobs by state, as the item of each name says it."""

    store: Store
    queue: Queue
    telemetry: Telemetry
    state: Path
    nameless: Callable[[], int]
    """How many documents have no usable name: they are no item, but they are invalid."""

    now_ms: Callable[[], int]
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def changed(self) -> None:
        """A commit has ended."""
        self._changed.set()

    async def run(self) -> None:
        """Refresh after commits, for as long as the daemon runs."""
        counted: tuple[int, int] | None = None
        while True:
            began_s = time.monotonic()
            self._changed.clear()
            now = (self.store.changes, self.nameless())
            self._tell_queue()
            if now != counted:
                with suppress(StateUnwritable):  # counted again after the next commit
                    await self.refresh()
                    counted = now
            await asyncio.sleep(max(REFRESH_S, 10 * (time.monotonic() - began_s)))
            await self._changed.wait()

    async def refresh(self) -> None:
        """Count now."""
        counts = await self.store.counts()
        states = Counter({str(state): count for state, count in (await self.store.state_counts()).items()})
        states[State.INVALID] += self.nameless()
        self.telemetry.manifests(states)
        self.telemetry.jobs({status: counts.get(f"job:{status}", 0) for status in JobStatus})
        self.telemetry.paused(await self.store.paused() is not None)
        self.telemetry.held(counts.get("Held", 0))
        self.telemetry.unknown_outcomes(counts.get("Unknown", 0))

    def _tell_queue(self) -> None:
        """What is at hand without a question: the queue, which grows older, and the size of the state."""
        self.telemetry.state_bytes(_bytes(self.state))
        oldest_ms = self.queue.oldest_ms()
        age_s = 0.0 if oldest_ms is None else max(0.0, (self.now_ms() - oldest_ms) / 1000)
        self.telemetry.queue(len(self.queue), age_s)


def _bytes(state: Path) -> int:
    """The size of the state with its write-ahead log."""
    files = (state, state.with_name(f"{state.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
