"""The plan: what brings the world closer to the manifests, and why not sooner.

Pure, and the only place where that is decided: `reconciler plan` prints it, the daemon performs it. It takes
what is desired, what is observed and the time, and gives one action a name, each with its reason. The values
themselves are in `action`; how an action is performed, and what its outcome means, is not here (`engine`,
`outcome`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from reconciler.core.action import (
    Absent,
    Action,
    CancelJob,
    Claim,
    GiveUp,
    Nothing,
    Observed,
    Plan,
    Quarantine,
    Submit,
    Unreadable,
    Wait,
    Wish,
    Workflow,
    World,
)
from reconciler.core.model import Invalid, Manifest, Name, Run, RunKey, Superseded, Waiting, WorkflowId
from reconciler.core.reason import Reason, settled

__all__ = [
    "Absent",
    "Action",
    "CancelJob",
    "Claim",
    "GiveUp",
    "Nothing",
    "Observed",
    "Plan",
    "Quarantine",
    "Submit",
    "Unreadable",
    "Wait",
    "Wish",
    "Workflow",
    "World",
    "next_action",
    "plan",
]

LONGEST_WAIT_MS = 3_600_000
"""A run that would wait longer than this was told so before the clock was set back: it does not wait."""


def plan(wishes: Mapping[Name, Wish], world: World, now_ms: int, *, max_new: int) -> Plan:
    """What to do for each name. `max_new` is the most new runs without an operator's word; 0 is no limit."""
    nothing_known = Observed()
    actions = [
        next_action(name, wish, world.names.get(name, nothing_known), now_ms) for name, wish in wishes.items()
    ]
    unapproved = [
        action
        for action in actions
        if isinstance(action, Claim) and not _is_approved(action.manifest, world.names.get(action.name))
    ]
    is_guarded = 0 < max_new < len(unapproved)
    unreleased = {claim.name for claim in unapproved}
    decided = tuple(
        _admit(action, world, now_ms, is_released=action.name not in unreleased, has_room=not is_guarded)
        for action in actions
    )
    return Plan(
        actions=decided,
        to_list=_to_list(actions, world, now_ms),
        unapproved=tuple(unapproved),
        is_guarded=is_guarded or any(_is_guard(action) for action in decided),
    )


def next_action(name: Name, wish: Wish, observed: Observed, now_ms: int) -> Action:
    """What brings this one name closer to its manifest, with no regard to other names."""
    match wish:
        case Absent(passes=passes):
            return _gone(name, passes, observed.latest)
        case Unreadable(path=path):
            return Nothing(name, Reason.UNREADABLE, path)
        case Invalid(problems=problems):
            return Nothing(name, Reason.INVALID, str(problems[0]) if problems else "")
        case Manifest(is_suspended=True):
            return _set_aside(name, Reason.SUSPENDED, observed.latest)
        case Manifest():
            return _wanted(wish, observed.latest, now_ms)


def _gone(name: Name, passes: int, latest: Run | None) -> Action:
    if passes < 2:
        return Wait(name, Reason.ABSENT_ONCE)
    return _set_aside(name, Reason.DELETED, latest)


def _set_aside(name: Name, why: Reason, latest: Run | None) -> Action:
    if latest and isinstance(latest.state, Waiting):
        return GiveUp(latest.key, why)
    return Nothing(name, why)


def _wanted(manifest: Manifest, latest: Run | None, now_ms: int) -> Action:
    if latest is None:
        return Claim(manifest, RunKey(manifest.name, 1, 1), Reason.FIRST)
    following = RunKey(manifest.name, latest.key.generation + 1, 1)
    if manifest.digest != latest.digest:
        replaces = latest.key if isinstance(latest.state, Waiting) else None
        return Claim(manifest, following, Reason.CHANGED, replaces)
    match latest.state:
        case Superseded():
            return Claim(manifest, following, Reason.WANTED_AGAIN)
        case Waiting(not_before_ms=not_before_ms, why=detail):
            waits = now_ms < not_before_ms <= now_ms + LONGEST_WAIT_MS
            why = Reason.BACKOFF if waits else Reason.SEND
            return Submit(latest.key, latest.workflow_id, why, not_before_ms if waits else 0, detail)
        case state:
            return Nothing(manifest.name, settled(state))


def _is_approved(manifest: Manifest, observed: Observed | None) -> bool:
    return observed is not None and manifest.digest in observed.approved


def _admit(action: Action, world: World, now_ms: int, *, is_released: bool, has_room: bool) -> Action:
    """The action itself, or a wait where a run may not start yet."""
    match action:
        case Claim() if not (is_released or has_room):
            return Wait(action.name, Reason.TOO_MANY_NEW)
        case Claim(manifest=manifest):
            workflow = world.workflow(manifest.workflow_id)
            return _listed_first(action, workflow, now_ms) or _guarded(action, workflow, is_released)
        case Submit(workflow_id=workflow_id):
            workflow = world.workflow(workflow_id)
            return _listed_first(action, workflow, now_ms) or _behind(action, workflow)
        case _:
            return action


def _listed_first(action: Claim | Submit, workflow: Workflow, now_ms: int) -> Wait | None:
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


def _behind(submit: Submit, workflow: Workflow) -> Submit:
    """The same submission; the queue keeps it back while another run of the workflow is open."""
    if workflow.open_run in (None, submit.key) or submit.why is not Reason.SEND:
        return submit
    return replace(submit, why=Reason.BEHIND, detail=str(workflow.open_run))


def _guarded(claim: Claim, workflow: Workflow, is_released: bool) -> Claim | Wait:
    if workflow.is_guarded and not is_released:
        return Wait(claim.name, Reason.WORKFLOW_HAS_JOBS)
    return claim


def _to_list(actions: list[Action], world: World, now_ms: int) -> tuple[WorkflowId, ...]:
    """The workflows that a run needs and that must be listed first, each once, in the order of need."""
    needed = dict.fromkeys(_workflow_of(action) for action in actions if isinstance(action, Claim | Submit))
    workflows = map(world.workflow, needed)
    return tuple(it.workflow_id for it in workflows if it.needs_listing and it.asks_again_ms <= now_ms)


def _workflow_of(action: Claim | Submit) -> WorkflowId:
    return action.manifest.workflow_id if isinstance(action, Claim) else action.workflow_id


def _is_guard(action: Action) -> bool:
    guards: tuple[Literal[Reason.TOO_MANY_NEW], Literal[Reason.WORKFLOW_HAS_JOBS]]
    guards = (Reason.TOO_MANY_NEW, Reason.WORKFLOW_HAS_JOBS)
    return isinstance(action, Wait) and action.why in guards
