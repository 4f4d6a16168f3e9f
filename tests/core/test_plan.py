"""The plan, as sentences of a specification."""

from __future__ import annotations

import pytest

from reconciler.core.model import (
    Baselined,
    Held,
    JobId,
    Name,
    Rejected,
    RunKey,
    RunState,
    Superseded,
    Unknown,
    Waiting,
    WorkflowId,
)
from reconciler.core.plan import (
    Absent,
    Action,
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
    next_action,
    plan,
)
from reconciler.core.reason import Reason
from tests.core.builders import (
    INTENT,
    RUNNING,
    SUBMITTING,
    SUCCEEDED,
    digest,
    invalid,
    manifest,
    run,
)

NAME = Name("a")
LISTED = {WorkflowId("1"): Workflow(WorkflowId("1"), JobId(0))}


def act(wish: Wish, state: RunState | None = None, asks: str = "one", now_ms: int = 100) -> Action:
    observed = Observed(run(asks=asks, state=state) if state else None)
    return next_action(NAME, wish, observed, now_ms)


def made(*wishes: Wish, world: World | None = None, max_new: int = 0) -> Plan:
    named = {Name(getattr(wish, "name", "a")): wish for wish in wishes}
    return plan(named, world or World(workflows=LISTED), 100, max_new=max_new)


def test_a_new_manifest_starts_its_first_generation() -> None:
    assert act(manifest()) == Claim(manifest(), RunKey(NAME, 1, 1), Reason.FIRST)


def test_a_changed_digest_starts_the_next_generation_beside_a_running_job() -> None:
    assert act(manifest(), RUNNING, "other") == Claim(manifest(), RunKey(NAME, 2, 1), Reason.CHANGED)


def test_a_changed_digest_replaces_a_run_that_was_never_sent() -> None:
    action = act(manifest(), Waiting(), "other")
    assert action == Claim(manifest(), RunKey(NAME, 2, 1), Reason.CHANGED, replaces=RunKey(NAME, 1, 1))


def test_a_run_that_was_given_up_starts_again_when_it_is_wanted_again() -> None:
    assert act(manifest(), Superseded("gone")) == Claim(manifest(), RunKey(NAME, 2, 1), Reason.WANTED_AGAIN)


def test_a_claimed_run_is_submitted() -> None:
    assert act(manifest(), Waiting()) == Submit(RunKey(NAME, 1, 1), WorkflowId("1"), Reason.SEND)


def test_a_run_in_backoff_is_submitted_when_its_time_has_come() -> None:
    waiting = Waiting(tries=1, not_before_ms=200, why="no answer")
    action = act(manifest(), waiting)
    assert action == Submit(RunKey(NAME, 1, 1), WorkflowId("1"), Reason.BACKOFF, 200, "no answer")
    assert act(manifest(), waiting, now_ms=200).why is Reason.SEND


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (SUBMITTING, Reason.SUBMITTING),
        (Unknown(INTENT, "reset", 0), Reason.UNKNOWN),
        (Held(INTENT, "reset"), Reason.HELD),
        (RUNNING, Reason.RUNNING),
        (SUCCEEDED, Reason.DONE),
        (Baselined(0), Reason.DONE),
        (Rejected(40004001, "no such task"), Reason.REJECTED),
    ],
)
def test_an_unchanged_manifest_whose_run_is_not_waiting_asks_for_nothing(
    state: RunState, why: Reason
) -> None:
    assert act(manifest(), state) == Nothing(NAME, why)


def test_a_suspended_manifest_submits_nothing() -> None:
    assert act(manifest(suspended=True)) == Nothing(NAME, Reason.SUSPENDED)


def test_suspending_gives_up_a_run_that_was_never_sent() -> None:
    assert act(manifest(suspended=True), Waiting()) == GiveUp(RunKey(NAME, 1, 1), Reason.SUSPENDED)


def test_suspending_leaves_a_running_job_alone() -> None:
    assert act(manifest(suspended=True), RUNNING) == Nothing(NAME, Reason.SUSPENDED)


def test_one_absence_deletes_nothing() -> None:
    assert act(Absent(1), Waiting()) == Wait(NAME, Reason.ABSENT_ONCE)


def test_a_second_absence_gives_up_what_was_never_sent() -> None:
    assert act(Absent(2), Waiting()) == GiveUp(RunKey(NAME, 1, 1), Reason.DELETED)


def test_a_second_absence_leaves_the_job_alone() -> None:
    assert act(Absent(2), RUNNING) == Nothing(NAME, Reason.DELETED)


def test_an_invalid_manifest_leaves_its_run_waiting() -> None:
    assert act(invalid(), Waiting()) == Nothing(NAME, Reason.INVALID, "a.yaml:3:5: spec is wrong")


def test_an_unreadable_file_is_not_an_absent_one() -> None:
    assert act(Unreadable("a.yaml"), Waiting()) == Nothing(NAME, Reason.UNREADABLE, "a.yaml")


def test_a_workflow_that_was_never_listed_is_listed_before_anything_is_claimed() -> None:
    result = made(manifest("a"), manifest("b"), world=World())
    assert result.to_list == (WorkflowId("1"),)
    assert [action.why for action in result.actions] == [Reason.NOT_LISTED] * 2


def test_a_workflow_that_could_not_be_listed_is_asked_again_when_its_backoff_ends() -> None:
    workflow = Workflow(WorkflowId("1"), asks_again_ms=500, trouble="no such workflow")
    result = made(manifest(), world=World(workflows={workflow.workflow_id: workflow}))
    assert result.to_list == ()
    assert result.actions == (Wait(NAME, Reason.NOT_LISTED, 500, "no such workflow"),)


def test_as_many_new_runs_as_the_guard_allows_are_claimed() -> None:
    result = made(manifest("a"), manifest("b"), max_new=2)
    assert not result.is_guarded
    assert all(isinstance(action, Claim) for action in result.actions)


def test_more_new_runs_than_the_guard_allows_wait_all_of_them() -> None:
    result = made(manifest("a"), manifest("b"), manifest("c"), max_new=2)
    assert result.is_guarded
    assert [action.why for action in result.actions] == [Reason.TOO_MANY_NEW] * 3


def test_claimed_runs_do_not_count_for_the_guard() -> None:
    world = World({Name("a"): Observed(run("a"))}, LISTED)
    result = made(manifest("a"), manifest("b"), world=world, max_new=1)
    assert [type(action) for action in result.actions] == [Submit, Claim]


def test_an_approved_run_passes_the_guard_and_counts_no_more() -> None:
    world = World({Name("a"): Observed(approved=frozenset({digest("one")}))}, LISTED)
    result = made(manifest("a"), manifest("b"), world=world, max_new=1)
    assert [type(action) for action in result.actions] == [Claim, Claim]


def test_an_approval_is_for_one_digest_only() -> None:
    world = World({Name("a"): Observed(approved=frozenset({digest("other")}))}, LISTED)
    assert made(manifest("a"), manifest("b"), world=world, max_new=1).is_guarded


def test_a_guarded_workflow_waits_for_an_operator_and_others_go_on() -> None:
    workflows = LISTED | {WorkflowId("2"): Workflow(WorkflowId("2"), JobId(9), is_guarded=True)}
    result = made(manifest("a"), manifest("b", workflow="2"), world=World(workflows=workflows))
    assert isinstance(result.actions[0], Claim)
    assert result.actions[1] == Wait(Name("b"), Reason.WORKFLOW_HAS_JOBS)
    assert result.is_guarded


def test_the_hash_names_exactly_what_nobody_has_released() -> None:
    first = made(manifest("a"), manifest("b"))
    assert first.hash == made(manifest("b"), manifest("a")).hash
    assert first.hash != made(manifest("a"), manifest("b", "two")).hash
    assert first.hash != made(manifest("a")).hash


def test_the_hash_does_not_change_when_a_workflow_has_been_listed() -> None:
    assert made(manifest("a"), world=World()).hash == made(manifest("a")).hash


def restored(state: Quarantine, **about: object) -> World:
    """The world of a restored state, in which `a` has a run that was never sent."""
    workflow = Workflow(WorkflowId("1"), JobId(7), quarantine=state, **about)  # type: ignore[arg-type]
    return World({NAME: Observed(run("a"))}, {workflow.workflow_id: workflow})


def test_a_restored_states_workflow_is_listed_before_it_is_used_although_it_was_before() -> None:
    result = made(manifest("a"), manifest("b"), world=restored(Quarantine.WAITS))
    assert result.to_list == (WorkflowId("1"),)
    assert result.actions == (Wait(NAME, Reason.QUARANTINE), Wait(Name("b"), Reason.QUARANTINE))


def test_a_restored_states_workflow_is_listed_when_its_time_has_come() -> None:
    world = restored(Quarantine.WAITS, asks_again_ms=500, trouble="no answer")
    result = made(manifest(), world=world)
    assert result.to_list == ()
    assert result.actions == (Wait(NAME, Reason.QUARANTINE, 500, "no answer"),)


def test_jobs_that_a_restored_state_knows_not_hold_their_workflow_and_are_named() -> None:
    result = made(manifest("a"), manifest("b"), world=restored(Quarantine.HELD, strangers=(8, 9)))
    assert result.to_list == ()
    assert result.actions == (
        Wait(NAME, Reason.STRANGERS, None, "jobs 8, 9"),
        Wait(Name("b"), Reason.STRANGERS, None, "jobs 8, 9"),
    )


def test_a_quarantine_holds_up_no_other_workflow() -> None:
    held = restored(Quarantine.HELD, strangers=(8,))
    world = World(workflows={**held.workflows, WorkflowId("2"): Workflow(WorkflowId("2"), JobId(0))})
    result = made(manifest("a"), manifest("b", workflow="2"), world=world)
    assert [type(action) for action in result.actions] == [Wait, Claim]


def test_an_operators_approval_does_not_release_a_workflow_in_quarantine() -> None:
    held = restored(Quarantine.HELD, strangers=(8,))
    world = World({NAME: Observed(approved=frozenset({digest("one")}))}, held.workflows)
    assert made(manifest(), world=world).actions[0].why is Reason.STRANGERS


def test_what_waits_in_quarantine_is_not_given_up_before_its_workflow_was_looked_at() -> None:
    """The state may have forgotten that it was sent, and that one of the jobs that hold it is its own."""
    unwanted = manifest(suspended=True)
    held = made(unwanted, world=restored(Quarantine.HELD, strangers=(8,)))
    assert held.actions == (Wait(NAME, Reason.STRANGERS, None, "jobs 8"),)
    waits = made(unwanted, world=restored(Quarantine.WAITS))
    assert (waits.actions, waits.to_list) == ((Wait(NAME, Reason.QUARANTINE),), (WorkflowId("1"),))
    released = World({NAME: Observed(run("a"))}, {WorkflowId("1"): Workflow(WorkflowId("1"), JobId(8))})
    assert made(unwanted, world=released).actions == (GiveUp(RunKey(NAME, 1, 1), Reason.SUSPENDED),)
