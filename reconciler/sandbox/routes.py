"""Which operation of the API a method and a path ask for. What it answers is `api`'s matter."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal
from urllib.parse import unquote

Operation = Literal["connect", "submit", "list", "detail", "cancel", "results"]


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a session."""

    operation: ClassVar[Operation] = "connect"
    workflow_id: ClassVar[None] = None


@dataclass(frozen=True, slots=True)
class Submit:
    """Add a job to a workflow."""

    operation: ClassVar[Operation] = "submit"
    workflow_id: str


@dataclass(frozen=True, slots=True)
class ListJobs:
    """List jobs: one workflow's, or, without a workflow ID, all."""

    operation: ClassVar[Operation] = "list"
    workflow_id: str | None


@dataclass(frozen=True, slots=True)
class Detail:
    """Read one job with its tasks."""

    operation: ClassVar[Operation] = "detail"
    workflow_id: ClassVar[None] = None
    job_id: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop one job."""

    operation: ClassVar[Operation] = "cancel"
    workflow_id: ClassVar[None] = None
    job_id: str


@dataclass(frozen=True, slots=True)
class Results:
    """Read the first rows of one task's result."""

    operation: ClassVar[Operation] = "results"
    workflow_id: ClassVar[None] = None
    job_id: str
    task_id: str


Route = Connect | Submit | ListJobs | Detail | Cancel | Results

_PART = "([^/]+)"
_ROUTES: tuple[tuple[str, str, Callable[..., Route]], ...] = (
    ("POST", "connect", Connect),
    ("POST", f"workflows/{_PART}/jobs", Submit),
    ("GET", f"workflows/{_PART}/jobs", ListJobs),
    ("GET", "jobs", lambda: ListJobs(None)),
    ("GET", f"jobs/{_PART}", Detail),
    ("PUT", f"jobs/{_PART}/cancel", Cancel),
    ("GET", f"jobs/{_PART}/tasks/{_PART}/sample_result", Results),
)


def route(method: str, path: str) -> Route | None:
    """The operation behind a still percent-encoded path; None where the API has none."""
    for verb, pattern, made in _ROUTES:
        found = re.fullmatch(f"/api-open/v1/{pattern}", path)
        if verb == method and found:
            return made(*map(unquote, found.groups()))
    return None
