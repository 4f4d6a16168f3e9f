"""A daemon as the ops port sees it, with values that a test chooses."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.core.account import Account
from reconciler.core.item import Item, rfc3339
from reconciler.core.model import DEFAULTS, Digest, JobStatus, Name, Pause, State, WorkflowId
from reconciler.core.overview import Overview, Question
from reconciler.core.record import Dossier
from reconciler.engine.standing import Standing
from reconciler.engine.status import Check

NOW_MS = 1_764_000_000_000
WHATEVER = Question()
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


def overview(*known: Item, question: Question = WHATEVER, **beside: Any) -> Overview:
    """The answer to a question, if these items are all that is known and are in order already."""
    matching = [it for it in known if not question.states or it.state in question.states]
    pages = max(1, math.ceil(len(matching) / question.size))
    page = min(question.page, pages)
    shown = matching[(page - 1) * question.size : page * question.size]
    return Overview(
        len(known), Counter(it.state for it in known), page, pages, len(matching), shown, **beside
    )


def dossier(of: Item, **known: Any) -> Dossier:
    """A dossier in which nothing is known but the item."""
    usual = Dossier(of, DEFAULTS, (), (), 0, None, (), None)
    return replace(usual, **known)


@dataclass(slots=True)
class FakeView:
    """Answers with what it was given. `refusal` is what a question to the state ends with."""

    known: Sequence[Item] = ()
    checks: Sequence[Check] = field(default_factory=lambda: [Check("store", True)])
    stands: Standing = field(default_factory=Standing)
    pause: Pause | None = None
    dossiers: Mapping[str, Dossier] = field(default_factory=dict)
    refusal: Exception | None = None

    def live(self) -> Sequence[Check]:
        return self.checks

    def ready(self) -> Sequence[Check]:
        return self.checks

    def standing(self) -> Standing:
        return self.stands

    def troubles(self) -> Sequence[str]:
        return self.stands.troubles

    def is_shut_out(self) -> bool:
        return not self.stands.is_open

    async def overview(self, question: Question) -> Overview | None:
        if self.refusal:
            raise self.refusal
        return overview(*self.known, question=question, pause=self.pause) if self.stands.is_open else None

    async def dossier(self, name: str, events: int) -> Dossier | None:
        if self.refusal:
            raise self.refusal
        return self.dossiers.get(name)

    async def account(self, name: str) -> Account | None:
        return Account("It is wanted.", "It is known.", "It goes on.")

    async def items(self) -> Sequence[Item]:
        return self.known

    async def item(self, name: str) -> Item | None:
        return next((one for one in self.known if one.name == name), None)
