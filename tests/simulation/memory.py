"""The store's port in memory, on a virtual clock: the real SQL, the real group commit, and no thread.

A `Disk` is what outlives the daemon. A `MemoryStore` belongs to one life of it: once that has ended it is cut
off, and nothing that is left of that life can read or write any more.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from reconciler.errors import StateUnwritable
from reconciler.store import opening
from reconciler.store.glance import Glance
from reconciler.store.highwater import Found, HighWater, Mark, Missing
from reconciler.store.lock import Lock
from reconciler.store.migrations import migrate
from reconciler.store.reading import Reader
from reconciler.store.sqlite import SqliteStore
from reconciler.store.sums import register
from reconciler.store.writer import DEFER_S, GROUP, Writer, _Entry, _settle_all

T = TypeVar("T")

ORIGIN = "https://explorer.test"


@dataclass(frozen=True, slots=True)
class Copy:
    """The state as it was."""

    database: sqlite3.Connection
    mark: Found


class Disk:
    """The state's database. Commits are whole or not at all; a copy can be put back later."""

    _unused: ClassVar[list[sqlite3.Connection]] = []
    """Connections of earlier disks, emptied: what was prepared on them need not be prepared again."""

    def __init__(self) -> None:
        self.connection = self._unused.pop() if self._unused else _new_state()
        self.mark: Found = Missing()
        """What the high-water file holds. It is written after each commit, as on a real disk."""

    def copy(self) -> Copy:
        database = sqlite3.connect(":memory:")
        self.connection.backup(database)
        return Copy(database, self.mark)

    def put_back(self, copy: Copy, *, with_mark: bool) -> None:
        """With the high-water file of that time, nobody can notice it."""
        copy.database.backup(self.connection)
        if with_mark:
            self.mark = copy.mark

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        return self.connection.execute(query, values).fetchall()

    def close(self) -> None:
        for row in self.rows("SELECT name FROM sqlite_schema WHERE type = 'table'"):
            self.connection.execute(f"DELETE FROM {row['name']}")
        self._unused.append(self.connection)


def _new_state() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=512)
    connection.row_factory = sqlite3.Row
    register(connection)
    migrate(connection)
    return connection


def at_once() -> float:
    return 0.0


def nothing_happens(where: str) -> None:
    """No fault."""


def never_refuses() -> bool:
    return False


@dataclass(slots=True)
class Conditions:
    """How the disk behaves: how long a write takes before and after its commit, and what may happen then.

    `point` is told where the daemon stands; it may end this life of it. `refuses` says that the disk is full.
    """

    before_s: Callable[[], float] = at_once
    after_s: Callable[[], float] = at_once
    point: Callable[[str], None] = nothing_happens
    refuses: Callable[[], bool] = never_refuses
    observe: Callable[[float | None, StateUnwritable | None], None] = lambda *_: None


class _Mark(HighWater):
    """The high-water file, on the simulated disk."""

    def __init__(self, disk: Disk, mark: Mark) -> None:
        self._disk = disk
        disk.mark = mark

    def reach(self, intents: int, commits: int) -> StateUnwritable | None:
        assert isinstance(self._disk.mark, Mark)
        self._disk.mark = replace(self._disk.mark, intents=intents, commits=commits)
        return None


def opened(disk: Disk) -> HighWater:
    """Open the state as `opening.open_state` does, but for the files; gives the mark beside it."""
    find = opening.find
    opening.find = lambda _: disk.mark
    try:
        mark, is_marked = opening._enter(disk.connection, Path("state"), opening.Binding(ORIGIN))
    finally:
        opening.find = find
    high_water = _Mark(disk, mark)
    if not is_marked:
        opening._note_marked(disk.connection, high_water)
    return high_water


class VirtualWriter(Writer):
    """The writer without its thread: it gathers, commits and tells by timers of the loop."""

    def __init__(self, disk: Disk, high_water: HighWater, conditions: Conditions) -> None:
        self._connection = disk.connection
        self._observe = lambda seconds, refusal: conditions.observe(seconds, refusal)
        self._loop = asyncio.get_running_loop()
        self._conditions = conditions
        self._high_water = high_water
        self._count_commit = opening.count_commit
        self.changes = 0
        self._line: deque[_Entry] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._is_urgent = False
        self._is_committing = False
        self.is_cut = False

    def cut(self) -> None:
        """What was not committed yet never is, and nobody is told anything."""
        self.is_cut = True

    async def close(self) -> None:
        while self._line and not self.is_cut:
            self._commit_group()

    def _enter(self, work: Any, *, is_urgent: bool, is_trial: bool = False) -> asyncio.Future[Any]:
        if self.is_cut:
            raise asyncio.CancelledError
        future: asyncio.Future[Any] = self._loop.create_future()
        self._line.append(_Entry(work, future, is_urgent, is_trial))
        if not self._is_committing:
            self._arm(is_urgent)
        return future

    def _arm(self, is_urgent: bool) -> None:
        if self._timer is not None and (self._is_urgent or not is_urgent):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._is_urgent = is_urgent
        delay_s = self._conditions.before_s() + (0.0 if is_urgent else DEFER_S)
        self._timer = self._loop.call_later(delay_s, self._turn)

    def _turn(self) -> None:
        if self.is_cut:
            return
        self._timer, self._is_committing = None, True
        self._conditions.point("before a commit")
        if self.is_cut:
            return
        group = self._commit_group()
        self._conditions.point("after a commit")
        self._loop.call_later(self._conditions.after_s(), self._told, group)

    def _commit_group(self) -> list[_Entry]:
        group = [self._line.popleft() for _ in range(min(len(self._line), GROUP))]
        if self._conditions.refuses():
            refusal = StateUnwritable("OperationalError: database or disk is full")
            self._observe(0.0, refusal)
            for entry in group:
                entry.error = refusal
        else:
            self._commit(group)
        return group

    def _told(self, group: list[_Entry]) -> None:
        if self.is_cut:
            return
        _settle_all(group)
        self._is_committing = False
        if self._line:
            self._arm(any(entry.is_urgent for entry in self._line))


class MemoryStore(SqliteStore):
    """The port on a `Disk`, for one life of the daemon."""

    def __init__(self, disk: Disk, conditions: Conditions) -> None:
        self.writer = VirtualWriter(disk, opened(disk), conditions)
        readers = Reader(disk.connection), Reader(disk.connection)
        super().__init__(Lock(-1), self.writer, *readers, Glance(Path("no file")))
        self.wishes_version = 0

    def cut(self) -> None:
        """This life of the daemon is over: it reads and writes nothing any more."""
        self.writer.cut()

    async def close(self) -> None:
        await self.writer.close()
        self._reading.shutdown()
        self._looking.shutdown()
        self.cut()

    async def data_version(self) -> int:
        """A number that somebody else raises: it is one connection for all, which does not count its own."""
        return self.wishes_version

    async def _read(self, query: Callable[[Reader], T]) -> T:
        if self.writer.is_cut:
            raise asyncio.CancelledError
        return await super()._read(query)

    async def _look(self, query: Callable[[Reader], T]) -> T:
        return await self._read(query)  # it is one connection for all, and two threads may not share it
