"""The state in one SQLite file: the port's verbs as transactions.

WAL with `synchronous=FULL`: a commit that returned survives a loss of power (SQLite manual, "PRAGMA
synchronous"). One thread writes (`writer`), another reads (`reading`); the event loop does neither.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from reconciler.core.item import Item
from reconciler.core.model import (
    Accepted,
    Baselined,
    Held,
    Intent,
    JobId,
    JobStatus,
    Manifest,
    Name,
    Run,
    RunKey,
    RunState,
    Submitting,
    Superseded,
    Waiting,
    WorkflowId,
)
from reconciler.core.outcome import Created, Receipt
from reconciler.core.plan import Claim, GiveUp, World
from reconciler.core.sighting import Presence, Sighting
from reconciler.core.submission import after
from reconciler.errors import StateUnusable, StateUnwritable, WrongOrigin
from reconciler.store.lock import Lock
from reconciler.store.migrations import migrate
from reconciler.store.port import Begun, Event, Wish
from reconciler.store.reading import Reader
from reconciler.store.rows import RUN_COLUMNS, RUN_TABLES, columns_of, run_of
from reconciler.store.writer import Writer

GENERATIONS_KEPT = 10
"""For how many generations of a name the canonical body is kept."""

T = TypeVar("T")
Observe = Callable[[float, StateUnwritable | None], None]


class SqliteStore:
    """The store's port on one file. Open it with `open`; `close` commits what has gathered."""

    def __init__(self, lock: Lock, writer: Writer, reader: Reader) -> None:
        self._lock = lock
        self._writer = writer
        self._reader = reader
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="store-reader")
        self._deferred: set[asyncio.Future[Any]] = set()

    @classmethod
    async def open(
        cls,
        state: Path,
        origin: str | None,
        holder: dict[str, str | int],
        observe: Observe,
        *,
        has_moved: bool = False,
    ) -> SqliteStore:
        """Lock and open the state of this Explorer origin, made or brought to the newest schema where needed.

        Without an origin it is opened by somebody who sends nothing.
        `has_moved` binds the state to a new origin: the operator says it is the same Explorer. Raises
        StateInUse, StateUnusable, WrongOrigin, or StateUnwritable where the disk refuses.
        """
        try:
            state.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = Lock.take(state, holder)
        except OSError as error:
            raise StateUnwritable(f"{state}: {error.strerror}") from error
        try:
            connection = await asyncio.to_thread(_connect, state, origin, has_moved)
            reader = await asyncio.to_thread(Reader.open, state)
        except BaseException:
            lock.release()
            raise
        return cls(lock, Writer(connection, observe), reader)

    async def close(self) -> None:
        """Commit what has gathered, and give the state free for another process."""
        await self._writer.close()
        await self._read(Reader.close)
        self._reading.shutdown()
        self._lock.release()

    async def sightings(self) -> dict[Name, Sighting]:
        """See `port.Store`."""
        return await self._read(Reader.sightings)

    async def world(self, names: Iterable[Name], workflow_ids: Iterable[WorkflowId]) -> World:
        """See `port.Store`."""
        return await self._read(lambda reader: reader.world(names, workflow_ids))

    async def has_runs(self) -> bool:
        """See `port.Store`."""
        return await self._read(Reader.has_runs)

    async def followed_runs(self) -> list[Run]:
        """See `port.Store`."""
        return await self._read(lambda reader: reader.runs(("Followed",)))

    async def waiting_runs(self) -> list[Run]:
        """See `port.Store`."""
        return await self._read(lambda reader: reader.runs(("Waiting",)))

    async def counts(self) -> dict[str, int]:
        """See `port.Store`."""
        return await self._read(Reader.counts)

    async def items(self) -> list[Item]:
        """See `port.Store`."""
        return await self._read(lambda reader: list(reader.items()))

    async def item(self, name: Name) -> Item | None:
        """See `port.Store`."""
        return await self._read(lambda reader: reader.item(name))

    async def history(self, name: Name) -> list[Event]:
        """See `port.Store`."""
        return await self._read(lambda reader: reader.history(name))

    async def open_wishes(self) -> list[Wish]:
        """See `port.Store`."""
        return await self._read(Reader.open_wishes)

    async def data_version(self) -> int:
        """See `port.Store`."""
        return await self._read(Reader.data_version)

    def observe(
        self, sightings: Sequence[Sighting], claims: Sequence[Claim], given_up: Sequence[GiveUp], now_ms: int
    ) -> asyncio.Future[None]:
        """See `port.Store`."""

        def work(connection: sqlite3.Connection) -> None:
            _note_first_workflows(connection, sightings)
            revisions = {sighting.name: sighting.revision for sighting in sightings}
            for sighting in sightings:
                _put_sighting(connection, sighting)
            for action in given_up:
                _give_up(connection, action.key, action.why, now_ms)
            for claim in claims:
                _claim(connection, claim, Waiting(), revisions.get(claim.name), now_ms)

        future = self._writer.defer(work)
        self._deferred.add(future)
        future.add_done_callback(self._deferred.discard)
        return future

    async def begin(self, key: RunKey, trace_id: str, now_ms: int) -> Begun | None:
        """See `port.Store`."""
        return await self._writer.write(lambda connection: _begin(connection, key, trace_id, now_ms))

    async def record(self, begun: Begun, receipt: Receipt, now_ms: int, chance: float) -> RunState:
        """See `port.Store`."""
        return await self._writer.write(
            lambda connection: _record(connection, begun, receipt, now_ms, chance)
        )

    async def hold_open_intents(self, why: str, now_ms: int) -> list[Run]:
        """See `port.Store`."""
        return await self._writer.write(lambda connection: _hold_open_intents(connection, why, now_ms))

    async def workflow_listed(self, workflow_id: WorkflowId, highest: JobId, now_ms: int) -> None:
        """See `port.Store`."""
        await self._writer.write(
            lambda connection: _workflow_listed(connection, workflow_id, highest, now_ms)
        )

    async def job_changed(self, key: RunKey, status: JobStatus, ended_ms: int | None, now_ms: int) -> None:
        """See `port.Store`."""
        await self._writer.write(lambda connection: _job_changed(connection, key, status, ended_ms, now_ms))

    async def approve(self, claims: Sequence[Claim], now_ms: int) -> None:
        """See `port.Store`."""
        await self._writer.write(lambda connection: _approve(connection, claims, now_ms))

    async def baseline(self, claims: Sequence[Claim], now_ms: int, *, is_all: bool) -> None:
        """See `port.Store`."""

        def work(connection: sqlite3.Connection) -> None:
            for claim in claims:
                _claim(connection, claim, Baselined(now_ms), None, now_ms)
            if is_all:
                _release_workflows(connection, claims)

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
        await self._writer.write(
            lambda connection: connection.execute("INSERT OR REPLACE INTO meta VALUES ('checked', '')")
        )

    async def _read(self, query: Callable[[Reader], T]) -> T:
        if self._deferred:  # a reading sees all that was written before it was asked for
            await asyncio.wait(tuple(self._deferred))
        return await asyncio.get_running_loop().run_in_executor(self._reading, query, self._reader)


def _connect(state: Path, origin: str | None, has_moved: bool) -> sqlite3.Connection:
    try:
        os.close(os.open(state, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        connection = sqlite3.connect(state, timeout=5, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        migrate(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        _bind(connection, origin, has_moved)
    except sqlite3.DatabaseError as error:
        kind = StateUnwritable if isinstance(error, sqlite3.OperationalError) else StateUnusable
        raise kind(f"{state}: {error}") from error
    except OSError as error:
        raise StateUnwritable(f"{state}: {error.strerror}") from error
    return connection


def _bind(connection: sqlite3.Connection, origin: str | None, has_moved: bool) -> None:
    if origin is None:
        return  # opened to be looked after, not to send
    row = connection.execute("SELECT value FROM meta WHERE key = 'origin'").fetchone()
    if row and row["value"] != origin and not has_moved:
        raise WrongOrigin(row["value"], origin)
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('origin', ?)", (origin,))


def _tell(connection: sqlite3.Connection, at_ms: int, event: str, reason: str, **about: Any) -> None:
    key: RunKey | None = about.pop("key", None)
    if key is not None:
        about |= {"name": key.name, "generation": key.generation, "attempt": key.attempt}
    columns = {"at_ms": at_ms, "event": event, "reason": reason} | about
    _insert(connection, "events", columns)


def _insert(connection: sqlite3.Connection, table: str, columns: dict[str, Any]) -> None:
    marks = ", ".join(f":{column}" for column in columns)
    names = ", ".join(columns)
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", columns)  # noqa: S608 - our words


def _set(
    connection: sqlite3.Connection, key: RunKey, columns: dict[str, Any], if_phase: str | None = None
) -> bool:
    """Change columns of one run, if it still stands in that phase; says whether it did."""
    assignments = ", ".join(f"{column} = :{column}" for column in columns)
    guard = " AND phase = :if_phase" if if_phase else ""
    cursor = connection.execute(
        f"UPDATE runs SET {assignments} WHERE name = :key_name AND generation = :key_generation"  # noqa: S608
        f" AND attempt = :key_attempt{guard}",
        columns
        | {"key_name": key.name, "key_generation": key.generation, "key_attempt": key.attempt}
        | {"if_phase": if_phase},
    )
    return cursor.rowcount == 1


def _run(connection: sqlite3.Connection, key: RunKey) -> sqlite3.Row | None:
    row: sqlite3.Row | None = connection.execute(
        f"SELECT {RUN_COLUMNS}, runs.body, runs.baseline FROM {RUN_TABLES}"  # noqa: S608 - our own words
        " WHERE runs.name = ? AND runs.generation = ? AND runs.attempt = ?",
        (key.name, key.generation, key.attempt),
    ).fetchone()
    return row


def _put_sighting(connection: sqlite3.Connection, sighting: Sighting) -> None:
    before = connection.execute(
        "SELECT presence, reason FROM names WHERE name = ?", (sighting.name,)
    ).fetchone()
    connection.execute(
        "INSERT OR REPLACE INTO names VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            sighting.name,
            str(sighting.presence),
            sighting.path,
            sighting.digest,
            sighting.workflow_id,
            sighting.reason,
            sighting.revision,
            sighting.updated_ms,
        ),
    )
    if before is None or (before["presence"], before["reason"]) != (sighting.presence, sighting.reason):
        event = f"Manifest{sighting.presence.capitalize()}"
        about = {"name": sighting.name, "workflow_id": sighting.workflow_id, "revision": sighting.revision}
        _tell(connection, sighting.updated_ms, event, sighting.reason, **about)


def _claim(
    connection: sqlite3.Connection, claim: Claim, state: RunState, revision: str | None, now_ms: int
) -> None:
    if claim.replaces is not None:
        _give_up(connection, claim.replaces, claim.why, now_ms)
    manifest: Manifest = claim.manifest
    key = {"name": claim.key.name, "generation": claim.key.generation, "attempt": claim.key.attempt}
    facts = {
        "workflow_id": manifest.workflow_id,
        "digest": manifest.digest,
        "body": manifest.body,
        "revision": revision,
        "claimed_ms": now_ms,
        "updated_ms": now_ms,
    }
    _insert(connection, "runs", key | facts | columns_of(state))
    connection.execute(
        "DELETE FROM approvals WHERE name = ? AND digest = ?", (manifest.name, manifest.digest)
    )
    connection.execute(
        "UPDATE runs SET body = NULL WHERE name = ? AND generation <= ?"
        " AND phase NOT IN ('Waiting', 'Submitting', 'Held')",
        (manifest.name, claim.key.generation - GENERATIONS_KEPT),
    )
    event = "Baselined" if isinstance(state, Baselined) else "Claimed"
    _tell(
        connection,
        now_ms,
        event,
        claim.why,
        key=claim.key,
        workflow_id=manifest.workflow_id,
        revision=revision,
    )


def _give_up(connection: sqlite3.Connection, key: RunKey, why: str, now_ms: int) -> None:
    if _set(connection, key, columns_of(Superseded(why)) | {"updated_ms": now_ms}, if_phase="Waiting"):
        _tell(connection, now_ms, "Superseded", why, key=key)


def _begin(connection: sqlite3.Connection, key: RunKey, trace_id: str, now_ms: int) -> Begun | None:
    row = _run(connection, key)
    if row is None or row["phase"] != "Waiting":
        return None
    number = connection.execute("SELECT coalesce(max(number), 0) + 1 FROM intents").fetchone()[0]
    known = connection.execute(
        "SELECT highest FROM workflows WHERE workflow_id = ?", (row["workflow_id"],)
    ).fetchone()
    baseline = row["baseline"] if row["baseline"] is not None else known["highest"]
    intent = Intent(number, row["tries"] + 1, trace_id, JobId(baseline), now_ms)
    _insert(
        connection,
        "intents",
        {
            "number": number,
            "name": key.name,
            "generation": key.generation,
            "attempt": key.attempt,
            "try_number": intent.try_number,
            "trace_id": trace_id,
            "baseline": baseline,
            "created_ms": now_ms,
        },
    )
    facts = {"baseline": baseline, "trace_id": trace_id, "submitted_ms": now_ms, "updated_ms": now_ms}
    _set(connection, key, columns_of(Submitting(intent)) | facts)
    workflow_id = WorkflowId(row["workflow_id"])
    _tell(
        connection,
        now_ms,
        "Submitting",
        f"try {intent.try_number}",
        key=key,
        workflow_id=workflow_id,
        revision=row["revision"],
        trace_id=trace_id,
    )
    return Begun(key, workflow_id, intent, row["body"], row["revision"], row["claimed_ms"])


def _record(
    connection: sqlite3.Connection, begun: Begun, receipt: Receipt, now_ms: int, chance: float
) -> RunState:
    owner = _owner(connection, receipt.job_id) if isinstance(receipt, Created) else None
    state = after(receipt, begun.intent, owner, now_ms, chance)
    _set(connection, begun.key, columns_of(state) | {"updated_ms": now_ms}, if_phase="Submitting")
    connection.execute(
        "UPDATE intents SET ended_ms = ?, outcome = ? WHERE number = ?",
        (now_ms, type(receipt).__name__, begun.intent.number),
    )
    if isinstance(state, Accepted):
        _seen(connection, begun.workflow_id, state.job_id)
    _tell(
        connection,
        now_ms,
        type(state).__name__,
        getattr(state, "why", "") or getattr(state, "message", ""),
        key=begun.key,
        workflow_id=begun.workflow_id,
        job_id=state.job_id if isinstance(state, Accepted) else None,
        revision=begun.revision,
        trace_id=begun.intent.trace_id,
    )
    return state


def _owner(connection: sqlite3.Connection, job_id: JobId) -> RunKey | None:
    row = connection.execute(
        "SELECT name, generation, attempt FROM runs WHERE job_id = ?", (job_id,)
    ).fetchone()
    return RunKey(row["name"], row["generation"], row["attempt"]) if row else None


def _hold_open_intents(connection: sqlite3.Connection, why: str, now_ms: int) -> list[Run]:
    rows = connection.execute(
        f"SELECT {RUN_COLUMNS} FROM {RUN_TABLES} WHERE runs.phase = 'Submitting'"  # noqa: S608 - our own words
    ).fetchall()
    runs = [run_of(row) for row in rows]
    for run in runs:
        assert isinstance(run.state, Submitting)  # noqa: S101 - the query asked for nothing else
        _set(connection, run.key, columns_of(Held(run.state.intent, why)) | {"updated_ms": now_ms})
        _tell(
            connection, now_ms, "Held", why, key=run.key, workflow_id=run.workflow_id, trace_id=run.trace_id
        )
    return runs


def _note_first_workflows(connection: sqlite3.Connection, sightings: Sequence[Sighting]) -> None:
    """While the state has no run: a workflow that turns out to have jobs already will be guarded."""
    if connection.execute("SELECT 1 FROM runs LIMIT 1").fetchone() is None:
        connection.executemany(
            "INSERT OR IGNORE INTO workflows (workflow_id, is_guarded) VALUES (?, 1)",
            {(it.workflow_id,) for it in sightings if it.presence is Presence.WANTED},
        )


def _workflow_listed(
    connection: sqlite3.Connection, workflow_id: WorkflowId, highest: JobId, now_ms: int
) -> None:
    connection.execute(
        "INSERT INTO workflows VALUES (:id, :highest, 0, :now_ms) ON CONFLICT (workflow_id) DO UPDATE SET"
        " is_guarded = is_guarded AND (highest IS NOT NULL OR :highest > 0),"
        " highest = max(coalesce(highest, 0), :highest), listed_ms = :now_ms",
        {"id": workflow_id, "highest": highest, "now_ms": now_ms},
    )
    reason = f"its highest job is {highest}" if highest else "it has no jobs"
    _tell(connection, now_ms, "WorkflowListed", reason, workflow_id=workflow_id)


def _seen(connection: sqlite3.Connection, workflow_id: WorkflowId, job_id: JobId) -> None:
    connection.execute(
        "UPDATE workflows SET highest = max(highest, ?) WHERE workflow_id = ?", (job_id, workflow_id)
    )


def _job_changed(
    connection: sqlite3.Connection, key: RunKey, status: JobStatus, ended_ms: int | None, now_ms: int
) -> None:
    row = _run(connection, key)
    if row is None or row["phase"] != "Followed":
        return
    state = Accepted(JobId(row["job_id"]), status, row["accepted_ms"], ended_ms)
    _set(connection, key, columns_of(state) | {"updated_ms": now_ms})
    about = {"workflow_id": row["workflow_id"], "job_id": row["job_id"], "trace_id": row["trace_id"]}
    _tell(connection, now_ms, f"Job{status}", "", key=key, **about)


def _approve(connection: sqlite3.Connection, claims: Sequence[Claim], now_ms: int) -> None:
    for claim in claims:
        pair = (claim.name, claim.manifest.digest)
        connection.execute("INSERT OR REPLACE INTO approvals VALUES (?, ?, ?)", (*pair, now_ms))
        _tell(connection, now_ms, "Approved", f"digest {claim.manifest.digest}", name=claim.name)
    _release_workflows(connection, claims)


def _release_workflows(connection: sqlite3.Connection, claims: Sequence[Claim]) -> None:
    connection.executemany(
        "UPDATE workflows SET is_guarded = 0 WHERE workflow_id = ?",
        {(claim.manifest.workflow_id,) for claim in claims},
    )
