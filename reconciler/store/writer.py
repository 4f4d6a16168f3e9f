"""Group commit: one thread that writes, and commits whatever has gathered in one synced transaction.

A write returns when it is on disk. A deferred one is committed together with the next write, or shortly
after by itself: what must be durable before a byte is sent takes its company along for free. After each
commit, and before anybody is told, the high-water file is brought up to it; no commit waits for its sync but
one that comes while it lasts. What is written is not known here (`sqlite`).
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from reconciler.errors import StateUnwritable
from reconciler.store.highwater import HighWater

DEFER_S = 0.05
"""How long a deferred write may wait for company."""

GROUP = 256
"""How many writes one transaction takes at most."""

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]


@dataclass(slots=True)
class _Entry:
    work: Work[Any]
    future: asyncio.Future[Any]
    is_urgent: bool
    is_trial: bool = False
    result: Any = None
    error: BaseException | None = None

    def settle(self) -> None:
        """Tell whoever waits; runs in the event loop."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class Writer:
    """The thread that owns the writing connection; `observe` is told each commit's seconds and what is wrong.

    It is also told, without seconds, of a mark that is refused between commits.

    `count_commit` ends each transaction, and gives the numbers that `high_water` is then brought to.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        high_water: HighWater,
        count_commit: Callable[[sqlite3.Connection], tuple[int, int]],
        observe: Callable[[float | None, StateUnwritable | None], None],
    ) -> None:
        self._connection = connection
        self._high_water = high_water
        self._count_commit = count_commit
        self._observe = observe
        self._loop = asyncio.get_running_loop()
        self.changes = 0
        """How many commits have changed something."""

        self._entries: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    async def write(self, work: Work[T]) -> T:
        """Do this in a transaction; on return it is on disk.

        Raises what `work` raises, or StateUnwritable if the disk refuses.
        """
        result: T = await self._enter(work, is_urgent=True)
        return result

    async def attempt(self, work: Work[T]) -> T:
        """As `write`, to see whether that is possible: nothing is changed by it that anybody asks for."""
        result: T = await self._enter(work, is_urgent=True, is_trial=True)
        return result

    def defer(self, work: Work[T]) -> asyncio.Future[T]:
        """Do this in order, before any later write, and on disk no later than that; the future tells when."""
        return self._enter(work, is_urgent=False)

    async def close(self) -> None:
        """Commit what has gathered, and end the thread."""
        self._entries.put(None)
        await asyncio.to_thread(self._thread.join)

    def _enter(self, work: Work[T], *, is_urgent: bool, is_trial: bool = False) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self._loop.create_future()
        self._entries.put(_Entry(work, future, is_urgent, is_trial))
        return future

    def _run(self) -> None:
        is_open = True
        while is_open:
            group, is_open = self._gather()
            if group:
                self._commit(group)
                with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    self._loop.call_soon_threadsafe(_settle_all, group)
            if self._high_water.due_in_s() == 0:
                self._tell_failure(self._high_water.keep_up())
        self._tell_failure(self._high_water.close())
        self._connection.close()

    def _tell_failure(self, refusal: StateUnwritable | None) -> None:
        if refusal is not None:
            self._observe(None, refusal)

    def _gather(self) -> tuple[list[_Entry], bool]:
        """Wait for work, then take what is there; deferred work alone waits a little for company.

        The group is empty when the high-water file is due before any work comes.
        """
        group: list[_Entry] = []
        deadline_s: float | None = None
        while len(group) < GROUP:
            wait_s = (
                self._high_water.due_in_s() if deadline_s is None else max(0.0, deadline_s - time.monotonic())
            )
            try:
                entry = self._entries.get(timeout=wait_s)
            except queue.Empty:
                break
            if entry is None:
                return group, False
            group.append(entry)
            if entry.is_urgent:
                deadline_s = 0.0
            elif deadline_s is None:
                deadline_s = time.monotonic() + DEFER_S
        return group, True

    def _commit(self, group: list[_Entry]) -> None:
        """All of the group in one transaction; a piece that fails is undone alone, a failing disk undoes all.

        Longer than most: the whole life of a transaction stands in one place.
        """
        began_s = time.perf_counter()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for entry in group:
                _perform(self._connection, entry)
            reached = self._count_commit(self._connection)
            self._connection.execute("COMMIT")
            ended_s = time.perf_counter()
            self.changes += not all(entry.is_trial for entry in group)
            self._observe(ended_s - began_s, self._high_water.reach(*reached))  # what is committed stays so
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):  # what is refused is undone with the connection, at the latest
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            refusal = StateUnwritable(f"{type(error).__name__}: {error}")
            self._observe(time.perf_counter() - began_s, refusal)
            for entry in group:
                entry.result, entry.error = None, refusal


def _perform(connection: sqlite3.Connection, entry: _Entry) -> None:
    connection.execute("SAVEPOINT piece")
    try:
        entry.result = entry.work(connection)
    except sqlite3.IntegrityError as error:
        connection.execute("ROLLBACK TO piece")
        entry.error = error
    except sqlite3.Error:
        raise  # the disk or the file, not this piece of work
    except Exception as error:  # the piece's own, for whoever waits for it
        connection.execute("ROLLBACK TO piece")
        entry.error = error
    connection.execute("RELEASE piece")


def _settle_all(group: list[_Entry]) -> None:
    for entry in group:
        entry.settle()
