"""Which jobs a listing shows: its filter, order and pages. Pure; the jobs' JSON is here too.

Parameters and their defaults are those of the pages "Get a list of all jobs" and "Query details for a
specified job" of Explorer's API reference. The cap of `pageSize` is not documented; ours is a setting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import parse_qs

import msgspec

from reconciler.sandbox.ledger import Job
from reconciler.sandbox.life import Stage, stage
from reconciler.sandbox.wire import Code, RefusedError

DEFAULT_PAGE_SIZE = 10
DEFAULT_LIMIT = 10


class Filter(msgspec.Struct, frozen=True, rename="camel"):
    """The `filter` parameter: what is None shows all. Times are milliseconds, both ends included."""

    name: str | None = None
    status: int | None = None
    from_create_time: float | None = None
    to_create_time: float | None = None
    order_by_create_time: Literal["desc", "asc"] = "desc"

    def shows(self, job: Job, now_ms: int) -> bool:
        """Whether this job passes; a name passes if it contains the one asked for."""
        created_ms = job.shown_created_ms
        return (
            (self.name is None or self.name in job.name)
            and (self.from_create_time is None or created_ms >= self.from_create_time)
            and (self.to_create_time is None or created_ms <= self.to_create_time)
            and (self.status is None or stage(job, now_ms).status == self.status)
        )


@dataclass(frozen=True, slots=True)
class Question:
    """What a listing is asked for; `page` counts from 1."""

    filter: Filter
    page: int
    page_size: int


def question(query: str, page_size_cap: int) -> Question:
    """The question in a query string. Raises RefusedError(ERR_PARAM) for what cannot be read."""
    texts = parse_qs(query, keep_blank_values=True)
    try:
        wanted = msgspec.json.decode(texts.get("filter", ["{}"])[0], type=Filter)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RefusedError(Code.ERR_PARAM, f"filter: {error}") from error
    page_size = _positive(texts, "pageSize", DEFAULT_PAGE_SIZE)
    return Question(wanted, _positive(texts, "page", 1), min(page_size, page_size_cap))


def row_limit(query: str) -> int:
    """How many rows of a task's result are asked for. Raises RefusedError(ERR_PARAM)."""
    return _positive(parse_qs(query, keep_blank_values=True), "limit", DEFAULT_LIMIT)


def page_of(jobs: Sequence[Job], asked: Question, now_ms: int) -> dict[str, Any]:
    """The `data` of a listing of these jobs, which come in the order of their creation."""
    shown = [job for job in jobs if asked.filter.shows(job, now_ms)]
    if asked.filter.order_by_create_time == "desc":
        shown.reverse()
    begin = (asked.page - 1) * asked.page_size
    items = [summary(job, now_ms) for job in shown[begin : begin + asked.page_size]]
    return {"items": items, "total": len(shown), "Page": asked.page, "PageSize": asked.page_size}


def summary(job: Job, now_ms: int) -> dict[str, Any]:
    """A job as listings show it: without its input, and with 0 for a time that has not come."""
    now = stage(job, now_ms)
    return {
        "id": job.id,
        "name": job.name,
        "workflowId": job.workflow_id,
        "workflowName": job.workflow_name,
        "status": int(now.status),
        "runBeginTime": 0 if now.begun_ms is None else now.begun_ms + job.skew_ms,
        "runEndTime": 0 if now.ended_ms is None else now.ended_ms + job.skew_ms,
        "createTime": job.shown_created_ms,
    }


def detail(job: Job, now_ms: int) -> dict[str, Any]:
    """A job as its own page shows it: with its tasks, which all share the job's stage."""
    now = stage(job, now_ms)
    tasks = [_task(task_id, name, now, job.skew_ms) for task_id, name in job.tasks.items()]
    return {**summary(job, now_ms), "tasks": tasks}


def _task(task_id: str, name: str, now: Stage, skew_ms: int) -> dict[str, Any]:
    return {
        "id": task_id,
        "name": name,
        "runBeginTime": _iso(now.begun_ms, skew_ms),
        "runEndTime": _iso(now.ended_ms, skew_ms),
        "status": int(now.status),
    }


def _iso(at_ms: int | None, skew_ms: int) -> str | None:
    """ISO 8601 with an offset, to the second, as Explorer shows a task's times."""
    if at_ms is None:
        return None
    return datetime.fromtimestamp((at_ms + skew_ms) // 1000, UTC).isoformat()


def _positive(texts: dict[str, list[str]], name: str, default: int) -> int:
    text = texts.get(name, [str(default)])[0]
    # 9 digits are plenty, and keep int() away from a text of a megabyte.
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) > 0):
        raise RefusedError(Code.ERR_PARAM, f"{name} is not a positive number")
    return int(text)
