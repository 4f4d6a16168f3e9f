"""Follow jobs to their end: one listing for many jobs, more often while they are young.

A final status is never asked for again. What a listing does not show is asked for by itself; a job that
Explorer does not know is said, not guessed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from reconciler.core.model import Accepted, Job, JobId, JobStatus, WorkflowId
from reconciler.core.outcome import Failure, Faulty, Refused, WorkflowMissing
from reconciler.engine.gate import Gate
from reconciler.engine.tasks import Subject
from reconciler.engine.telemetry import Telemetry
from reconciler.errors import StateUnwritable
from reconciler.explorer.client import Explorer, ExplorerError, Listing
from reconciler.store.port import Store

log = structlog.get_logger("reconciler.follow")

YOUNG_ROUNDS = 6
"""A job is young for this many polls; while it is, its workflow is polled as many times as often."""

PAGES = 50
"""How many pages of a listing are read to find the jobs of one workflow."""


@dataclass(slots=True)
class Followed:
    """A job on its way: whose it is, and how it stood when last seen."""

    subject: Subject
    job_id: JobId
    status: JobStatus
    accepted_ms: int
    since_s: float
    """Since when it is followed, on a clock that only goes forward."""

    is_missing: bool = False

    @property
    def workflow_id(self) -> WorkflowId:
        """The workflow in whose listing it stands."""
        return self.subject.workflow_id


@dataclass(slots=True)
class Follower:
    """Knows the jobs that have not ended, and asks how they are every `poll_s` seconds or sooner."""

    store: Store
    explorer: Explorer
    gate: Gate
    telemetry: Telemetry
    poll_s: float
    is_exclusive: Callable[[WorkflowId], bool]
    now_ms: Callable[[], int]
    now_s: Callable[[], float] = time.monotonic
    """A clock that only goes forward, for when to ask."""

    jobs: dict[JobId, Followed] = field(default_factory=dict)
    _asked_s: dict[WorkflowId, float] = field(default_factory=dict)
    _highest: dict[WorkflowId, JobId] = field(default_factory=dict)
    _has_news: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        """Take up the jobs that had not ended when the last daemon did."""
        for run in await self.store.followed_runs():
            if isinstance(run.state, Accepted):
                self._follow(Subject.of_run(run), run.state)

    def accepted(self, subject: Subject, state: Accepted) -> None:
        """Follow a job that was just created, or found."""
        self._follow(subject, state)
        self._asked_s[subject.workflow_id] = self.now_s()
        self._has_news.set()

    async def run(self) -> None:
        """Ask, round after round, for as long as the daemon runs."""
        while True:
            self._has_news.clear()
            due_s = min(map(self._due_s, self._workflows()), default=None)
            wait_s = None if due_s is None else max(0.0, due_s - self.now_s())
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._has_news.wait()
                continue
            await self.look()

    async def look(self) -> None:
        """One round: every workflow that is due."""
        now_s = self.now_s()
        for workflow_id in [it for it in self._workflows() if self._due_s(it) <= now_s]:
            self._asked_s[workflow_id] = now_s
            with suppress(StateUnwritable):  # seen again in the next round
                await self._look_at(workflow_id)

    async def _look_at(self, workflow_id: WorkflowId) -> None:
        """See how the jobs of one workflow are; what was seen before something went wrong counts."""
        wanted = {job.job_id: job for job in self.jobs.values() if job.workflow_id == workflow_id}
        shown = {job_id for job_id, job in wanted.items() if not job.is_missing}
        found: dict[JobId, Job] = {}
        try:
            await self._list(workflow_id, shown, found)
            for job_id in wanted.keys() - found.keys():
                await self._ask_for(job_id, found)
        except ExplorerError as error:
            self.gate.went(error.failure)
            log.warning("jobs not listed", workflow=workflow_id, why=str(error))
        for job in found.values():
            await self._changed(job)

    async def _list(self, workflow_id: WorkflowId, wanted: set[JobId], found: dict[JobId, Job]) -> None:
        """Find the wanted jobs in the listing, newest page first, for as long as it can show more.

        A workflow that is gone lists nothing; its jobs are asked for one by one.
        """
        seen = 0
        for page in range(1, PAGES + 1):
            await self.gate.admit()
            try:
                listing = await self.explorer.jobs(workflow_id, page=page)
            except ExplorerError as error:
                if not isinstance(error.failure, WorkflowMissing):
                    raise
                self.gate.went(error.failure)
                return
            self.gate.went(None)
            seen += len(listing.jobs)
            await self._note(workflow_id, listing)
            found |= {job.job_id: job for job in listing.jobs if job.job_id in wanted}
            if wanted <= found.keys() or not listing.jobs or seen >= listing.total:
                return

    async def _note(self, workflow_id: WorkflowId, listing: Listing) -> None:
        """Record the highest job that a listing showed: a later job of ours has a higher ID.

        And see whether somebody else makes jobs in a workflow that was declared exclusive.
        """
        listed = [job.job_id for job in listing.jobs]
        highest = max(listed, default=JobId(0))
        if highest > self._highest.get(workflow_id, 0):
            await self.store.jobs_seen(workflow_id, highest)
            self._highest[workflow_id] = highest
        if self.is_exclusive(workflow_id) and await self.store.foreign_among(workflow_id, listed):
            foreign = await self.store.disprove_exclusive(workflow_id, listed, self.now_ms())
            if foreign:
                self.telemetry.assumption_violated("A8")
                log.error("not exclusive: somebody else makes jobs", workflow=workflow_id, jobs=list(foreign))

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
            self.telemetry.assumption_violated("A6")
            log.error(
                "Explorer does not show the job", job=followed.job_id, why=why, **followed.subject.as_log()
            )
        followed.is_missing = True

    async def _changed(self, job: Job) -> None:
        followed = self.jobs[job.job_id]
        followed.is_missing = False
        if job.status is None or job.status is followed.status:
            return
        now_ms = self.now_ms()
        ended_ms = now_ms if job.status.is_final else None
        await self.store.job_changed(followed.subject.key, job.status, ended_ms, now_ms)
        followed.status = job.status
        self.telemetry.job_transition(str(job.status))
        self._tell(followed)
        if ended_ms is not None:
            self.telemetry.job_ended((ended_ms - followed.accepted_ms) / 1000)
            del self.jobs[job.job_id]

    def _tell(self, followed: Followed) -> None:
        log.info(
            "job ended" if followed.status.is_final else "job moved",
            job=followed.job_id,
            status=str(followed.status),
            **followed.subject.as_log(),
        )

    def _follow(self, subject: Subject, state: Accepted) -> None:
        self.jobs[state.job_id] = Followed(
            subject, state.job_id, state.status, state.accepted_ms, self.now_s()
        )

    def _workflows(self) -> Iterable[WorkflowId]:
        return dict.fromkeys(job.workflow_id for job in self.jobs.values())

    def _due_s(self, workflow_id: WorkflowId) -> float:
        """When the workflow is to be listed again: soon, while a job of it is young."""
        newest_s = max(job.since_s for job in self.jobs.values() if job.workflow_id == workflow_id)
        asked_s = self._asked_s.get(workflow_id, 0.0)
        is_young = asked_s - newest_s < YOUNG_ROUNDS * self.poll_s
        return asked_s + (self.poll_s / YOUNG_ROUNDS if is_young else self.poll_s)


def _is_about_the_job(failure: Failure) -> bool:
    """Whether Explorer answered, and this answer is for this job only (50004001 for one that is gone)."""
    return isinstance(failure, Refused | Faulty | WorkflowMissing) and failure.code is not None
