"""Workflows that have to be listed before a run of theirs may start: what keeps each from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from reconciler.core.backoff import backoff_ms
from reconciler.core.model import WorkflowId
from reconciler.core.plan import Quarantine, World


@dataclass(slots=True)
class _Trouble:
    """Why a workflow could not be listed yet, and when to ask again."""

    failures: int
    asks_again_ms: int
    why: str


@dataclass(slots=True)
class Unlisted:
    """What only this process knows of listings: which are under way, and which failed."""

    now_ms: Callable[[], int]
    settles_in_ms: Callable[[], int] = lambda: 0
    """How long until a restored state's workflows may be listed."""

    _troubles: dict[WorkflowId, _Trouble] = field(default_factory=dict)
    _being_listed: set[WorkflowId] = field(default_factory=set)

    def begin(self, workflow_id: WorkflowId) -> bool:
        """Whether to list a workflow; not if that is under way."""
        is_new = workflow_id not in self._being_listed
        self._being_listed.add(workflow_id)
        return is_new

    def failed(self, workflow_id: WorkflowId, why: str, chance: float) -> None:
        """A workflow could not be listed: ask again after a backoff."""
        self._being_listed.discard(workflow_id)
        failures = self._troubles[workflow_id].failures + 1 if workflow_id in self._troubles else 1
        asks_again_ms = self.now_ms() + backoff_ms(failures, chance)
        self._troubles[workflow_id] = _Trouble(failures, asks_again_ms, why)

    def succeeded(self, workflow_id: WorkflowId) -> None:
        """A workflow was listed."""
        self._being_listed.discard(workflow_id)
        self._troubles.pop(workflow_id, None)

    def forget_backoff(self) -> None:
        """Explorer answers again: what could not be listed is asked for now, not when its backoff ends."""
        self._troubles.clear()

    def told_in(self, world: World) -> World:
        """The world with what is known here: which workflows cannot be listed yet, and why."""
        workflows = dict(world.workflows)
        for workflow_id, trouble in self._troubles.items():
            known = world.workflow(workflow_id)
            workflows[workflow_id] = replace(known, asks_again_ms=trouble.asks_again_ms, trouble=trouble.why)
        settles_in_ms = self.settles_in_ms()
        if settles_in_ms > 0:
            settled_ms = self.now_ms() + settles_in_ms
            for workflow_id, known in workflows.items():
                if known.quarantine is Quarantine.WAITS:
                    workflows[workflow_id] = replace(known, asks_again_ms=settled_ms)
        return replace(world, workflows=workflows)
