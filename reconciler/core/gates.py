"""What a run has to pass before it may start: its workflow, its dependencies, the job before it, and room.

Pure. The guard, and what a name asks for at all, is decided in `plan`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from reconciler.core.action import (
    Action,
    CancelJob,
    Claim,
    GiveUp,
    Observed,
    Quarantine,
    Submit,
    Wait,
    Wish,
    Workflow,
    World,
)
from reconciler.core.dependencies import wait_for_dependencies
from reconciler.core.model import Accepted, Manifest, Name, OnChange, WorkflowId
from reconciler.core.reason import Reason
from reconciler.core.room import InLine, Room, admitted
from reconciler.core.stopping import replaced_to_stop


@dataclass(frozen=True, slots=True)
class Gate:
    """What is known when a run asks to start. `wishes` are all that the tree asks for, of any name."""

    world: World
    wishes: Mapping[Name, Wish]
    now_ms: int

    def for_claim(
        self, claim: Claim, observed: Observed, *, is_released: bool
    ) -> tuple[Claim | Wait, list[CancelJob]]:
        """The claim, or what it waits for; and the jobs to stop, which it then waits for."""
        workflow = self.world.workflow(claim.manifest.workflow_id)
        stops = (
            _listed_first(claim, workflow, self.now_ms)
            or _guarded(claim, workflow, is_released=is_released)
            or wait_for_dependencies(claim.manifest, self.wishes, self.world.names)
        )
        if stops is not None:
            return stops, []
        is_change = claim.key.attempt == 1 and observed.unfinished
        if is_change and claim.manifest.on_change is not OnChange.SUBMIT:
            return self._behind_earlier(claim, observed)
        if claim.not_before_ms > self.now_ms:
            return replace(
                claim, then=Wait(claim.name, Reason.BACKOFF, claim.not_before_ms, claim.detail)
            ), []
        return replace(claim, then=self._paused(claim.name)), []

    def for_submit(self, submit: Submit, wish: Wish) -> Submit | Wait:
        """The same submission, or what it waits for; the queue keeps it back behind an open run."""
        workflow = self.world.workflow(submit.workflow_id)
        needed = (
            wait_for_dependencies(wish, self.wishes, self.world.names) if isinstance(wish, Manifest) else None
        )
        stops = _listed_first(submit, workflow, self.now_ms) or needed
        if stops is not None or submit.why is not Reason.SEND:
            return stops or submit
        if workflow.open_run not in (None, submit.key):
            return replace(submit, why=Reason.BEHIND, detail=str(workflow.open_run))
        return self._paused(submit.name) or submit

    def for_giving_up(self, action: GiveUp, workflow_id: WorkflowId) -> GiveUp | Wait:
        """The same, but for a run of a restored state: that may have forgotten that the run was sent."""
        workflow = self.world.workflow(workflow_id)
        is_doubted = workflow.quarantine is not None
        return (_listed_first(action, workflow, self.now_ms) if is_doubted else None) or action

    def _behind_earlier(self, claim: Claim, observed: Observed) -> tuple[Wait, list[CancelJob]]:
        """What a change waits for while earlier jobs of its name run, or may run.

        Nothing is stopped while submissions are paused: what takes its place could not start.
        """
        for run in observed.unfinished:
            if not isinstance(run.state, Accepted):
                return Wait(claim.name, Reason.EARLIER_UNKNOWN, None, str(run.key)), []
        jobs = ", ".join(
            str(run.state.job_id) for run in observed.unfinished if isinstance(run.state, Accepted)
        )
        if claim.manifest.on_change is OnChange.QUEUE:
            return Wait(claim.name, Reason.QUEUED, None, f"job {jobs}"), []
        paused = self._paused(claim.name)
        if paused is not None:
            return paused, []
        return Wait(claim.name, Reason.REPLACING, None, f"job {jobs}"), replaced_to_stop(claim, observed)

    def _paused(self, name: Name) -> Wait | None:
        pause = self.world.pause
        if pause is None:
            return None
        return Wait(name, Reason.PAUSED, None, f"by {pause.who}{pause.why and f': {pause.why}'}")


def keep_to(room: Room, actions: list[Action], world: World, now_ms: int) -> list[Action]:
    """The same actions, where those that would be sent now and find no room wait for it."""
    if not room.is_limited:
        return actions
    line = {one.key: one for one in (_in_line(it, world, now_ms) for it in actions) if one}
    chosen = admitted(room, world.in_use, line.values())
    taken = Counter(world.in_use)
    taken.update(line[key].workflow_id for key in chosen)
    left = line.keys() - chosen
    return [_without_room(it, room, taken) if _key_of(it) in left else it for it in actions]


def _in_line(action: Action, world: World, now_ms: int) -> InLine | None:
    """The place in line of what would be sent now; a new claim stands behind what was claimed before."""
    match action:
        case Claim(key=key, manifest=manifest, then=None):
            return InLine(now_ms, key, manifest.workflow_id)
        case Submit(key=key, workflow_id=workflow_id, why=Reason.SEND):
            latest = world.names[key.name].latest
            return InLine(latest.claimed_ms if latest else now_ms, key, workflow_id)
        case _:
            return None


def _key_of(action: Action) -> object:
    return action.key if isinstance(action, Claim | Submit) else None


def _without_room(action: Action, room: Room, taken: Mapping[WorkflowId, int]) -> Action:
    match action:
        case Claim(manifest=manifest):
            return replace(action, then=_full(action.name, manifest.workflow_id, room, taken))
        case Submit(workflow_id=workflow_id):
            return _full(action.name, workflow_id, room, taken)
        case _:
            return action


def _full(name: Name, workflow_id: WorkflowId, room: Room, taken: Mapping[WorkflowId, int]) -> Wait:
    has_place = room.has_place_within(workflow_id, taken)
    return Wait(name, Reason.FULL if has_place else Reason.WORKFLOW_FULL)


def _listed_first(action: Claim | Submit | GiveUp, workflow: Workflow, now_ms: int) -> Wait | None:
    """The wait for a listing of the workflow, or for what an operator says of it."""
    until_ms = workflow.asks_again_ms if workflow.asks_again_ms > now_ms else None
    match workflow:
        case Workflow(quarantine=Quarantine.HELD, strangers=strangers):
            return Wait(action.name, Reason.STRANGERS, None, f"jobs {', '.join(map(str, strangers))}")
        case Workflow(quarantine=Quarantine.WAITS, trouble=trouble):
            return Wait(action.name, Reason.QUARANTINE, until_ms, trouble)
        case Workflow(highest=None, trouble=trouble):
            return Wait(action.name, Reason.NOT_LISTED, until_ms, trouble)
        case _:
            return None


def _guarded(claim: Claim, workflow: Workflow, *, is_released: bool) -> Wait | None:
    return Wait(claim.name, Reason.WORKFLOW_HAS_JOBS) if workflow.is_guarded and not is_released else None
