"""The workers: take a task from the queue, ask Explorer, record what came of it.

As many at once as `RECONCILER_MAX_IN_FLIGHT` allows. The protocol's steps 3 to 5 stand in `_submit`, in
order: the intent is on disk before any byte is sent, and nothing else happens to its workflow until what
came of it is on disk too.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import assert_never

import structlog

from reconciler.core.model import (
    Accepted,
    Held,
    Name,
    Rejected,
    RunState,
    Superseded,
    Unknown,
    Waiting,
    WorkflowId,
)
from reconciler.core.outcome import Created, Faulty, NotCreated, Receipt, Unclear, Unreachable
from reconciler.core.room import Room
from reconciler.engine.gate import Gate
from reconciler.engine.listing import list_workflow
from reconciler.engine.tasks import Cancellation, FirstListing, Queue, Subject, Submission, Task
from reconciler.engine.telemetry import Telemetry
from reconciler.engine.workqueue import Entry
from reconciler.errors import StateUnwritable
from reconciler.explorer.client import Explorer, ExplorerError
from reconciler.store.port import NO_LIMIT, Begun, Store

log = structlog.get_logger("reconciler.submit")

RETRY_WRITE_MS = 1_000
"""How long to wait before a write that the disk refused is tried again."""


@dataclass(slots=True)
class Workers:
    """Performs the queue's tasks. `queued` is set when there may be something to take."""

    queue: Queue
    store: Store
    explorer: Explorer
    gate: Gate
    telemetry: Telemetry
    now_ms: Callable[[], int]
    settle_ms: int
    """How long a request may still take effect after nobody waits for it any more."""

    on_accepted: Callable[[Subject, Accepted], None]
    """Called for each job that was created."""

    on_unknown: Callable[[Subject], None]
    """Called when nobody knows what came of a request, before anything else of its workflow may go on."""

    on_not_created: Callable[[Name, NotCreated], None]
    """Called when a run waits again: whether it is still wanted is the plan's to say."""

    on_not_begun: Callable[[Name], None]
    """Called when a run may not be sent (any more): whether it waits, and for what, is the plan's to say."""

    on_listed: Callable[[WorkflowId, ExplorerError | None], None]
    """Called when a first listing has ended, well or not."""

    cancel: Callable[[Cancellation], Awaitable[None]]
    """Asks for a job to be stopped."""

    room: Room = NO_LIMIT

    queued: asyncio.Event = field(default_factory=asyncio.Event)
    is_draining: bool = False
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    busy: int = 0
    """How many workers have a task."""

    is_refused: bool = False
    """Whether the disk refused the last intent or listing: told once, however much waits for it."""

    async def run(self) -> None:
        """Work until `drain`. Cancelled, it records what is under way as unknown."""
        while not self.is_draining:
            entry = await self._next()
            if entry is not None:
                await self._work(entry)

    def drain(self) -> None:
        """Take nothing new; what is under way goes on to its end."""
        self.is_draining = True
        self.queued.set()
        self.gate.let_go()

    async def _next(self) -> Entry[Task] | None:
        """What to do next, taken only when it may be sent: until then it can still be dropped."""
        async with self._turn:
            while not self.is_draining:
                if not self.queue.has_due(self.now_ms()):
                    await self._wait()
                    continue
                await self.gate.admit()
                return self._take()
        return None

    def _take(self) -> Entry[Task] | None:
        return None if self.is_draining else self.queue.take(self.now_ms())

    async def _wait(self) -> None:
        """Until something is put, or something becomes due."""
        self.queued.clear()
        due_ms = self.queue.next_due_ms()
        timeout_s = None if due_ms is None else max(0.0, (due_ms - self.now_ms()) / 1000)
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self.queued.wait()

    async def _work(self, entry: Entry[Task]) -> None:
        self.busy += 1
        try:
            await self._perform(entry)
            self._tell_disk(None)
        except StateUnwritable as error:  # nothing was sent, or what was asked changes nothing: ask again
            self._tell_disk(error)
            self.queue.put_back(entry, self.now_ms(), self.now_ms() + RETRY_WRITE_MS)
        finally:
            self.busy -= 1
            self.queue.done(entry.lane)
            self.queued.set()

    async def _perform(self, entry: Entry[Task]) -> None:
        match entry.task:
            case Submission():
                await self._submit(entry.task)
            case FirstListing(workflow_id=workflow_id):
                await self._list(workflow_id)
            case Cancellation():
                await self.cancel(entry.task)
            case _:
                assert_never(entry.task)

    async def _submit(self, task: Submission) -> None:
        begun = await self.store.begin(task.key, secrets.token_hex(16), self.now_ms(), self.room)
        if begun is None:
            self.on_not_begun(task.key.name)
            return
        receipt = await self._send(begun)
        self._show(begun, receipt)
        state = await self._record(begun, receipt)
        subject = Subject.of_request(begun)
        self._tell(subject, state)
        if isinstance(state, Accepted):
            self.on_accepted(subject, state)
        elif isinstance(state, Unknown):
            self.on_unknown(subject)
        elif isinstance(receipt, NotCreated) and isinstance(state, Waiting):
            self.on_not_created(begun.key.name, receipt)

    async def _send(self, begun: Begun) -> Receipt:
        """The POST, in a session. Cut short by the end of the drain, it is unknown what came of it."""
        try:
            failure = await self.explorer.log_in()
        except asyncio.CancelledError:
            self.drain()  # whoever is cancelled takes nothing more
            failure = Unreachable("the daemon was stopped before anything was sent")
        if failure is not None:
            return NotCreated(failure)
        try:
            return await self.explorer.submit(
                begun.workflow_id,
                begun.body,
                trace_id=begun.intent.trace_id,
                baseline=begun.intent.highest,
            )
        except asyncio.CancelledError:
            self.drain()
            return Unclear("the daemon was stopped before Explorer answered")

    async def _record(self, begun: Begun, receipt: Receipt) -> RunState:
        """Until it is on disk: what came of a request is never dropped because a disk is full."""
        chance = random.random()  # noqa: S311 - jitter
        while True:
            try:
                return await self.store.record(begun, receipt, self.now_ms(), chance, self.settle_ms)
            except StateUnwritable as error:
                log.error(
                    "what came of a request cannot be recorded yet",
                    run=str(begun.key),
                    receipt=str(receipt),
                    why=str(error),
                )
                await asyncio.sleep(RETRY_WRITE_MS / 1000)

    async def _list(self, workflow_id: WorkflowId) -> None:
        try:
            listing = await list_workflow(self.explorer, self.gate, workflow_id, is_admitted=True)
            if not listing.is_whole:
                raise ExplorerError(Faulty(0, "it counts more jobs than it shows"))
            strangers = await self.store.workflow_listed(workflow_id, listing.ids, self.now_ms())
            log.info("workflow listed", workflow=workflow_id, jobs=len(listing.jobs))
            if strangers:
                log.error("held: a person decides whose jobs these are", workflow=workflow_id, jobs=strangers)
                await self.store.see_candidates(workflow_id, listing.jobs, self.now_ms())
            self.on_listed(workflow_id, None)
        except ExplorerError as error:
            log.warning("workflow not listed", workflow=workflow_id, why=str(error))
            self.on_listed(workflow_id, error)

    def _tell_disk(self, refusal: StateUnwritable | None) -> None:
        if refusal is not None and not self.is_refused:
            log.error("the state cannot be written, so nothing is sent", why=str(refusal))
        if refusal is None and self.is_refused:
            log.info("the state can be written again")
        self.is_refused = refusal is not None

    def _show(self, begun: Begun, receipt: Receipt) -> None:
        match receipt:
            case Created():
                self.gate.went(None)
                if begun.key.attempt == 1:  # another attempt is no change
                    self.telemetry.change_to_submit((self.now_ms() - begun.claimed_ms) / 1000)
            case NotCreated(cause=cause):
                self.gate.went(cause)
            case Unclear():
                self.gate.went(receipt)
                if receipt.stale_id is not None:  # IDs do not grow
                    self.telemetry.assumption_violated("A7")

    def _tell(self, subject: Subject, state: RunState) -> None:
        about = subject.as_log()
        match state:
            case Accepted(job_id=job_id):
                self.telemetry.submission("accepted")
                log.info("submitted", job=job_id, **about)
            case Unknown(why=why):
                self.telemetry.submission("unknown")
                log.warning("unknown: the job may exist, and is looked for", why=why, **about)
            case Held(why=why):
                self.telemetry.submission("unknown")
                log.error("held: a person decides", why=why, **about)
            case Rejected(code=code, message=message):
                self.telemetry.submission("rejected")
                log.error("rejected by Explorer", code=code, message=message, **about)
            case Waiting(why=why, not_before_ms=due_ms):
                wait_s = max(0, due_ms - self.now_ms()) / 1000
                log.warning("not submitted yet", why=why, again_in_s=wait_s, **about)
            case Superseded(why=why):
                log.info("not submitted, and no longer wanted", why=why, **about)
            case _:
                raise AssertionError(f"no request ends as {state}")
