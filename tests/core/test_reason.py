"""The reasons: each is reached by the plan, and each is in the documentation, word for word."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.model import (
    Accepted,
    Cancel,
    CancelCause,
    Held,
    JobId,
    JobStatus,
    Manifest,
    Name,
    OnChange,
    OnDelete,
    Pause,
    Policies,
    Rejected,
    RunKey,
    RunState,
    Superseded,
    Unknown,
    Waiting,
    WorkflowId,
)
from reconciler.core.plan import Absent, Observed, Quarantine, Unreadable, Wish, Workflow, World, plan
from reconciler.core.reason import Reason
from reconciler.core.room import Room
from tests.core.builders import INTENT, RUNNING, SUBMITTING, SUCCEEDED, invalid, manifest, run, seen

REASONS = Path(__file__).parent.parent.parent / "docs" / "reasons.md"
ONE = WorkflowId("1")
LISTED = Workflow(ONE, JobId(0))

REPLACED = Accepted(
    JobId(7), JobStatus.INTERRUPTED, 5, 9, cancel=Cancel(CancelCause.REPLACED, "for a changed manifest", 6)
)

SCENES: dict[Reason, tuple[Wish, Observed, Workflow | None, int]] = {
    Reason.FIRST: (manifest(), Observed(), LISTED, 0),
    Reason.CHANGED: (manifest(), Observed(run(asks="other", state=SUCCEEDED)), LISTED, 0),
    Reason.WANTED_AGAIN: (manifest(), Observed(run(state=Superseded("deleted"))), LISTED, 0),
    Reason.TAKEN_BACK: (manifest(), Observed(run(state=REPLACED)), LISTED, 0),
    Reason.SEND: (manifest(), Observed(run(state=Waiting())), LISTED, 0),
    Reason.NOT_LISTED: (manifest(), Observed(), None, 0),
    Reason.WORKFLOW_HAS_JOBS: (manifest(), Observed(), Workflow(ONE, JobId(9), is_guarded=True), 0),
    Reason.QUARANTINE: (
        manifest(),
        Observed(run(state=Waiting())),
        Workflow(ONE, JobId(9), quarantine=Quarantine.WAITS),
        0,
    ),
    Reason.STRANGERS: (
        manifest(),
        Observed(),
        Workflow(ONE, JobId(9), quarantine=Quarantine.HELD, strangers=(JobId(11),)),
        0,
    ),
    Reason.TOO_MANY_NEW: (manifest(), Observed(), LISTED, 1),
    Reason.BACKOFF: (manifest(), Observed(run(state=Waiting(1, not_before_ms=200))), LISTED, 0),
    Reason.BEHIND: (
        manifest(),
        Observed(run(state=Waiting())),
        Workflow(ONE, JobId(9), open_run=RunKey(Name("b"), 1, 1)),
        0,
    ),
    Reason.ABSENT_ONCE: (Absent(1), Observed(run(state=RUNNING)), LISTED, 0),
    Reason.DELETED: (Absent(2), Observed(run(state=RUNNING)), LISTED, 0),
    Reason.SUSPENDED: (manifest(suspended=True), Observed(), LISTED, 0),
    Reason.INVALID: (invalid(), Observed(), LISTED, 0),
    Reason.UNREADABLE: (Unreadable("a.yaml"), Observed(), LISTED, 0),
    Reason.SUBMITTING: (manifest(), Observed(run(state=SUBMITTING)), LISTED, 0),
    Reason.UNKNOWN: (manifest(), Observed(run(state=Unknown(INTENT, "reset", 60_000))), LISTED, 0),
    Reason.HELD: (manifest(), Observed(run(state=Held(INTENT, "reset"))), LISTED, 0),
    Reason.RUNNING: (manifest(), Observed(run(state=RUNNING)), LISTED, 0),
    Reason.DONE: (manifest(), Observed(run(state=SUCCEEDED)), LISTED, 0),
    Reason.REJECTED: (manifest(), Observed(run(state=Rejected(40004001, "no"))), LISTED, 0),
}
"""For each reason: what is wished for, what is known of it and of its workflow, and the guard."""


def documented() -> list[str]:
    """The reasons in the tables of docs/reasons.md, in their order."""
    rows = re.findall(r"^\| (.+?) \| .+ \|$", REASONS.read_text("utf-8"), re.MULTILINE)
    return [reason for reason in rows if reason != "reason"]


ENDED = (0, 9)
"""When a job was received, and when it ended."""

FAILED = Accepted(JobId(7), JobStatus.FAILED, *ENDED)
INTERRUPTED = Accepted(JobId(7), JobStatus.INTERRUPTED, *ENDED)
OVERDUE = replace(INTERRUPTED, cancel=Cancel(CancelCause.DEADLINE, "too long", 5))
CANCELLING = replace(RUNNING, cancel=Cancel(CancelCause.OPERATOR, "by somebody", 5))


def before(state: RunState, **policies: Any) -> Observed:
    """A name whose newest run asks for something else, or for the same under these policies."""
    one = run(asks="other", state=state)
    return Observed(one, unfinished=(one,) if one.is_unfinished else (), sighting=seen(Policies(**policies)))


def changed(on_change: OnChange) -> Manifest:
    return replace(manifest(), on_change=on_change)


def after(dependency: str) -> Manifest:
    return replace(manifest(), depends_on=(Name(dependency),))


POLICY_SCENES: dict[Reason, tuple[Wish, Observed, dict[Name, Observed]]] = {
    Reason.RESUBMIT: (replace(manifest(), backoff_limit=1), Observed(run(state=FAILED)), {}),
    Reason.QUEUED: (changed(OnChange.QUEUE), before(RUNNING), {}),
    Reason.REPLACING: (changed(OnChange.REPLACE), before(RUNNING), {}),
    Reason.EARLIER_UNKNOWN: (changed(OnChange.QUEUE), before(Held(INTENT, "reset")), {}),
    Reason.DEPENDENCY: (after("b"), Observed(), {}),
    Reason.DEPENDENCY_FAILED: (after("b"), Observed(), {Name("b"): Observed(run("b", state=FAILED))}),
    Reason.DEPENDENCY_MISSING: (after("nobody"), Observed(), {}),
    Reason.CANCELLING: (manifest(), Observed(run(state=CANCELLING)), {}),
    Reason.MISSING: (manifest(), Observed(run(state=replace(RUNNING, missing_ms=5))), {}),
    Reason.FAILED: (manifest(), Observed(run(state=FAILED)), {}),
    Reason.INTERRUPTED: (manifest(), Observed(run(state=INTERRUPTED)), {}),
    Reason.OVERDUE: (manifest(), Observed(run(state=OVERDUE)), {}),
}
"""For each reason of a policy: what is wished for, what is known of it, and of other names."""

WAITING = Observed(run(state=Waiting()))
FULL = {WorkflowId("2"): 1}
PLACES: dict[Reason, tuple[World, Room]] = {
    Reason.PAUSED: (World({Name("a"): WAITING}, {ONE: LISTED}, {}, Pause("somebody", "", 1)), Room()),
    Reason.FULL: (World({Name("a"): WAITING}, {ONE: LISTED}, FULL), Room(1, 0)),
    Reason.WORKFLOW_FULL: (World({Name("a"): WAITING}, {ONE: LISTED}, {ONE: 1}), Room(0, 1)),
}

STOPS: dict[Reason, tuple[Wish, Observed]] = {
    Reason.CANCEL_REPLACED: (changed(OnChange.REPLACE), before(RUNNING)),
    Reason.CANCEL_DELETED: (Absent(2), before(RUNNING, on_delete=OnDelete.CANCEL)),
    Reason.CANCEL_OVERDUE: (replace(manifest(), active_deadline_s=0.05), before(RUNNING)),
}

ELSEWHERE = {Reason.RETRY}
"""Reasons that an operator gives: `engine.operator` claims for them, and its tests reach them."""


def world_of(observed: Observed, workflow: Workflow | None, others: dict[Name, Observed]) -> World:
    return World({Name("a"): observed, **others}, {ONE: workflow} if workflow else {})


@pytest.mark.parametrize("reason", SCENES)
def test_every_reason_is_reached_by_the_plan(reason: Reason) -> None:
    wish, observed, workflow, max_new = SCENES[reason]
    wishes = {Name("a"): wish, Name("b"): manifest("b")}
    made = plan(wishes, world_of(observed, workflow, {}), 100, max_new=max_new)
    assert made.actions[0].why is reason


@pytest.mark.parametrize("reason", POLICY_SCENES)
def test_every_reason_of_a_policy_is_reached_by_the_plan(reason: Reason) -> None:
    wish, observed, others = POLICY_SCENES[reason]
    wishes = {Name("a"): wish, Name("b"): manifest("b")}
    made = plan(wishes, world_of(observed, LISTED, others), 100, max_new=0)
    assert made.actions[0].why is reason


@pytest.mark.parametrize("reason", PLACES)
def test_every_reason_to_wait_for_a_place_is_reached_by_the_plan(reason: Reason) -> None:
    world, room = PLACES[reason]
    [action] = plan({Name("a"): manifest()}, world, 100, max_new=0, room=room).actions
    assert action.why is reason


@pytest.mark.parametrize("reason", STOPS)
def test_every_reason_to_stop_a_job_is_reached_by_the_plan(reason: Reason) -> None:
    wish, observed = STOPS[reason]
    [cancel] = plan({Name("a"): wish}, world_of(observed, LISTED, {}), 100, max_new=0).cancels
    assert cancel.why is reason


def test_too_many_cancels_wait_for_an_operator() -> None:
    gone = before(RUNNING, on_delete=OnDelete.CANCEL)
    names = {Name(name): gone for name in "ab"}
    made = plan(dict.fromkeys(names, Absent(2)), World(names), 100, max_new=1)
    assert {action.why for action in made.actions} == {Reason.TOO_MANY_CANCELS}
    assert (made.cancels, len(made.unapproved_cancels), made.is_guarded) == ((), 2, True)


def test_no_reason_is_left_out() -> None:
    reached = {*SCENES, *POLICY_SCENES, *PLACES, *STOPS, Reason.TOO_MANY_CANCELS, *ELSEWHERE}
    assert reached == set(Reason)


def test_the_documentation_lists_every_reason_word_for_word() -> None:
    assert documented() == [str(reason) for reason in Reason]


def test_every_reason_is_different() -> None:
    assert len({reason.value for reason in Reason}) == len(Reason.__members__)
