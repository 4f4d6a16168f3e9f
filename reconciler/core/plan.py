"""The plan: what brings the world closer to the manifests, and why not sooner.

Pure, and the only place where that is decided: `reconciler plan` prints it, the daemon performs it. It takes
what is desired, what is observed and the time, and gives one action a name, each with its reason. The values
themselves are in `action`; how an action is performed, and what its outcome means, is not here (`engine`,
`outcome`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

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
from reconciler.core.backoff import backoff_ms, chance_of
from reconciler.core.dependencies import is_resubmitted
from reconciler.core.gates import Gate, keep_to
from reconciler.core.model import (
    Accepted,
    CancelCause,
    Invalid,
    JobStatus,
    Manifest,
    Name,
    Run,
    RunKey,
    Superseded,
    Waiting,
    WorkflowId,
)
from reconciler.core.reason import Reason, settled, why_stopped
from reconciler.core.room import Room
from reconciler.core.stopping import deleted_to_stop, next_deadline_ms, overdue_to_stop, replaced_to_stop

__all__ = [
    "NO_LIMIT",
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
    "is_quiet",
    "next_action",
    "plan",
]

LONGEST_WAIT_MS = 3_600_000
"""A run that would wait longer than this was told so before the clock was set back: it does not wait."""

NO_LIMIT = Room()
_NO_OTHERS: Mapping[Name, Wish] = {}


def plan(
    wishes: Mapping[Name, Wish],
    world: World,
    now_ms: int,
    *,
    max_new: int,
    room: Room = NO_LIMIT,
    others: Mapping[Name, Wish] = _NO_OTHERS,
) -> Plan:
    """What to do for each name, and which jobs to stop.

    `max_new` is the most new runs, and the most jobs of deleted manifests to stop, without an operator's
    word; 0 is no limit. `others` are the wishes for names that are not planned here, of which something may
    depend; the world has to know them as well.
    """
    decided = [_Decided.of(name, wish, world, now_ms) for name, wish in wishes.items()]
    guard = _Guard.over(decided, max_new)
    gate = Gate(world, {**others, **wishes}, now_ms)
    actions, cancels = [], []
    for one in decided:
        action, stopped = _admit(one, guard, gate)
        actions.append(action)
        cancels += stopped
    actions = keep_to(room, actions, world, now_ms)
    return Plan(
        actions=tuple(actions),
        to_list=_to_list(decided, world, now_ms),
        unapproved=guard.claims,
        is_guarded=guard.is_up or any(map(_is_guard, actions)),
        cancels=tuple(cancels),
        unapproved_cancels=guard.cancels,
        deadlines={one.name: one.deadline_ms for one in decided if one.deadline_ms is not None},
    )


def is_quiet(name: Name, wish: Wish, world: World, now_ms: int) -> bool:
    """Whether nothing is to be done for a name now, whatever is planned for others."""
    observed = world.names.get(name, _NOTHING_KNOWN)
    stops = deleted_to_stop(wish, observed) or overdue_to_stop(wish, observed, now_ms)
    return not stops and isinstance(next_action(name, wish, observed, now_ms), Nothing)


@dataclass(frozen=True, slots=True)
class _Decided:
    """What one name asks for, with no regard to other names: see `next_action` and `core.stopping`."""

    name: Name
    action: Action
    wish: Wish
    observed: Observed
    deadline_ms: int | None

    @classmethod
    def of(cls, name: Name, wish: Wish, world: World, now_ms: int) -> _Decided:
        """Decide for one name."""
        observed = world.names.get(name, _NOTHING_KNOWN)
        action = next_action(name, wish, observed, now_ms)
        deadline_ms = next_deadline_ms(wish, observed, now_ms)
        if isinstance(action, Nothing) and deadline_ms is not None:
            action = replace(action, until_ms=deadline_ms)
        return cls(name, action, wish, observed, deadline_ms)


_NOTHING_KNOWN = Observed()


@dataclass(frozen=True, slots=True)
class _Guard:
    """What nobody has released, and whether that is too much to be done without an operator's word."""

    claims: tuple[Claim, ...]
    cancels: tuple[CancelJob, ...]
    unreleased: frozenset[Name]
    """The names whose new runs nobody has released."""

    has_many_claims: bool
    has_many_cancels: bool

    @classmethod
    def over(cls, decided: list[_Decided], max_new: int) -> _Guard:
        """Count the new generations that nobody has released, and the jobs that are stopped on the way."""
        claims = [
            one.action
            for one in decided
            if isinstance(one.action, Claim)
            and one.action.key.attempt == 1
            and one.action.manifest.digest not in one.observed.approved
        ]
        unreleased = frozenset(claim.name for claim in claims)
        deleted = [it for one in decided for it in deleted_to_stop(one.wish, one.observed)]
        replaced = [
            it
            for one in decided
            if one.name in unreleased and isinstance(one.action, Claim)
            for it in replaced_to_stop(one.action, one.observed)
        ]
        return cls(
            claims=tuple(claims),
            cancels=(*deleted, *replaced),
            unreleased=unreleased,
            has_many_claims=0 < max_new < len(claims),
            has_many_cancels=0 < max_new < len(deleted),
        )

    @property
    def is_up(self) -> bool:
        """Whether all that nobody released waits."""
        return self.has_many_claims or self.has_many_cancels

    @property
    def why(self) -> Reason:
        """What there is too much of."""
        return Reason.TOO_MANY_NEW if self.has_many_claims else Reason.TOO_MANY_CANCELS


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
    if manifest.digest != latest.digest:
        replaces = latest.key if isinstance(latest.state, Waiting) else None
        return Claim(manifest, _following(latest.key), Reason.CHANGED, replaces)
    match latest.state:
        case Superseded() if latest.key.attempt > 1:
            key = _another_attempt(latest.key)
            return Claim(manifest, key, Reason.WANTED_AGAIN, resubmissions=latest.resubmissions)
        case Superseded():
            return Claim(manifest, _following(latest.key), Reason.WANTED_AGAIN)
        case Waiting(not_before_ms=not_before_ms, why=detail):
            waits = now_ms < not_before_ms <= now_ms + LONGEST_WAIT_MS
            why = Reason.BACKOFF if waits else Reason.SEND
            return Submit(latest.key, latest.workflow_id, why, not_before_ms if waits else 0, detail)
        case Accepted() as job if is_resubmitted(manifest, latest):
            return _again(manifest, latest, job)
        case Accepted() as job if _was_replaced(job):
            return Claim(
                manifest=manifest,
                key=_another_attempt(latest.key),
                why=Reason.TAKEN_BACK,
                detail=f"job {job.job_id}",
                resubmissions=latest.resubmissions,
            )
        case state:
            return Nothing(manifest.name, settled(state), why_stopped(state))


def _following(key: RunKey) -> RunKey:
    """The first run of the next generation."""
    return RunKey(key.name, key.generation + 1, 1)


def _another_attempt(key: RunKey) -> RunKey:
    return replace(key, attempt=key.attempt + 1)


def _was_replaced(job: Accepted) -> bool:
    """Whether a change had the job cancelled before it was done; asked of a manifest that shows none."""
    is_stopped = job.ended_ms is not None and job.status is not JobStatus.SUCCESS
    return is_stopped and job.cancel is not None and job.cancel.cause is CancelCause.REPLACED


def _again(manifest: Manifest, latest: Run, failed: Accepted) -> Claim:
    """Another attempt of the same generation, after a wait that is longer each time."""
    count = latest.resubmissions + 1
    key = _another_attempt(latest.key)
    wait_ms = backoff_ms(count, chance_of(str(key)))
    return Claim(
        manifest=manifest,
        key=key,
        why=Reason.RESUBMIT,
        not_before_ms=(failed.ended_ms or 0) + wait_ms,
        detail=f"job {failed.job_id} failed; resubmission {count} of {manifest.backoff_limit}",
        resubmissions=count,
    )


def _admit(one: _Decided, guard: _Guard, gate: Gate) -> tuple[Action, list[CancelJob]]:
    """The action itself, or a wait where a run may not start yet; and the jobs to stop for it, or by now."""
    overdue = overdue_to_stop(one.wish, one.observed, gate.now_ms)
    action = one.action
    match action:
        case Claim(key=RunKey(attempt=1)) if guard.is_up and one.name in guard.unreleased:
            return Wait(one.name, guard.why), overdue
        case Claim():
            is_released = one.name not in guard.unreleased
            admitted, replaced = gate.for_claim(action, one.observed, is_released=is_released)
            return admitted, _each_once(overdue, replaced)
        case Submit():
            return gate.for_submit(action, one.wish), overdue
        case GiveUp() if one.observed.latest is not None:
            return gate.for_giving_up(action, one.observed.latest.workflow_id), overdue
        case _:
            deleted = deleted_to_stop(one.wish, one.observed)
            if deleted and guard.is_up:
                return Wait(one.name, guard.why), overdue
            return action, _each_once(overdue, deleted)


def _each_once(first: list[CancelJob], then: list[CancelJob]) -> list[CancelJob]:
    """All of them; a job that is stopped for two reasons is stopped for the first."""
    stopped = {it.key for it in first}
    return [*first, *(it for it in then if it.key not in stopped)]


def _to_list(decided: list[_Decided], world: World, now_ms: int) -> tuple[WorkflowId, ...]:
    """The workflows that a run needs and that must be listed first, each once, in the order of need."""
    needed = dict.fromkeys(found for found in map(_workflow_needed, decided) if found is not None)
    workflows = map(world.workflow, needed)
    return tuple(it.workflow_id for it in workflows if it.needs_listing and it.asks_again_ms <= now_ms)


def _workflow_needed(one: _Decided) -> WorkflowId | None:
    match one.action:
        case Claim(manifest=manifest):
            return manifest.workflow_id
        case Submit(workflow_id=workflow_id):
            return workflow_id
        case GiveUp() if one.observed.latest is not None:
            return one.observed.latest.workflow_id
        case _:
            return None


_GUARDS = frozenset((Reason.TOO_MANY_NEW, Reason.TOO_MANY_CANCELS, Reason.WORKFLOW_HAS_JOBS))


def _is_guard(action: Action) -> bool:
    return isinstance(action, Wait) and action.why in _GUARDS
