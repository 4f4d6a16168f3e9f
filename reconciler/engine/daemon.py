"""The daemon's life: from the lock on the state to the end of the drain.

Nothing is decided here. The parts are wired in `parts`; signals and the ops port belong to whoever runs the
daemon (`cli.run`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from reconciler.core.account import Account
from reconciler.core.item import Item
from reconciler.core.model import Name
from reconciler.core.overview import Overview, Question
from reconciler.core.record import Dossier
from reconciler.engine.parts import Parts
from reconciler.engine.standing import Standing, account_in, standing_of
from reconciler.engine.status import Check, Status
from reconciler.errors import ExitCode, StateDamaged, StateUnwritable
from reconciler.store.sqlite import SqliteStore

log = structlog.get_logger("reconciler.daemon")

REOPEN_S = 2.0
"""How long after a state that could not be opened for writing it is tried again."""

ACCOUNT_S = 2.0
"""How long a name's account may take: what it is made of waits for writes, which a disk may hold up."""

RECORDING_S = 1.0
"""What of the drain is kept for recording what was cut short."""


@dataclass(slots=True)
class Daemon:
    """One daemon. `run` it, and `stop` it from a signal."""

    open_store: Callable[[], Awaitable[SqliteStore]]
    wire: Callable[[SqliteStore, Status], Parts]
    drain_s: float
    max_in_flight: int
    status: Status
    is_once: bool = False
    is_interrupted: bool = False
    parts: Parts | None = None
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self) -> None:
        """Send nothing new, record what is in flight, and end."""
        self._stopping.set()
        if self.parts:
            self.parts.workers.drain()

    def interrupt(self) -> None:
        """Stop on a person's Ctrl-C, and say so in the exit status."""
        self.is_interrupted = True
        self.stop()

    def look(self) -> None:
        """Start a pass now (SIGHUP)."""
        if self.parts:
            self.parts.passes.hint(is_in_place=False)

    async def run(self) -> ExitCode:
        """Live until stopped, or with `is_once` until everything submitted is recorded.

        Raises StateInUse, StateUnusable and WrongOrigin; with `is_once` also StateUnwritable and
        StateDamaged. Otherwise a damaged state is told until somebody stops us.
        """
        store = await self._open()
        if store is None:
            return ExitCode.DONE
        try:
            status = await self._work(self.wire(store, self.status))
        finally:
            await store.close()
        return ExitCode.INTERRUPTED if self.is_interrupted else status

    async def is_quiet(self) -> bool:
        """Whether nothing is left to do for now: all is submitted, and every job has ended."""
        return self.parts is not None and await self.parts.is_quiet()

    def live(self) -> tuple[Check, ...]:
        """The checks behind `/livez`."""
        return self.status.live(time.monotonic())

    def ready(self) -> tuple[Check, ...]:
        """The checks behind `/readyz`."""
        return self.status.ready()

    def troubles(self) -> tuple[str, ...]:
        """What keeps the daemon from its work."""
        return self.status.troubles()

    def is_shut_out(self) -> bool:
        """Whether the state could not be opened."""
        return self.parts is None and bool(self.troubles())

    def standing(self) -> Standing:
        """How it stands, for people."""
        return standing_of(self.status, self.parts)

    async def overview(self, question: Question) -> Overview | None:
        """The counts and items that are asked for; None before the state is open."""
        return await self.parts.store.overview(question) if self.parts else None

    async def dossier(self, name: str, events: int) -> Dossier | None:
        """All that is known of one name, with so many of its newest events."""
        return await self.parts.store.dossier(Name(name), events) if self.parts else None

    async def account(self, name: str) -> Account | None:
        """What is wanted, known and next of one name; None while that cannot be said."""
        if self.parts is None or not self.status.is_planned:
            return None
        with suppress(TimeoutError, StateUnwritable):
            async with asyncio.timeout(ACCOUNT_S):
                return await account_in(self.parts, Name(name))
        return None

    async def items(self) -> list[Item]:
        """One item a name, by name; nothing before the state is open."""
        return await self.parts.store.items() if self.parts else []

    async def item(self, name: str) -> Item | None:
        """The item of one name."""
        return await self.parts.store.item(Name(name)) if self.parts else None

    async def _open(self) -> SqliteStore | None:
        """The store, as soon as the disk lets it be written; None if stopped before."""
        while not self._stopping.is_set():
            self.status.pass_began_s = time.monotonic()
            try:
                store = await self.open_store()
                self.status.state_trouble = ""
                return store
            except StateUnwritable as error:
                if self.is_once:
                    raise
                if not self.status.state_trouble.endswith(str(error)):
                    log.error("the state cannot be opened for writing; nothing is sent", why=str(error))
                self.status.state_trouble = f"cannot be opened for writing: {error}"
            except StateDamaged as error:
                if self.is_once:
                    raise
                await self._stand_still(error)
            await self._pause()
        return None

    async def _stand_still(self, error: StateDamaged) -> None:
        """Send nothing and say why until stopped: whatever the file says next, a person has to look first."""
        log.critical("the state is damaged; nothing is sent", why=str(error))
        self.status.state_trouble = str(error)
        while not self._stopping.is_set():
            self.status.pass_began_s = time.monotonic()  # to start us again would mend nothing
            await self._pause()

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(REOPEN_S):
                await self._stopping.wait()

    async def _work(self, parts: Parts) -> ExitCode:
        self.parts = parts
        try:
            await self._live(parts)
            return await parts.verdict() if self.is_once else ExitCode.DONE
        finally:
            self.parts = None
            await parts.close()

    async def _live(self, parts: Parts) -> None:
        await self._start(parts)
        try:
            await self._run_parts(parts)
        except BaseExceptionGroup as failed:
            log.critical("a part of the daemon failed, so it ends", exc_info=failed)
            raise
        log.info("stopped")

    async def _start(self, parts: Parts) -> None:
        """Take up what the last daemon left, as soon as the disk lets that be written."""
        while not self._stopping.is_set():
            try:
                await parts.start()
                return
            except StateUnwritable as error:
                if self.is_once:
                    raise
                log.error("the state cannot be written; nothing is sent", why=str(error))
                await self._pause()

    async def _run_parts(self, parts: Parts) -> None:
        async with asyncio.TaskGroup() as group:
            background = [group.create_task(task, name=name) for name, task in parts.background()]
            workers = [
                group.create_task(parts.workers.run(), name=f"worker-{number}")
                for number in range(self.max_in_flight)
            ]
            if self.is_once:
                background.append(group.create_task(self._stop_when_settled(parts)))
            await self._stopping.wait()
            log.info("draining", in_flight=parts.workers.busy, drain_s=self.drain_s)
            for task in background:
                task.cancel()
            await _drain(parts, workers, self.drain_s)

    async def _stop_when_settled(self, parts: Parts) -> None:
        await parts.done()
        self.stop()


async def _drain(parts: Parts, workers: list[asyncio.Task[None]], drain_s: float) -> None:
    """Let what is in flight end; what has not ended in time is recorded as unknown."""
    parts.workers.drain()
    in_time_s = max(drain_s / 2, drain_s - RECORDING_S)
    _, late = await asyncio.wait(workers, timeout=in_time_s)
    for worker in late:
        worker.cancel()
    if late:
        _, stuck = await asyncio.wait(late, timeout=drain_s - in_time_s)
        for worker in stuck:  # a disk that refuses: the intent stays open, and the next start holds the run
            worker.cancel()
