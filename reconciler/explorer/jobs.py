"""Jobs as Explorer shows them: from the `data` of its answers to values, or to what is wrong with it. Pure.

Strict about what decisions depend on (IDs, the workflow, the status, the totals), lenient about what people
only look at. The shapes are those of the API reference, "Get a list of all jobs" and "Query details for a
specified job".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import msgspec

from reconciler.core.model import Job, JobId, JobStatus, Task, WorkflowId
from reconciler.core.outcome import Faulty, job_id_in

READ = 0
"""Explorer answered, with its code of success: what cannot be read then is no sign that it is down."""

LATEST_MS = 253_402_300_800_000
"""The end of the year 9999; a later time is none."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a listing, as the server gave it: `page_size` may be less than was asked for.

    `total` is the number of jobs on all pages.
    """

    jobs: tuple[Job, ...]
    total: int
    page: int
    page_size: int


@dataclass(frozen=True, slots=True)
class JobDetail:
    """One job with its tasks."""

    job: Job
    tasks: tuple[Task, ...]


def listing_in(
    data: bytes, page: int, page_size: int, workflow_id: WorkflowId | None = None
) -> Listing | Faulty:
    """The page of a listing that was asked for as page `page` with `page_size` jobs, of this workflow only.

    A page with a job of another workflow is none of it: that job could be taken for ours.
    """
    found = _decoded(data, _Listing)
    if isinstance(found, Faulty):
        return found
    try:
        jobs = tuple(map(_job, found.items or ()))
    except ValueError as error:
        return Faulty(READ, f"the listing cannot be read: {error}")
    for job in jobs:
        if workflow_id not in (None, job.workflow_id):
            return Faulty(
                READ,
                f"asked for workflow {workflow_id}, the server shows a job of workflow {job.workflow_id}",
            )
    return Listing(jobs, found.total, found.page or page, found.page_size or page_size)


def detail_in(data: bytes, job_id: JobId) -> JobDetail | Faulty:
    """The job that was asked for as `job_id`, with its tasks."""
    found = _decoded(data, _Detail)
    if isinstance(found, Faulty):
        return found
    try:
        detail = JobDetail(_job(found), tuple(map(_task, found.tasks or ())))
    except ValueError as error:
        return Faulty(READ, f"the job cannot be read: {error}")
    if detail.job.job_id != job_id:
        return Faulty(READ, f"asked for job {job_id}, the server shows job {detail.job.job_id}")
    return detail


def is_workflow_id(text: str) -> bool:
    """Whether this is a workflow ID as manifests write it; it may exceed what an integer of 64 bits holds."""
    return _WORKFLOW_ID.fullmatch(text) is not None


def is_success_in(data: bytes) -> bool | Faulty:
    """The `success` of an answer that says no more than that."""
    found = _decoded(data, _Success)
    return found if isinstance(found, Faulty) else found.success


_WORKFLOW_ID = re.compile(r"[1-9][0-9]{0,39}")
_Time = int | float | str | None


class _Item(msgspec.Struct, frozen=True, rename="camel"):
    id: int | str
    workflow_id: int | str
    status: int
    name: str | None = None
    create_time: _Time = None
    run_begin_time: _Time = None
    run_end_time: _Time = None


class _Listing(msgspec.Struct, frozen=True):
    items: tuple[_Item, ...] | None
    """`null` from a server that has none to show."""

    total: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    page: int | None = msgspec.field(name="Page", default=None)
    page_size: int | None = msgspec.field(name="PageSize", default=None)


class _Task(msgspec.Struct, frozen=True, rename="camel"):
    id: int | str
    status: int
    name: str | None = None
    run_begin_time: _Time = None
    run_end_time: _Time = None


class _Detail(_Item, frozen=True, rename="camel"):
    tasks: tuple[_Task, ...] | None = None


class _Success(msgspec.Struct, frozen=True):
    success: bool


_Shape = TypeVar("_Shape", bound=msgspec.Struct)


def _decoded(data: bytes, shape: type[_Shape]) -> _Shape | Faulty:
    try:
        return msgspec.json.decode(data, type=shape)
    except msgspec.MsgspecError as error:  # it names the place and the types, never the value
        return Faulty(READ, f"the answer has another shape than the API's: {error}")
    except RecursionError:
        return Faulty(READ, "the answer has another shape than the API's: it is nested too deeply")


def _job(item: _Item) -> Job:
    """Raises ValueError for an ID or a status that Explorer does not have."""
    job_id = job_id_in(item.id)
    if job_id is None:
        raise ValueError("a job ID that cannot be one")
    return Job(
        job_id=job_id,
        workflow_id=_workflow_id(item.workflow_id),
        name=item.name or "",
        status=_status(item.status),
        created_ms=_ms(item.create_time),
        began_ms=_ms(item.run_begin_time),
        ended_ms=_ms(item.run_end_time),
    )


def _status(number: int) -> JobStatus | None:
    """The status, None for one that the reference does not have: one odd job should not hide the others."""
    try:
        return JobStatus.by_number(number)
    except ValueError:
        return None


def _task(item: _Task) -> Task:
    return Task(
        task_id=str(item.id),
        name=item.name or "",
        status=_status(item.status),
        began_ms=_ms(item.run_begin_time),
        ended_ms=_ms(item.run_end_time),
    )


def _workflow_id(found: int | str) -> WorkflowId:
    text = str(found)
    if not is_workflow_id(text):
        raise ValueError("a workflow ID that cannot be one")
    return WorkflowId(text)


def _ms(found: _Time) -> int | None:
    """A time in milliseconds or as ISO 8601; 0 and an empty text mean that it has not come."""
    if isinstance(found, str):
        found = _ms_in_text(found)
    return int(found) if found is not None and 0 < found < LATEST_MS else None


def _ms_in_text(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000
