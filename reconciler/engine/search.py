"""Find jobs in listings for as few requests as may be: workflow by workflow, or over all at once.

What a page shows beside the jobs that are looked for is somebody else's to note (`on_page`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import structlog

from reconciler.core.model import Job, JobId, WorkflowId
from reconciler.core.outcome import WorkflowMissing
from reconciler.core.pace import are_cheaper_alone, is_cheaper_over_all, pages_for
from reconciler.engine.gate import Gate
from reconciler.explorer.client import PAGE_SIZE, Explorer, ExplorerError, Listing

log = structlog.get_logger("reconciler.follow")

PAGES = 50
"""How many pages of one listing are read at most; what they do not show is asked for by itself."""

ROUNDS_WITHOUT = 50
"""For how many rounds the listing over all is not tried again after it cost more than it saved."""

OVER_ALL = None
"""In place of a workflow: the listing of all jobs."""


@dataclass(slots=True)
class Search:
    """Remembers what listings cost, and chooses between them."""

    explorer: Explorer
    gate: Gate
    on_page: Callable[[Listing], Awaitable[None]]
    _page_size: int = PAGE_SIZE
    _pages: dict[WorkflowId | None, int] = field(default_factory=dict)
    _rounds_without: int = 0

    async def find(self, wanted: Mapping[WorkflowId, set[JobId]], found: dict[JobId, Job]) -> set[WorkflowId]:
        """Add the wanted jobs to `found`, as far as listings show them; gives the workflows that failed.

        What a failed listing showed before counts. A workflow that is gone lists nothing, and has not failed.
        """
        each = {
            workflow_id: pages_for(len(job_ids), self._page_size, self._pages.get(workflow_id, 1))
            for workflow_id, job_ids in wanted.items()
            if job_ids
        }
        count = sum(map(len, wanted.values()))
        over_all = pages_for(count, self._page_size, self._pages.get(OVER_ALL, 1))
        if self._rounds_without == 0 and is_cheaper_over_all(each.values(), over_all):
            everything = set().union(*wanted.values())
            is_complete = await self._try(OVER_ALL, everything, found, most=sum(each.values()))
            if is_complete is None:
                return set(each)  # Explorer does not answer: asking it for each would not help
            if is_complete:
                return set()
            self._rounds_without = ROUNDS_WITHOUT
        self._rounds_without = max(0, self._rounds_without - 1)
        failed = set()
        for workflow_id in each:
            left = wanted[workflow_id] - found.keys()
            if left and await self._try(workflow_id, left, found, most=PAGES) is None:
                failed.add(workflow_id)
        return failed

    async def _try(
        self, whose: WorkflowId | None, wanted: set[JobId], found: dict[JobId, Job], *, most: int
    ) -> bool | None:
        """Whether the listing had no more to show of them; None if it failed."""
        try:
            return await self._turn_pages(whose, wanted, found, most)
        except ExplorerError as error:
            self.gate.went(error.failure)
            if whose is not OVER_ALL and isinstance(error.failure, WorkflowMissing):
                return True
            log.warning("jobs not listed", workflow=whose, why=str(error))
            return None

    async def _turn_pages(
        self, whose: WorkflowId | None, wanted: set[JobId], found: dict[JobId, Job], most: int
    ) -> bool:
        """Newest page first, until all are found, nothing more is shown, or it no longer pays."""
        seen, known = 0, self._pages.get(whose, 0)
        for page in range(1, most + 1):
            await self.gate.admit()
            listing = await self.explorer.jobs(whose, page=page)
            self.gate.went(None)
            seen += len(listing.jobs)
            self._page_size = max(1, listing.page_size)
            await self.on_page(listing)
            found.update((job.job_id, job) for job in listing.jobs if job.job_id in wanted)
            left = len(wanted - found.keys())
            if not left or not listing.jobs or seen >= listing.total:
                self._pages[whose] = page
                return True
            if whose is not OVER_ALL and are_cheaper_alone(left, known - page):
                return True
        self._pages[whose] = most
        return False
