"""A listing of a whole workflow: page after page, each of them admitted, with what can be said of it."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.model import Job, JobId, WorkflowId
from reconciler.engine.gate import Gate
from reconciler.explorer.client import Explorer, ExplorerError

PAGES = 1_000
"""How many pages of a listing are read at most."""

MOST_JOBS = 100_000
"""How many jobs of a listing are kept at most: a page may hold more of them than was asked for."""


@dataclass(frozen=True, slots=True)
class WholeListing:
    """The jobs of a workflow, each once.

    `is_whole` is false if Explorer counted more jobs, when the first page was read, than it then showed: jobs
    that went meanwhile, or changed places between two pages, may have kept one from being seen. And if it
    showed a page again that was read before, as one does that does not know of pages.
    """

    jobs: tuple[Job, ...]
    is_whole: bool

    @property
    def ids(self) -> tuple[JobId, ...]:
        """The jobs' IDs."""
        return tuple(job.job_id for job in self.jobs)


async def list_workflow(
    explorer: Explorer, gate: Gate, workflow_id: WorkflowId, *, is_admitted: bool = False
) -> WholeListing:
    """All jobs of a workflow, to the last page. Raises ExplorerError.

    `is_admitted` says that the first request went through the gate already.

    To the last, since no order of the pages is relied on: a job that a server with a wrong clock sorts far
    down is still found. Jobs that come while we read push others to a later page, so one may be seen twice.
    """
    found: dict[JobId, Job] = {}
    total, is_whole = 0, False
    for page in range(1, PAGES + 1):
        if page > 1 or not is_admitted:
            await gate.admit()
        try:
            listing = await explorer.jobs(workflow_id, page=page)
        except ExplorerError as error:
            gate.went(error.failure)
            raise
        gate.went(None)
        known = len(found)
        found.update((job.job_id, job) for job in listing.jobs)
        total = listing.total if page == 1 else total
        is_repeated = bool(listing.jobs) and len(found) == known
        is_whole = len(found) >= total and not is_repeated
        if is_whole or is_repeated or not listing.jobs or len(found) > MOST_JOBS:
            break
    return WholeListing(tuple(found.values()), is_whole)
