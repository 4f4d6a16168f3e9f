"""What the queue carries: what is asked of Explorer for a manifest; and whose it is."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.model import Run, RunKey, WorkflowId
from reconciler.engine.workqueue import WorkQueue
from reconciler.store.port import Begun


@dataclass(frozen=True, slots=True)
class Submission:
    """Create the job of a claimed run."""

    key: RunKey
    workflow_id: WorkflowId


@dataclass(frozen=True, slots=True)
class FirstListing:
    """List a workflow once, before its first intent."""

    workflow_id: WorkflowId


@dataclass(frozen=True, slots=True)
class Cancellation:
    """Have the job of a run stopped."""

    key: RunKey


Task = Submission | FirstListing | Cancellation
Queue = WorkQueue[Task]


@dataclass(frozen=True, slots=True)
class Subject:
    """The run that a request or a job belongs to, and by what a person finds it elsewhere."""

    key: RunKey
    workflow_id: WorkflowId
    revision: str | None
    trace_id: str | None

    @classmethod
    def of_run(cls, run: Run) -> Subject:
        """The subject of a run that the state knows."""
        return cls(run.key, run.workflow_id, run.revision, run.trace_id)

    @classmethod
    def of_request(cls, begun: Begun) -> Subject:
        """The subject of a request whose intent is on disk."""
        return cls(begun.key, begun.workflow_id, begun.revision, begun.intent.trace_id)

    def as_log(self) -> dict[str, object]:
        """The same as the fields of a line of the log."""
        return {
            "name": self.key.name,
            "generation": self.key.generation,
            "attempt": self.key.attempt,
            "workflow": self.workflow_id,
            "revision": self.revision,
            "trace": self.trace_id,
        }


def key_of_listing(workflow_id: WorkflowId) -> str:
    """The queue's key for a workflow's listing; a name never holds a colon, so it is nobody else's."""
    return f"workflow:{workflow_id}"


def key_of_cancel(key: RunKey) -> str:
    """The queue's key, and lane, for stopping a run's job: a cancel waits for nobody's submission."""
    return f"cancel:{key}"
