"""The state in one SQLite file: the port's verbs as transactions.

WAL with `synchronous=FULL`: a commit that returned survives a loss of power (SQLite manual, "PRAGMA
synchronous"). One thread writes (`writer`), one reads for the engine and one for those who only look
(`reading`); the event loop does neither.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from reconciler.core.model import (
    Accepted,
    Baselined,
    Cancel,
    Job,
    JobId,
    JobStatus,
    Name,
    Pause,
    Run,
    RunKey,
    RunState,
    Task,
    Waiting,
    WorkflowId,
)
from reconciler.core.outcome import Receipt
from reconciler.core.plan import CancelJob, Claim, GiveUp
from reconciler.core.room import Room
from reconciler.core.sighting import Presence, Sighting
from reconciler.errors import StateUnwritable
from reconciler.store import following, keeping, settling, transactions
from reconciler.store.glance import Glance, Sight
from reconciler.store.lock import Lock
from reconciler.store.opening import Binding, count_commit, open_state
from reconciler.store.place import refuse_links, refuse_of_others
from reconciler.store.port import NO_LIMIT, Begun, Refusal, Terms
from reconciler.store.questions import Questions
from reconciler.store.reading import Reader
from reconciler.store.statements import saw_job
from reconciler.store.writer import Writer

T = TypeVar("T")
Observe = Callable[[float | None, StateUnwritable | None], None]


class SqliteStore(Questions):
    """The store's port on one file. Open it with `open`; `close` commits what has gathered."""

    def __init__(self, lock: Lock, writer: Writer, reader: Reader, onlooker: Reader, glance: Glance) -> None:
        self._lock = lock
        self._writer = writer
        self._reader = reader
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="store-reader")
        self._onlooker = onlooker
        self._looking = ThreadPoolExecutor(1, thread_name_prefix="store-onlooker")
        self._deferred: set[asyncio.Future[Any]] = set()
        self._glance = glance
        self._sight: Sight | None = None
        self._version = 0

    @classmethod
    async def open(
        cls,
        state: Path,
        origin: str | None,
        holder: dict[str, str | int],
        observe: Observe,
        *,
        has_moved: bool = False,
        is_restored: bool = False,
    ) -> SqliteStore:
        """Lock and open the state of this Explorer origin, made or brought to the newest schema where needed.

        Without an origin it is opened by somebody who sends nothing.
        `has_moved` binds the state to a new origin: the operator says it is the same Explorer. `is_restored`
        puts it in quarantine: the operator says it is a copy from before. Raises StateInUse, StateDamaged,
        StateUnusable, WrongOrigin, or StateUnwritable where the disk refuses.
        """
        try:
            state.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            refuse_links(state)
            lock = Lock.take(state, holder)
        except OSError as error:
            raise StateUnwritable(f"{state}: {error.strerror}") from error
        try:
            refuse_of_others(state)
            opened = await asyncio.to_thread(open_state, state, Binding(origin, has_moved, is_restored))
            try:
                reader, onlooker = await asyncio.to_thread(_two_readers, state)
            except BaseException:
                opened.close()
                raise
        except BaseException:
            lock.release()
            raise
        writer = Writer(opened.connection, opened.high_water, count_commit, observe)
        return cls(lock, writer, reader, onlooker, Glance(state))

    async def close(self) -> None:
        """Commit what has gathered, and give the state free for another process.

        The readers leave first: it is the last connection that moves the log into the file (SQLite manual,
        "WAL-mode File Format"), and it has to be one that may write.
        """
        await self._look(Reader.close)
        self._looking.shutdown()
        await self._read(Reader.close)
        self._reading.shutdown()
        await self._writer.close()
        self._lock.release()

    def observe(
        self,
        sightings: Sequence[Sighting],
        claims: Sequence[Claim],
        given_up: Sequence[GiveUp],
        now_ms: int,
        cancels: Sequence[CancelJob] = (),
    ) -> asyncio.Future[None]:
        """See `port.Store`."""

        def work(connection: sqlite3.Connection) -> None:
            wanted = {it.workflow_id for it in sightings if it.presence is Presence.WANTED and it.workflow_id}
            transactions.note_first_workflows(connection, wanted)
            revisions = {sighting.name: sighting.revision for sighting in sightings}
            for sighting in sightings:
                transactions.put_sighting(connection, sighting)
            for action in given_up:
                transactions.give_up(connection, action.key, action.why, now_ms)
            for claim in claims:
                state = Waiting(0, claim.not_before_ms, claim.detail)
                transactions.claim_run(connection, claim, state, revisions.get(claim.name), now_ms)
            following.cancel_planned(connection, cancels, now_ms)

        future = self._writer.defer(work)
        self._deferred.add(future)
        future.add_done_callback(self._deferred.discard)
        return future

    async def begin(self, key: RunKey, trace_id: str, now_ms: int, room: Room = NO_LIMIT) -> Begun | None:
        """See `port.Store`."""
        return await self._writer.write(
            lambda connection: transactions.begin(connection, key, trace_id, now_ms, room)
        )

    async def record(
        self, begun: Begun, receipt: Receipt, now_ms: int, chance: float, settle_ms: int
    ) -> RunState:
        """See `port.Store`."""
        return await self._writer.write(
            lambda connection: transactions.record(connection, begun, receipt, now_ms, chance, settle_ms)
        )

    async def take_up_open_runs(self, why: str, now_ms: int, settle_ms: int) -> list[Run]:
        """See `port.Store`."""
        return await self._writer.write(
            lambda connection: settling.take_up_open_runs(connection, why, now_ms, settle_ms)
        )

    async def looked(self, key: RunKey, jobs: Sequence[Job], terms: Terms, now_ms: int) -> RunState | None:
        """See `port.Store`."""
        return await self._writer.write(
            lambda connection: settling.looked(connection, key, jobs, terms, now_ms)
        )

    async def stop_looking(self, key: RunKey, why: str, now_ms: int) -> RunState | None:
        """See `port.Store`."""
        return await self._writer.write(
            lambda connection: settling.stop_looking(connection, key, why, now_ms)
        )

    async def see_candidates(self, workflow_id: WorkflowId, jobs: Sequence[Job], now_ms: int) -> None:
        """See `port.Store`."""
        await self._writer.write(
            lambda connection: settling.see_candidates(connection, workflow_id, jobs, now_ms)
        )

    async def disprove_exclusive(
        self, workflow_id: WorkflowId, listed: Sequence[JobId], now_ms: int
    ) -> tuple[JobId, ...]:
        """See `port.Store`."""

        def work(connection: sqlite3.Connection) -> tuple[JobId, ...]:
            foreign = settling.foreign_among(connection, workflow_id, listed)
            if foreign:
                why = f"jobs {', '.join(map(str, foreign))} are nobody's here"
                settling.disprove_exclusive(connection, workflow_id, why, now_ms)
            return foreign

        return await self._writer.write(work)

    async def adopt(self, key: RunKey, job_id: JobId, claim: Claim | None, now_ms: int) -> Accepted | Refusal:
        """See `port.Store`."""

        def work(connection: sqlite3.Connection) -> Accepted | Refusal:
            if claim is not None:
                transactions.claim_run(connection, claim, Waiting(), None, now_ms)
            return settling.adopt(connection, key, job_id, now_ms)

        return await self._writer.write(work)

    async def deny(self, key: RunKey, now_ms: int) -> RunState | Refusal:
        """See `port.Store`."""
        return await self._writer.write(lambda connection: settling.deny(connection, key, now_ms))

    async def not_ours(self, workflow_id: WorkflowId, now_ms: int) -> Refusal | None:
        """See `port.Store`."""
        return await self._writer.write(lambda connection: settling.not_ours(connection, workflow_id, now_ms))

    async def workflow_listed(
        self, workflow_id: WorkflowId, listed: Sequence[JobId], now_ms: int
    ) -> tuple[JobId, ...]:
        """See `port.Store`."""
        return await self._writer.write(
            lambda connection: transactions.workflow_listed(connection, workflow_id, listed, now_ms)
        )

    async def jobs_seen(self, workflow_id: WorkflowId, highest: JobId) -> None:
        """See `port.Store`."""
        if await self._read(lambda reader: reader.highest_seen(workflow_id)) < highest:
            await self._writer.write(lambda connection: saw_job(connection, workflow_id, highest))

    async def job_changed(
        self, key: RunKey, status: JobStatus, ended_ms: int | None, now_ms: int
    ) -> Accepted | None:
        """See `port.Store`."""
        return await self._writer.write(
            lambda connection: following.job_changed(connection, key, status, ended_ms, now_ms)
        )

    async def job_missing(self, key: RunKey, why: str, now_ms: int) -> None:
        """See `port.Store`."""
        await self._writer.write(lambda connection: following.job_missing(connection, key, why, now_ms))

    async def job_found(self, key: RunKey, now_ms: int) -> None:
        """See `port.Store`."""
        await self._writer.write(lambda connection: following.job_found(connection, key, now_ms))

    async def end_missing(self, key: RunKey, cancel: Cancel) -> Accepted | Refusal:
        """See `port.Store`."""
        return await self._writer.write(lambda connection: following.end_missing(connection, key, cancel))

    async def cancel(self, key: RunKey, cancel: Cancel) -> Accepted | Refusal:
        """See `port.Store`."""
        return await self._writer.write(lambda connection: following.ask_to_cancel(connection, key, cancel))

    async def cancel_answered(self, key: RunKey, answer: str, now_ms: int) -> None:
        """See `port.Store`."""
        await self._writer.write(
            lambda connection: following.cancel_answered(connection, key, answer, now_ms)
        )

    async def tasks_seen(self, key: RunKey, tasks: Sequence[Task], now_ms: int) -> None:
        """See `port.Store`."""
        await self._writer.write(lambda connection: following.tasks_seen(connection, key, tasks, now_ms))

    async def pause(self, pause: Pause) -> None:
        """See `port.Store`."""
        await self._writer.write(lambda connection: transactions.pause(connection, pause))

    async def resume(self, who: str, now_ms: int) -> None:
        """See `port.Store`."""
        await self._writer.write(lambda connection: transactions.resume(connection, who, now_ms))

    async def forget_events(self, before_ms: int) -> int:
        """See `port.Store`."""
        if not await self._read(lambda reader: reader.has_old_events(before_ms)):
            return 0
        return await self._writer.write(lambda connection: keeping.forget_events(connection, before_ms))

    async def forget_names(self, before_ms: int) -> list[Name]:
        """See `port.Store`."""
        if not await self._read(lambda reader: reader.has_old_names(before_ms)):
            return []
        return await self._writer.write(lambda connection: keeping.forget_names(connection, before_ms))

    async def approve(self, claims: Sequence[Claim], cancels: Sequence[CancelJob], now_ms: int) -> None:
        """See `port.Store`."""

        def work(connection: sqlite3.Connection) -> None:
            transactions.approve(connection, claims, now_ms)
            following.cancel_planned(connection, cancels, now_ms)

        await self._writer.write(work)

    async def baseline(self, claims: Sequence[Claim], others: Sequence[Claim], now_ms: int) -> None:
        """See `port.Store`."""

        def work(connection: sqlite3.Connection) -> None:
            workflows = {claim.manifest.workflow_id for claim in (*claims, *others)}
            transactions.note_first_workflows(connection, workflows)
            for claim in claims:
                transactions.claim_run(connection, claim, Baselined(now_ms), None, now_ms)
            if not others:
                transactions.release_workflows(connection, claims)

        await self._writer.write(work)

    async def answer(self, number: int, answer: str, now_ms: int, *, is_done: bool) -> None:
        """See `port.Store`."""
        await self._writer.write(
            lambda connection: connection.execute(
                "UPDATE wishes SET answered_ms = ?, is_done = ?, answer = ? WHERE number = ?",
                (now_ms, is_done, answer, number),
            )
        )

    async def check_writable(self) -> None:
        """Raise StateUnwritable if the disk refuses a write now."""
        await self._writer.attempt(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO meta (key, value) VALUES ('checked', '')"
            )
        )

    @property
    def changes(self) -> int:
        """See `port.Store`."""
        return self._writer.changes

    async def data_version(self) -> int:
        """See `port.Store`. Asked of SQLite only where a glance does not tell that it is what it was."""
        sight = self._glance.sight()  # before the look: what comes meanwhile is seen by the next
        if sight is None or sight != self._sight:
            self._version = await self._read(Reader.data_version)
            self._sight = sight
        return self._version

    async def _written(self) -> None:
        if self._deferred:
            await asyncio.wait(tuple(self._deferred))

    async def _read(self, query: Callable[[Reader], T]) -> T:
        await self._written()
        return await _in(self._reading, query, self._reader)

    async def _look(self, query: Callable[[Reader], T]) -> T:
        return await _in(self._looking, query, self._onlooker)


async def _in(threads: ThreadPoolExecutor, query: Callable[[Reader], T], reader: Reader) -> T:
    try:
        return await asyncio.get_running_loop().run_in_executor(threads, query, reader)
    except sqlite3.Error as error:  # a disk that fails; whoever asked tries again later
        raise StateUnwritable(f"the state cannot be read: {error}") from error


def _two_readers(state: Path) -> tuple[Reader, Reader]:
    reader = Reader.open(state)
    try:
        return reader, Reader.open(state)
    except BaseException:
        reader.close()
        raise
