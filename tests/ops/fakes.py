"""A daemon as the ops port sees it, with values that a test chooses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from reconciler.core.item import Item, rfc3339
from reconciler.core.model import Digest, JobStatus, Name, Pause, State, WorkflowId
from reconciler.engine.status import Check, LastPass

NOW_MS = 1_764_000_000_000
REVISION = "3f9c2b7d41aa09e1c0ffee1234567890abcdef12"


def item(
    name: str,
    state: State = State.RUNNING,
    reason: str = "followed until its end",
    *,
    job_id: str | None = "107",
    age_s: int = 42,
) -> Item:
    """An item like a daemon's, updated `age_s` before NOW_MS."""
    return Item(
        name=Name(name),
        path=f"team-a/{name}.yaml",
        workflow_id=WorkflowId("4216617528"),
        digest=Digest("d" * 64),
        generation=1,
        attempt=1,
        state=state,
        reason=reason,
        job_id=job_id,
        job_status=JobStatus.RUNNING if job_id else None,
        candidates=(),
        revision=REVISION,
        trace_id=None,
        submitted_at=None,
        updated_at=rfc3339(NOW_MS - age_s * 1000),
    )


@dataclass(slots=True)
class FakeView:
    """Answers with what it was given."""

    known: Sequence[Item] = ()
    checks: Sequence[Check] = field(default_factory=lambda: [Check("store", True)])
    last: LastPass | None = None
    pause: Pause | None = None
    wrong: Sequence[str] = ()
    shut_out: bool = False

    def live(self) -> Sequence[Check]:
        return self.checks

    def ready(self) -> Sequence[Check]:
        return self.checks

    def last_pass(self) -> LastPass | None:
        return self.last

    def troubles(self) -> Sequence[str]:
        return self.wrong

    def is_shut_out(self) -> bool:
        return self.shut_out

    async def paused(self) -> Pause | None:
        return self.pause

    async def items(self) -> Sequence[Item]:
        return self.known

    async def item(self, name: str) -> Item | None:
        return next((one for one in self.known if one.name == name), None)
