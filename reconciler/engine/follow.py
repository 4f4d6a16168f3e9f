"""Follow jobs to their end: one listing for many jobs, more often while they are young.

A final status is never asked for again. What a listing does not show is asked for by itself; a job that
Explorer does not know is said, not guessed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from reconciler.core.model import Accepted, JobId, JobStatus, Run, RunKey, WorkflowId
from reconciler.core.outcome import Failure, Faulty, Refused
from reconciler.engine.gate import Gate
from reconciler.engine.telemetry import Telemetry
from reconciler.errors import StateUnwritable
from reconciler.explorer.client import Explorer, ExplorerError, Job
from reconciler.store.port import Begun, Store

log = structlog.get_logger("reconciler.follow")

YOUNG_ROUNDS = 6
"""A job is young for this many polls; while it is, its workflow is polled as many times as often."""

PAGES = 50
"""How many pages of a listing are read to find the jobs of one workflow."""


@dataclass(slots=True)
class Followed:
    """A job on its way: whose it is, and how it stood when last seen."""

    key: RunKey
    job_id: JobId
    workflow_id: WorkflowId
    status: JobStatus
    accepted_ms: int
    trace_id: str | None
    is_missing: bool = False


@dataclass(slots=True)
class Follower:
    """Knows the jobs that have not ended, and asks how they are every `poll_s` seconds or sooner."""

    store: Store
    explorer: Explorer
    gate: Gate
    telemetry: Telemetry
    poll_s: float
    now_ms: Callable[[], int]
    jobs: dict[JobId, Followed] = field(default_factory=dict)
    _asked_ms: dict[WorkflowId, int] = field(default_factory=dict)
    _has_news: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        """Take up the jobs that had not ended when the last daemon did."""
        for run in await self.store.followed_runs():
            self._follow(run)

    def accepted(self, begun: Begun, state: Accepted) -> None:
        """Follow a job that was just created."""
        self.jobs[state.job_id] = Followed(
            begun.key,
            state.job_id,
            begun.workflow_id,
            state.status,
            state.accepted_ms,
            begun.intent.trace_id,
        )
        self._asked_ms[begun.workflow_id] = self.now_ms()
        self._has_news.set()

    async def run(self) -> None:
        """Ask, round after round, for as long as the daemon runs."""
        while True:
            self._has_news.clear()
            due_ms = min(map(self._due_ms, self._workflows()), default=None)
            wait_s = None if due_ms is None else max(0.0, (due_ms - self.now_ms()) / 1000)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._has_news.wait()
                continue
            await self.look()

    async def look(self) -> None:
        """One round: every workflow that is due."""
        now_ms = self.now_ms()
        for workflow_id in [it for it in self._workflows() if self._due_ms(it) <= now_ms]:
            self._asked_ms[workflow_id] = now_ms
            with suppress(StateUnwritable):  # seen again in the next round
                await self._look_at(workflow_id)

    async def _look_at(self, workflow_id: WorkflowId) -> None:
        wanted = {job.job_id: job for job in self.jobs.values() if job.workflow_id == workflow_id}
        shown = {job_id for job_id, job in wanted.items() if not job.is_missing}
        try:
            found = await self._listed(workflow_id, shown)
            for job_id in wanted.keys() - found.keys():
                await self._ask_for(job_id, found)
        except ExplorerError as error:
            self.gate.went(error.failure)
            log.warning("jobs not listed", workflow=workflow_id, why=str(error))
            return
        for job in found.values():
            await self._changed(job)

    async def _listed(self, workflow_id: WorkflowId, wanted: set[JobId]) -> dict[JobId, Job]:
        """The wanted jobs that the listing shows, newest page first, for as long as it can show more."""
        found: dict[JobId, Job] = {}
        seen = 0
        for page in range(1, PAGES + 1):
            await self.gate.admit()
            listing = await self.explorer.jobs(workflow_id, page=page)
            self.gate.went(None)
            seen += len(listing.jobs)
            found |= {job.job_id: job for job in listing.jobs if job.job_id in wanted}
            if wanted <= found.keys() or not listing.jobs or seen >= listing.total:
                break
        return found

    async def _ask_for(self, job_id: JobId, found: dict[JobId, Job]) -> None:
        await self.gate.admit()
        try:
            found[job_id] = (await self.explorer.job(job_id)).job
            self.gate.went(None)
        except ExplorerError as error:
            if not _is_about_the_job(error.failure):
                raise
            self.gate.went(error.failure)
            self._miss(self.jobs[job_id], str(error))

    def _miss(self, followed: Followed, why: str) -> None:
        """Tell once of a job that is gone; it is asked for by itself from here on, in case it comes back."""
        if not followed.is_missing:
            log.error("Explorer does not show the job", job=followed.job_id, run=str(followed.key), why=why)
        followed.is_missing = True

    async def _changed(self, job: Job) -> None:
        followed = self.jobs[job.job_id]
        followed.is_missing = False
        if job.status is followed.status:
            return
        now_ms = self.now_ms()
        ended_ms = now_ms if job.status.is_final else None
        await self.store.job_changed(followed.key, job.status, ended_ms, now_ms)
        followed.status = job.status
        self.telemetry.job_transition(str(job.status))
        self._tell(followed)
        if ended_ms is not None:
            self.telemetry.job_ended((ended_ms - followed.accepted_ms) / 1000)
            del self.jobs[job.job_id]

    def _tell(self, followed: Followed) -> None:
        log.info(
            "job ended" if followed.status.is_final else "job moved",
            name=followed.key.name,
            generation=followed.key.generation,
            attempt=followed.key.attempt,
            workflow=followed.workflow_id,
            job=followed.job_id,
            status=str(followed.status),
            trace=followed.trace_id,
        )

    def _follow(self, run: Run) -> None:
        if isinstance(run.state, Accepted):
            state = run.state
            self.jobs[state.job_id] = Followed(
                run.key, state.job_id, run.workflow_id, state.status, state.accepted_ms, run.trace_id
            )

    def _workflows(self) -> Iterable[WorkflowId]:
        return dict.fromkeys(job.workflow_id for job in self.jobs.values())

    def _due_ms(self, workflow_id: WorkflowId) -> int:
        """When the workflow is to be listed again: soon, while a job of it is young."""
        newest_ms = max(job.accepted_ms for job in self.jobs.values() if job.workflow_id == workflow_id)
        asked_ms = self._asked_ms.get(workflow_id, 0)
        poll_ms = self.poll_s * 1000
        is_young = asked_ms - newest_ms < YOUNG_ROUNDS * poll_ms
        return asked_ms + int(poll_ms / YOUNG_ROUNDS if is_young else poll_ms)


def _is_about_the_job(failure: Failure) -> bool:
    """Whether Explorer answered, and this answer is for this job only (50004001 for one that is gone)."""
    return isinstance(failure, Refused | Faulty) and failure.code is not None
