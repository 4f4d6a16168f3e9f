"""Follow jobs to their end: listed together, more often while they are young.

A final status is never asked for again. What a listing does not show is asked for by itself; a job that
Explorer does not know is said, not guessed. Which listings are made is chosen in `search`.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from reconciler.core.model import Accepted, Job, JobId, JobStatus, RunKey, WorkflowId
from reconciler.core.outcome import Failure, Faulty, Refused, WorkflowMissing
from reconciler.core.pace import MOST_POLLS, interval_s
from reconciler.engine.gate import Gate
from reconciler.engine.search import Search
from reconciler.engine.tasks import Subject
from reconciler.engine.telemetry import Telemetry
from reconciler.errors import StateUnwritable
from reconciler.explorer.client import Explorer, ExplorerError, Listing
from reconciler.store.port import Store

log = structlog.get_logger("reconciler.follow")


@dataclass(slots=True)
class Followed:
    """A job on its way: whose it is, and how it stood when last seen."""

    subject: Subject
    job_id: JobId
    status: JobStatus
    accepted_ms: int
    since_s: float
    """Since when it runs, on a clock that only goes forward."""

    is_missing: bool = False
    is_cancelled: bool = False
    misses: int = 0
    asks_s: float = 0.0
    """When a missing job is asked for again."""

    @property
    def workflow_id(self) -> WorkflowId:
        """The workflow in whose listing it stands."""
        return self.subject.workflow_id


Group = Mapping[JobId, Followed]


@dataclass(slots=True)
class Follower:
    """Knows the jobs that have not ended, and asks how they are every `poll_s` seconds, sooner or later."""

    store: Store
    explorer: Explorer
    gate: Gate
    telemetry: Telemetry
    poll_s: float
    is_exclusive: Callable[[WorkflowId], bool]
    now_ms: Callable[[], int]
    now_s: Callable[[], float] = time.monotonic
    """A clock that only goes forward, for when to ask."""

    on_ended: Callable[[Subject, JobId], None] = lambda *_: None
    """Called for each job that has ended, once that is on disk."""

    jobs: dict[JobId, Followed] = field(default_factory=dict)
    _asked_s: dict[WorkflowId, float] = field(default_factory=dict)
    _highest: dict[WorkflowId, JobId] = field(default_factory=dict)
    _wakes_s: float = math.inf
    """When the next round begins by itself: until then a new job changes nothing."""
    _has_news: asyncio.Event = field(default_factory=asyncio.Event)
    _search: Search = field(init=False)

    def __post_init__(self) -> None:
        self._search = Search(self.explorer, self.gate, self._note)

    async def start(self) -> None:
        """Take up the jobs that had not ended when the last daemon did."""
        for run in await self.store.followed_runs():
            if isinstance(run.state, Accepted):
                age_s = max(0.0, (self.now_ms() - run.state.accepted_ms) / 1000)
                self._follow(Subject.of_run(run), run.state, age_s)

    def accepted(self, subject: Subject, state: Accepted) -> None:
        """Follow a job that was just created, or found."""
        self._follow(subject, state)
        now_s = self._asked_s[subject.workflow_id] = self.now_s()
        if now_s + interval_s(0.0, self.poll_s, is_cancelled=state.cancel is not None) < self._wakes_s:
            self._has_news.set()

    def cancelled(self, key: RunKey) -> None:
        """A run's job is being cancelled: its end is waited for."""
        for followed in self.jobs.values():
            if followed.subject.key == key:
                followed.is_cancelled = True
        self._has_news.set()

    def given_up(self, key: RunKey) -> None:
        """An operator has ended a run whose job Explorer does not show."""
        for job_id in [it.job_id for it in self.jobs.values() if it.subject.key == key]:
            del self.jobs[job_id]

    async def run(self) -> None:
        """Ask, round after round, for as long as the daemon runs."""
        while True:
            self._has_news.clear()
            due_s = min((self._due_s(*one) for one in self._groups().items()), default=None)
            self._wakes_s = math.inf if due_s is None else due_s
            wait_s = None if due_s is None else max(0.0, due_s - self.now_s())
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._has_news.wait()
                continue
            await self.look()

    async def look(self) -> None:
        """One round: every workflow that is due, and those that nearly are, so that they go together."""
        now_s = self.now_s()
        due = {
            workflow_id: group
            for workflow_id, group in self._groups().items()
            if self._due_s(workflow_id, group) <= now_s + self._slack_s(workflow_id)
        }
        if not due:  # whoever was due is no longer followed
            return
        self._asked_s.update(dict.fromkeys(due, now_s))
        with suppress(StateUnwritable):  # seen again in the next round
            await self._look_at(due, now_s)

    async def _look_at(self, due: Mapping[WorkflowId, Group], now_s: float) -> None:
        """See how the jobs of these workflows are; what was seen before something went wrong counts."""
        found: dict[JobId, Job] = {}
        shown = {
            workflow_id: {job_id for job_id, job in group.items() if not job.is_missing}
            for workflow_id, group in due.items()
        }
        failed = await self._search.find(shown, found)
        left = [
            job
            for workflow_id, group in due.items()
            if workflow_id not in failed
            for job in group.values()
            if job.job_id not in found and job.asks_s <= now_s
        ]
        try:
            for job in left:
                await self._ask_for(job, found)
        except ExplorerError as error:
            self.gate.went(error.failure)
            log.warning("jobs not listed", workflow=job.workflow_id, why=str(error))
        changes = [self._changed(job) for job in found.values() if self._is_news(job)]
        for outcome in await asyncio.gather(*changes, return_exceptions=True):  # on disk in one commit
            if isinstance(outcome, BaseException):
                raise outcome

    async def _note(self, listing: Listing) -> None:
        """Record the highest job that a listing showed: a later job of ours has a higher ID.

        And see whether somebody else makes jobs in a workflow that was declared exclusive.
        """
        by_workflow: dict[WorkflowId, list[JobId]] = {}
        for job in listing.jobs:
            by_workflow.setdefault(job.workflow_id, []).append(job.job_id)
        for workflow_id in by_workflow.keys() & self._asked_s.keys():
            await self._note_workflow(workflow_id, by_workflow[workflow_id])

    async def _note_workflow(self, workflow_id: WorkflowId, listed: list[JobId]) -> None:
        highest = max(listed)
        if highest > self._highest.get(workflow_id, 0):
            await self.store.jobs_seen(workflow_id, highest)
            self._highest[workflow_id] = highest
        if self.is_exclusive(workflow_id) and await self.store.foreign_among(workflow_id, listed):
            foreign = await self.store.disprove_exclusive(workflow_id, listed, self.now_ms())
            if foreign:
                self.telemetry.assumption_violated("A8")
                log.error("not exclusive: somebody else makes jobs", workflow=workflow_id, jobs=list(foreign))

    async def _ask_for(self, followed: Followed, found: dict[JobId, Job]) -> None:
        await self.gate.admit()
        try:
            found[followed.job_id] = (await self.explorer.job(followed.job_id)).job
            self.gate.went(None)
        except ExplorerError as error:
            if not _is_about_the_job(error.failure):
                raise
            self.gate.went(error.failure)
            await self._miss(followed, str(error))

    async def _miss(self, followed: Followed, why: str) -> None:
        """Tell once of a job that is gone; it is asked for by itself from here on, in case it comes back.

        Ever more rarely: a server that lost its jobs is not asked for each of them all the time.
        """
        if not followed.is_missing:
            self.telemetry.assumption_violated("A6")
            log.error(
                "Explorer does not show the job", job=followed.job_id, why=why, **followed.subject.as_log()
            )
            await self.store.job_missing(followed.subject.key, why, self.now_ms())
        followed.is_missing = True
        followed.misses += 1
        followed.asks_s = self.now_s() + self.poll_s * min(
            2.0 ** min(followed.misses - 1, 10) - 1, MOST_POLLS
        )

    def _is_news(self, job: Job) -> bool:
        followed = self.jobs.get(job.job_id)  # an operator may have given it up meanwhile
        return followed is not None and (followed.is_missing or job.status not in (None, followed.status))

    async def _changed(self, job: Job) -> None:
        followed = self.jobs[job.job_id]
        now_ms = self.now_ms()
        if job.status is None or job.status is followed.status:
            await self.store.job_found(followed.subject.key, now_ms)
            self._found(followed)
            return
        ended_ms = now_ms if job.status.is_final else None
        await self.store.job_changed(followed.subject.key, job.status, ended_ms, now_ms)
        followed.status = job.status
        self._found(followed)
        self.telemetry.job_transition(str(job.status))
        self._tell(followed)
        if ended_ms is not None:
            self.telemetry.job_ended((ended_ms - followed.accepted_ms) / 1000)
            self.jobs.pop(job.job_id, None)
            self.on_ended(followed.subject, job.job_id)

    def _found(self, followed: Followed) -> None:
        followed.is_missing, followed.misses, followed.asks_s = False, 0, 0.0

    def _tell(self, followed: Followed) -> None:
        log.info(
            "job ended" if followed.status.is_final else "job moved",
            job=followed.job_id,
            status=str(followed.status),
            **followed.subject.as_log(),
        )

    def _follow(self, subject: Subject, state: Accepted, age_s: float = 0.0) -> None:
        self.jobs[state.job_id] = Followed(
            subject=subject,
            job_id=state.job_id,
            status=state.status,
            accepted_ms=state.accepted_ms,
            since_s=self.now_s() - age_s,
            is_missing=state.missing_ms is not None,
            is_cancelled=state.cancel is not None,
        )

    def _groups(self) -> dict[WorkflowId, dict[JobId, Followed]]:
        groups: dict[WorkflowId, dict[JobId, Followed]] = {}
        for job_id, job in self.jobs.items():
            groups.setdefault(job.workflow_id, {})[job_id] = job
        return groups

    def _due_s(self, workflow_id: WorkflowId, group: Group) -> float:
        """When the workflow is to be listed again: soon, while a job of it is young."""
        asked_s = self._asked_s.get(workflow_id, 0.0)
        age_s = asked_s - max(job.since_s for job in group.values())
        return asked_s + interval_s(age_s, self.poll_s, is_cancelled=_any_cancelled(group.values()))

    def _slack_s(self, workflow_id: WorkflowId) -> float:
        """How much sooner than due it may be looked at, in company; never twice within a moment."""
        asked_s = self._asked_s.get(workflow_id, 0.0)
        return min(self.poll_s / 4, max(0.0, self.now_s() - asked_s) / 4)


def _any_cancelled(jobs: Iterable[Followed]) -> bool:
    return any(job.is_cancelled for job in jobs)


def _is_about_the_job(failure: Failure) -> bool:
    """Whether Explorer answered, and this answer is for this job only (50004001 for one that is gone)."""
    return isinstance(failure, Refused | Faulty | WorkflowMissing) and failure.code is not None
