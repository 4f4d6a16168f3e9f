"""The keyed queue: what is to be done next, and what may not be done at the same time.

A key is never worked on twice at once, and neither is a lane (a workflow: one unfinished POST each). What is
put again replaces what still waits; lanes take turns. A plain structure, with time as an argument; who works
and waits is in `workers`.

What holds it together: a key is in `_waiting` from `put` until `take`; a lane, with the key that it works on,
is in `_busy` from `take` until `done`; a lane is in `_blocked` while somebody outside keeps it so; `_turns`
holds each lane that has due work and is neither busy nor blocked, exactly once; what is due in a free lane
while its key is busy in another is in `_parked`.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

Task = TypeVar("Task")


LONGEST_MS = 3_600_000
"""What is due later than this from now was put before the clock was set back: it is due now."""


@dataclass(frozen=True, slots=True)
class Entry(Generic[Task]):
    """One thing to do. `since_ms` is when its key was first put; it may be taken from `due_ms` on."""

    key: str
    lane: str
    task: Task
    since_ms: int
    due_ms: int


class WorkQueue(Generic[Task]):
    """What waits to be done, by key and lane."""

    def __init__(self) -> None:
        self._waiting: dict[str, Entry[Task]] = {}
        self._busy: dict[str, str] = {}
        self._blocked: dict[str, set[str]] = {}
        self._parked: dict[str, Entry[Task]] = {}
        self._due: dict[str, deque[Entry[Task]]] = {}
        self._turns: deque[str] = deque()
        self._later: list[tuple[int, int, Entry[Task]]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, key: str, lane: str, task: Task, now_ms: int, due_ms: int = 0) -> None:
        """Ask for this, from `due_ms` on; what still waits under the key is replaced and keeps its age."""
        before = self._waiting.get(key)
        if before and (before.lane, before.task, before.due_ms) == (lane, task, due_ms):
            return
        entry = Entry(key, lane, task, before.since_ms if before else now_ms, due_ms)
        self._waiting[key] = entry
        if due_ms > now_ms:
            self._count += 1
            heapq.heappush(self._later, (due_ms, self._count, entry))
        else:
            self._make_due(entry)

    def put_back(self, entry: Entry[Task], now_ms: int, due_ms: int) -> None:
        """Ask again, later, for what was taken and not done, unless something newer waits under its key."""
        if entry.key not in self._waiting:
            self.put(entry.key, entry.lane, entry.task, now_ms, due_ms)

    def drop(self, key: str) -> None:
        """Ask for it no longer; what is under way goes on."""
        self._waiting.pop(key, None)

    def has_due(self, now_ms: int) -> bool:
        """Whether `take` may give something now."""
        self._promote(now_ms)
        return bool(self._turns)

    def take(self, now_ms: int) -> Entry[Task] | None:
        """The next thing to do, or None for now. Its key and its lane are busy until `done`."""
        self._promote(now_ms)
        while self._turns:
            lane = self._turns.popleft()
            entry = self._next_in(lane)
            if entry is not None:
                del self._waiting[entry.key]
                self._busy[lane] = entry.key
                return entry
        return None

    def done(self, lane: str) -> None:
        """The lane's work has ended; it takes its turn again, and so does what waited for its key."""
        key = self._busy.pop(lane)
        self._take_turn(lane)
        parked = self._parked.pop(key, None)
        if parked is not None and self._waiting.get(key) is parked:
            self._make_due(parked)

    def block(self, lane: str, why: str) -> None:
        """Give nothing of this lane until `unblock` with the same word; what is under way goes on."""
        self._blocked.setdefault(lane, set()).add(why)
        if lane in self._turns:
            self._turns.remove(lane)

    def unblock(self, lane: str, why: str) -> None:
        """Take a block away; the lane takes its turn again once none is left."""
        blocks = self._blocked.get(lane, set())
        blocks.discard(why)
        if not blocks and self._blocked.pop(lane, None) is not None and lane not in self._busy:
            self._take_turn(lane)

    def next_due_ms(self) -> int | None:
        """When something becomes due that is not due yet; None if nothing does."""
        while self._later and self._waiting.get(self._later[0][2].key) is not self._later[0][2]:
            heapq.heappop(self._later)
        return self._later[0][0] if self._later else None

    def oldest_ms(self) -> int | None:
        """Since when the oldest thing has waited."""
        return min((entry.since_ms for entry in self._waiting.values()), default=None)

    def _promote(self, now_ms: int) -> None:
        while self._later and not now_ms < self._later[0][0] <= now_ms + LONGEST_MS:
            entry = heapq.heappop(self._later)[2]
            if self._waiting.get(entry.key) is entry:
                self._make_due(entry)

    def _make_due(self, entry: Entry[Task]) -> None:
        line = self._due.setdefault(entry.lane, deque())
        line.append(entry)
        if len(line) == 1 and entry.lane not in self._busy:
            self._take_turn(entry.lane)

    def _take_turn(self, lane: str) -> None:
        if self._due.get(lane) and lane not in self._blocked:
            self._turns.append(lane)

    def _next_in(self, lane: str) -> Entry[Task] | None:
        """The lane's first entry that was not replaced or dropped meanwhile, and whose key is not busy."""
        line = self._due[lane]
        busy_keys = self._busy.values()
        while line:
            entry = line.popleft()
            if self._waiting.get(entry.key) is not entry:
                continue
            if entry.key not in busy_keys:
                return entry
            self._parked[entry.key] = entry
        del self._due[lane]
        return None
