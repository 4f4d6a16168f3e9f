"""Find out what nobody told: settle, list, list again, judge. Steps 6 to 8 of the submission protocol.

Here somebody waits and lists; what a listing means is decided in `core.settle`, in one transaction with what
the state knows. Waiting goes by the event loop's clock, which only goes forward: a wall clock that is put
forward ends no settle time. While a run is unknown, its workflow's lane in the queue stays blocked.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from reconciler.core.backoff import backoff_ms
from reconciler.core.model import Accepted, Held, Rejected, RunState, Superseded, Unknown, Waiting, WorkflowId
from reconciler.core.outcome import Failure, Faulty, Refused, WorkflowMissing
from reconciler.core.settle import between_looks
from reconciler.engine.gate import Gate
from reconciler.engine.listing import WholeListing, list_workflow
from reconciler.engine.tasks import Queue, Subject
from reconciler.engine.telemetry import Telemetry
from reconciler.errors import StateUnwritable
from reconciler.explorer.client import Explorer, ExplorerError
from reconciler.store.port import Store, Terms

log = structlog.get_logger("reconciler.settle")

RETRY_WRITE_S = 1.0
"""How long to wait before a write that the disk refused is tried again."""

LISTINGS = 4
"""How many workflows are listed at once to settle runs: what is new is not to wait for them."""

USELESS_LISTINGS = 5
"""After so many listings for one look that Explorer refuses, or shows in part, a person decides."""


@dataclass(slots=True)
class Settler:
    """Knows the runs whose outcome is unknown, and finds it out where it can be known."""

    store: Store
    explorer: Explorer
    gate: Gate
    queue: Queue
    telemetry: Telemetry
    settle_s: float
    is_exclusive: Callable[[WorkflowId], bool]
    now_ms: Callable[[], int]
    on_settled: Callable[[Subject, RunState | None], None]
    """Called for each run whose outcome is unknown no more; with None if that was not found out here."""

    unknown: set[Subject] = field(default_factory=set)
    _arrived: asyncio.Queue[Subject] = field(default_factory=asyncio.Queue)
    _listing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(LISTINGS))

    @property
    def settle_ms(self) -> int:
        """The settle time in milliseconds, rounded up."""
        return int(self.settle_s * 1000) + 1

    def look_for(self, subject: Subject) -> None:
        """Settle this run, beginning now; its workflow waits for it. Again changes nothing."""
        if subject in self.unknown:
            return  # two that look at once would make their two looks in one moment
        self.unknown.add(subject)
        self.queue.block(subject.workflow_id, str(subject.key))
        self._arrived.put_nowait(subject)

    async def run(self) -> None:
        """Settle run beside run, for as long as the daemon runs."""
        async with asyncio.TaskGroup() as group:
            while True:
                subject = await self._arrived.get()
                group.create_task(self._settle(subject), name=f"settle-{subject.key}")

    async def watch_held(self) -> None:
        """Look at the workflows of held runs now and then: a job may turn up late."""
        while True:
            await asyncio.sleep(self.settle_s)
            with suppress(StateUnwritable):  # looked at again after the next wait
                for workflow_id in dict.fromkeys(run.workflow_id for run in await self.store.held_runs()):
                    with suppress(ExplorerError):
                        await self.see_candidates(workflow_id)

    async def see_candidates(self, workflow_id: WorkflowId) -> None:
        """Bring the candidates of a workflow's held runs up to date.

        Raises ExplorerError, and StateUnwritable.
        """
        listing = await list_workflow(self.explorer, self.gate, workflow_id)
        await self.store.see_candidates(workflow_id, listing.jobs, self.now_ms())

    async def _settle(self, subject: Subject) -> None:
        await asyncio.sleep(self.settle_s)
        state = await self._look(subject)
        while isinstance(state, Unknown):
            await asyncio.sleep(between_looks(self.settle_s))
            state = await self._look(subject)
        self.unknown.discard(subject)
        self.queue.unblock(subject.workflow_id, str(subject.key))
        if state is not None:
            self._tell(subject, state)
        self.on_settled(subject, state)

    async def _look(self, subject: Subject) -> RunState | None:
        """List once, and give what follows; a listing that tells nothing is made again, later."""
        failures, useless = 0, 0
        while True:
            try:
                async with self._listing:
                    listing = await list_workflow(self.explorer, self.gate, subject.workflow_id)
                if listing.is_whole:
                    return await self._record(subject, listing)
                useless, why = useless + 1, "Explorer counts more jobs than it shows"
            except ExplorerError as error:
                useless, why = useless + _is_useless(error.failure), str(error)
            if useless >= USELESS_LISTINGS:
                return await self._stop_looking(subject, why)
            failures += 1
            log.warning("not settled yet: its workflow cannot be listed", why=why, **subject.as_log())
            chance = random.random()  # noqa: S311 - jitter
            await asyncio.sleep(between_looks(self.settle_s))
            await asyncio.sleep(backoff_ms(failures, chance, base_ms=self.settle_ms) / 1000)

    async def _record(self, subject: Subject, listing: WholeListing) -> RunState | None:
        chance = random.random()  # noqa: S311 - jitter
        terms = Terms(self.settle_ms, self.is_exclusive(subject.workflow_id), chance)
        while True:
            try:
                return await self.store.looked(subject.key, listing.jobs, terms, self.now_ms())
            except StateUnwritable as error:
                await self._wait_for_disk(subject, error)

    async def _stop_looking(self, subject: Subject, why: str) -> RunState | None:
        while True:
            try:
                said = f"its workflow cannot be looked at: {why}"
                return await self.store.stop_looking(subject.key, said, self.now_ms())
            except StateUnwritable as error:
                await self._wait_for_disk(subject, error)

    async def _wait_for_disk(self, subject: Subject, error: StateUnwritable) -> None:
        log.error("what was seen of a run cannot be recorded yet", why=str(error), **subject.as_log())
        await asyncio.sleep(RETRY_WRITE_S)

    def _tell(self, subject: Subject, state: RunState) -> None:
        match state:
            case Accepted(job_id=job_id):
                self.telemetry.submission("adopted")
                log.info("settled: the job is its own", job=job_id, **subject.as_log())
            case Held(why=why, candidates=found):
                log.error("held: a person decides", why=why, candidates=list(found), **subject.as_log())
            case Rejected(code=code, message=message):
                self.telemetry.submission("rejected")
                log.error("rejected by Explorer", code=code, message=message, **subject.as_log())
            case Waiting(why=why) | Superseded(why=why):
                log.info("settled: no job was made", why=why, **subject.as_log())
            case _:
                raise AssertionError(f"no settled run is {state}")


def _is_useless(failure: Failure) -> bool:
    """Whether Explorer answered, and is likely to answer the same again."""
    return isinstance(failure, Refused | WorkflowMissing) or (
        isinstance(failure, Faulty) and failure.code is not None
    )
