"""What the queue carries: the two things that are asked of Explorer for a manifest."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.model import RunKey, WorkflowId
from reconciler.engine.workqueue import WorkQueue


@dataclass(frozen=True, slots=True)
class Submission:
    """Create the job of a claimed run."""

    key: RunKey
    workflow_id: WorkflowId


@dataclass(frozen=True, slots=True)
class FirstListing:
    """List a workflow once, before its first intent."""

    workflow_id: WorkflowId


Task = Submission | FirstListing
Queue = WorkQueue[Task]


def key_of_listing(workflow_id: WorkflowId) -> str:
    """The queue's key for a workflow's listing; a name never holds a colon, so it is nobody else's."""
    return f"workflow:{workflow_id}"
