"""Which listings are made for which jobs, and what a failed one leaves."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from reconciler.core.model import Job, JobId, JobStatus, WorkflowId
from reconciler.core.outcome import Faulty, WorkflowMissing
from reconciler.engine.search import ROUNDS_WITHOUT, Search
from reconciler.explorer.client import ExplorerError, Listing

PAGE = 10


@dataclass
class Shown:
    """An Explorer that lists these jobs, newest first, and remembers what it was asked."""

    jobs: list[Job] = field(default_factory=list)
    asked: list[tuple[WorkflowId | None, int]] = field(default_factory=list)
    failures: dict[WorkflowId | None, Any] = field(default_factory=dict)

    def add(self, workflow: str, count: int) -> set[JobId]:
        new = [JobId(len(self.jobs) + number) for number in range(1, count + 1)]
        self.jobs += [_job(job_id, workflow) for job_id in new]
        return set(new)

    async def jobs_of(self, workflow_id: WorkflowId | None, *, page: int) -> Listing:
        self.asked.append((workflow_id, page))
        if workflow_id in self.failures:
            raise ExplorerError(self.failures[workflow_id])
        jobs = [job for job in reversed(self.jobs) if workflow_id in (None, job.workflow_id)]
        return Listing(tuple(jobs[(page - 1) * PAGE : page * PAGE]), len(jobs), page, PAGE)


class _OpenGate:
    async def admit(self) -> None:
        """At once."""

    def went(self, _: object) -> None:
        """Not counted."""


def _job(job_id: JobId, workflow: str) -> Job:
    return Job(job_id, WorkflowId(workflow), "", JobStatus.RUNNING, None, None, None)


def search_in(shown: Shown) -> Search:
    explorer: Any = type("Explorer", (), {"jobs": staticmethod(shown.jobs_of)})
    gate: Any = _OpenGate()

    async def ignore(_: Listing) -> None:
        """Whatever else a page shows."""

    return Search(explorer, gate, ignore, PAGE)


def find(search: Search, **wanted: set[JobId]) -> tuple[set[JobId], set[WorkflowId]]:
    """What was found, and which workflows failed; `w1` is workflow 1."""
    found: dict[JobId, Job] = {}
    asked = {WorkflowId(name[1:]): ids for name, ids in wanted.items()}
    failed = asyncio.run(search.find(asked, found))
    return set(found), failed


def test_each_workflow_is_listed_where_that_takes_as_few_pages() -> None:
    shown = Shown()
    one, two = shown.add("1", 5), shown.add("2", 5)
    assert find(search_in(shown), w1=one, w2=two) == (one | two, set())
    assert shown.asked == [(None, 1)]  # ten jobs on one page, instead of two listings
    shown = Shown()
    one, two = shown.add("1", 10), shown.add("2", 10)
    assert find(search_in(shown), w1=one, w2=two) == (one | two, set())
    assert shown.asked == [("1", 1), ("2", 1)]


def test_a_listing_over_all_that_shows_too_much_else_is_given_up_and_tried_again_much_later() -> None:
    shown = Shown()
    one, two = shown.add("1", 1), shown.add("2", 1)
    shown.add("3", 50)
    search = search_in(shown)
    assert find(search, w1=one, w2=two) == (one | two, set())
    assert shown.asked == [(None, 1), (None, 2), ("1", 1), ("2", 1)]
    for _ in range(ROUNDS_WITHOUT - 1):
        shown.asked.clear()
        find(search, w1=one, w2=two)
        assert shown.asked == [("1", 1), ("2", 1)]


def test_single_jobs_that_lie_deep_are_left_to_be_asked_for_by_themselves() -> None:
    shown = Shown()
    deep = shown.add("1", 1)
    shown.add("1", 45)
    search = search_in(shown)
    assert find(search, w1=deep) == (deep, set())
    assert len(shown.asked) == 5
    shown.asked.clear()
    assert find(search, w1=deep) == (set(), set())
    assert len(shown.asked) == 1


def test_a_listing_that_fails_leaves_the_others_alone() -> None:
    shown = Shown(failures={WorkflowId("1"): Faulty(None, "no answer")})
    one, two = shown.add("1", 10), shown.add("2", 10)
    assert find(search_in(shown), w1=one, w2=two) == (two, {"1"})


def test_a_workflow_that_is_gone_lists_nothing_and_has_not_failed() -> None:
    shown = Shown(failures={WorkflowId("1"): WorkflowMissing(40404000, "no such workflow")})
    assert find(search_in(shown), w1=shown.add("1", 1)) == (set(), set())


@pytest.mark.parametrize("failure", [Faulty(None, "no answer"), WorkflowMissing(40404000, "odd")])
def test_where_the_listing_over_all_fails_nobody_is_asked_further(failure: Any) -> None:
    shown = Shown(failures={None: failure})
    one, two = shown.add("1", 1), shown.add("2", 1)
    assert find(search_in(shown), w1=one, w2=two) == (set(), {"1", "2"})
    assert shown.asked == [(None, 1)]


def test_nothing_is_listed_for_nobody() -> None:
    shown = Shown()
    assert find(search_in(shown), w1=set()) == (set(), set())
    assert shown.asked == []
