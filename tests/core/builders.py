"""Values for tests, with what a test does not care about filled in."""

from __future__ import annotations

import hashlib

from reconciler.core.model import (
    Accepted,
    Digest,
    Intent,
    Invalid,
    JobId,
    JobStatus,
    Manifest,
    Name,
    Policies,
    Problem,
    Run,
    RunKey,
    RunState,
    Submitting,
    Waiting,
    WorkflowId,
)
from reconciler.core.sighting import Presence, Sighting

INTENT = Intent(1, 1, "0" * 32, JobId(0), JobId(0), 0)
RUNNING = Accepted(JobId(7), JobStatus.RUNNING, 0)
SUCCEEDED = Accepted(JobId(7), JobStatus.SUCCESS, 0, 1)
SUBMITTING = Submitting(INTENT)


def digest(text: str) -> Digest:
    return Digest(hashlib.sha256(text.encode()).hexdigest())


def manifest(name: str = "a", asks: str = "one", *, workflow: str = "1", suspended: bool = False) -> Manifest:
    return Manifest(
        name=Name(name),
        workflow_id=WorkflowId(workflow),
        body=b'{"input":{}}',
        digest=digest(asks),
        path=f"{name}.yaml",
        is_suspended=suspended,
    )


def seen(policies: Policies) -> Sighting:
    """What was seen of a name that went by these policies."""
    return Sighting(Name("a"), Presence.WANTED, "a.yaml", None, None, "", None, 0, policies)


def invalid(name: str | None = "a", path: str = "a.yaml") -> Invalid:
    problem = Problem(path, 3, 5, "/spec", "wrong", "spec is wrong")
    return Invalid(Name(name) if name else None, path, 1, (problem,))


def run(
    name: str = "a",
    asks: str = "one",
    state: RunState | None = None,
    *,
    generation: int = 1,
    workflow: str = "1",
) -> Run:
    return Run(
        key=RunKey(Name(name), generation, 1),
        workflow_id=WorkflowId(workflow),
        digest=digest(asks),
        state=state or Waiting(),
        claimed_ms=0,
        updated_ms=0,
    )
