"""The plan's policies: what a change, a failure, a pause and a limit make of a claim, and what is guarded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.backoff import BASE_MS, chance_of
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
    Run,
    RunKey,
    RunState,
    Superseded,
    Waiting,
    WorkflowId,
)
from reconciler.core.plan import Absent, Claim, Nothing, Observed, Plan, Submit, Wait, Workflow, World, plan
from reconciler.core.reason import Reason
from reconciler.core.room import Room
from tests.core.builders import INTENT, RUNNING, SUCCEEDED, invalid, manifest, run, seen

A, B = Name("a"), Name("b")
ONE = WorkflowId("1")
NOW_MS = 1_000_000
PAUSE = Pause("somebody", "a move", 1)
FAILED = Accepted(JobId(7), JobStatus.FAILED, 0, NOW_MS - 1_000)
STOPPED = Cancel(CancelCause.OPERATOR, "by somebody", 0)


def observed(*runs: Run, **policies: Any) -> Observed:
    unfinished = tuple(one for one in runs if one.is_unfinished)
    return Observed(runs[-1], unfinished=unfinished, sighting=seen(Policies(**policies)))


def world(names: dict[Name, Observed], pause: Pause | None = None, in_use: int = 0) -> World:
    return World(names, {ONE: Workflow(ONE, JobId(5))}, {ONE: in_use} if in_use else {}, pause)


def made(wishes: dict[Name, Any], known: World, max_new: int = 0, **how: Any) -> Plan:
    return plan(wishes, known, NOW_MS, max_new=max_new, **how)


def one(wish: Any, known: World, **how: Any) -> Any:
    [action] = made({A: wish}, known, **how).actions
    return action


def changed(on_change: OnChange) -> Manifest:
    return replace(manifest(asks="another"), on_change=on_change)


def earlier(state: RunState) -> World:
    return world({A: observed(run(state=state))})


@pytest.mark.parametrize("on_change", OnChange)
@pytest.mark.parametrize("state", [SUCCEEDED, FAILED, Superseded("gone"), Waiting()])
def test_a_change_after_a_job_that_ended_is_submitted_under_every_policy(
    on_change: OnChange, state: RunState
) -> None:
    action = one(changed(on_change), earlier(state))
    assert isinstance(action, Claim)
    assert action.then is None


def test_a_replacement_stops_the_job_once_and_waits() -> None:
    result = made({A: changed(OnChange.REPLACE)}, earlier(RUNNING))
    assert [(it.job_id, it.cause) for it in result.cancels] == [(RUNNING.job_id, CancelCause.REPLACED)]
    assert result.actions == (Wait(A, Reason.REPLACING, None, "job 7"),)
    under_way = made({A: changed(OnChange.REPLACE)}, earlier(replace(RUNNING, cancel=STOPPED)))
    assert (under_way.cancels, under_way.actions) == ((), result.actions)


REPLACED = Cancel(CancelCause.REPLACED, "for a changed manifest", 0)


@pytest.mark.parametrize("status", [JobStatus.INTERRUPTED, JobStatus.FAILED])
def test_a_change_that_is_taken_back_while_it_stops_the_job_has_it_made_again(status: JobStatus) -> None:
    wanted = replace(manifest(), on_change=OnChange.REPLACE)
    still = one(wanted, earlier(replace(RUNNING, cancel=REPLACED)))
    assert still.why is Reason.RUNNING or still.why is Reason.CANCELLING
    ended = Accepted(JobId(7), status, 5, 9, cancel=REPLACED)
    action = one(wanted, earlier(ended))
    assert isinstance(action, Claim)
    assert (action.key, action.why) == (RunKey(A, 1, 2), Reason.TAKEN_BACK)


@pytest.mark.parametrize(
    "ended",
    [
        Accepted(JobId(7), JobStatus.SUCCESS, 5, 9, cancel=REPLACED),
        *(
            Accepted(JobId(7), JobStatus.INTERRUPTED, 5, 9, cancel=replace(REPLACED, cause=cause))
            for cause in CancelCause
            if cause is not CancelCause.REPLACED
        ),
    ],
)
def test_a_job_that_was_done_or_that_something_else_stopped_is_not_made_again(ended: Accepted) -> None:
    assert isinstance(one(manifest(), earlier(ended)), Nothing)


def test_a_job_that_is_overdue_and_replaced_is_stopped_once() -> None:
    wanted = replace(changed(OnChange.REPLACE), active_deadline_s=1.0)
    result = made({A: wanted}, earlier(RUNNING))
    assert [it.cause for it in result.cancels] == [CancelCause.DEADLINE]
    assert [action.why for action in result.actions] == [Reason.REPLACING]


@pytest.mark.parametrize(
    ("known", "how"),
    [
        (world({A: observed(run(state=RUNNING))}, PAUSE), {}),
        (World({A: observed(run(state=RUNNING))}), {}),
        (world({A: observed(run(state=RUNNING))}), {"max_new": 1}),
    ],
    ids=["paused", "not listed", "guarded"],
)
def test_nothing_is_replaced_before_what_replaces_it_may_start(known: World, how: Any) -> None:
    wishes = {A: changed(OnChange.REPLACE), B: manifest("b")}
    result = made(wishes, known, **how)
    assert result.cancels == ()
    assert isinstance(result.actions[0], Wait)


def test_what_a_guarded_change_would_stop_is_in_the_hash_and_goes_with_the_change() -> None:
    wishes = {A: changed(OnChange.REPLACE), B: manifest("b")}
    known = world({A: observed(run(state=RUNNING))})
    result = made(wishes, known, max_new=1)
    assert [it.cause for it in result.unapproved_cancels] == [CancelCause.REPLACED]
    assert result.hash != made({**wishes, A: changed(OnChange.QUEUE)}, known, max_new=1).hash
    released = replace(observed(run(state=RUNNING)), approved=frozenset({wishes[A].digest}))
    after = made(wishes, world({A: released}), max_new=1)
    assert [it.job_id for it in after.cancels] == [7]
    assert after.unapproved_cancels == ()


def test_a_mass_deletion_holds_back_new_runs_as_well_and_what_was_released_goes_on() -> None:
    gone = observed(run(state=RUNNING), on_delete=OnDelete.CANCEL)
    names = {Name(f"gone-{number}"): gone for number in range(3)}
    wishes = {**dict.fromkeys(names, Absent(2)), A: manifest()}
    result = made(wishes, world(names), max_new=2)
    assert (result.cancels, len(result.unapproved_cancels), result.is_guarded) == ((), 3, True)
    assert {action.why for action in result.actions} == {Reason.TOO_MANY_CANCELS}
    fewer = made(wishes, world(names), max_new=3)
    assert (len(fewer.cancels), fewer.is_guarded) == (3, False)


def test_a_deadline_is_not_guarded() -> None:
    wanted = replace(manifest(), active_deadline_s=1.0)
    names = [Name(f"n{number}") for number in range(4)]
    wishes = {name: replace(wanted, name=name) for name in names}
    known = world({name: observed(run(name, state=RUNNING)) for name in names})
    result = made(wishes, known, max_new=1)
    assert len(result.cancels) == 4
    assert not result.is_guarded


def test_the_plan_says_when_a_deadline_comes() -> None:
    wanted = replace(manifest(), active_deadline_s=2_000.0)
    result = made({A: wanted}, world({A: observed(run(state=RUNNING))}))
    assert result.deadlines == {A: 2_000_000}
    assert result.actions == (Nothing(A, Reason.RUNNING, "", 2_000_000),)


def test_a_failed_job_is_claimed_again_with_a_wait_that_follows_from_its_run() -> None:
    wanted = replace(manifest(), backoff_limit=2)
    action = one(wanted, world({A: observed(run(state=FAILED))}))
    assert (action.key, action.resubmissions, action.why) == (RunKey(A, 1, 2), 1, Reason.RESUBMIT)
    wait_ms = int(BASE_MS * chance_of("a#1.2"))
    assert action.not_before_ms == NOW_MS - 1_000 + wait_ms
    assert action.detail == "job 7 failed; resubmission 1 of 2"
    assert action.then == (
        Wait(A, Reason.BACKOFF, action.not_before_ms, action.detail) if wait_ms > 1_000 else None
    )


@pytest.mark.parametrize(
    ("state", "resubmissions"),
    [
        (FAILED, 2),
        (replace(FAILED, cancel=STOPPED), 0),
        (replace(FAILED, status=JobStatus.INTERRUPTED), 0),
        (SUCCEEDED, 0),
    ],
)
def test_what_did_not_fail_by_itself_or_failed_often_enough_is_not_claimed_again(
    state: RunState, resubmissions: int
) -> None:
    latest = replace(run(state=state), resubmissions=resubmissions)
    action = one(replace(manifest(), backoff_limit=2), world({A: observed(latest)}))
    assert isinstance(action, Nothing)


def test_an_attempt_that_was_given_up_is_made_again_within_its_generation() -> None:
    latest = replace(run(state=Superseded("suspended")), key=RunKey(A, 3, 2), resubmissions=1)
    action = one(manifest(), world({A: observed(latest)}))
    assert (action.key, action.resubmissions) == (RunKey(A, 3, 3), 1)
    first = one(manifest(), world({A: observed(replace(latest, key=RunKey(A, 3, 1)))}))
    assert first.key == RunKey(A, 4, 1)


def test_attempts_are_not_guarded() -> None:
    names = [Name(f"n{number}") for number in range(3)]
    wishes = {name: replace(manifest(name), backoff_limit=1) for name in names}
    known = world({name: observed(run(name, state=FAILED)) for name in names})
    result = made(wishes, known, max_new=1)
    assert ([type(action) for action in result.actions], result.unapproved) == ([Claim] * 3, ())


def test_a_dependency_is_looked_up_among_all_names_and_asked_for_before_each_submission() -> None:
    wanted = replace(manifest(), depends_on=(B,))
    done = {B: observed(run("b", state=SUCCEEDED))}
    assert isinstance(one(wanted, world(done), others={B: manifest("b")}), Claim)
    assert one(wanted, world(done)).why is Reason.DEPENDENCY_MISSING
    assert one(wanted, world(done), others={B: invalid("b")}).why is Reason.DEPENDENCY_MISSING
    waits = {A: observed(run(state=Waiting())), B: observed(run("b", state=RUNNING))}
    assert one(wanted, world(waits), others={B: manifest("b")}).why is Reason.DEPENDENCY


def test_a_pause_lets_runs_be_claimed_and_none_be_sent() -> None:
    claim = one(manifest(), world({}, PAUSE))
    assert (type(claim), claim.then) == (Claim, Wait(A, Reason.PAUSED, None, "by somebody: a move"))
    assert one(manifest(), world({A: observed(run(state=Waiting()))}, PAUSE)).why is Reason.PAUSED
    later = Waiting(1, NOW_MS + 500, "throttled")
    assert isinstance(one(manifest(), world({A: observed(run(state=later))}, PAUSE)), Submit)


def test_the_oldest_claim_gets_the_last_place_and_a_new_one_waits_once_it_is_claimed() -> None:
    known = world({A: observed(run(state=Waiting())), B: observed(replace(run("b"), claimed_ms=-5))}, None, 1)
    wishes = {A: manifest(), B: manifest("b"), Name("c"): manifest("c")}
    result = made(wishes, known, room=Room(2, 0))
    full = Wait(A, Reason.FULL)
    assert result.actions[0] == full
    assert isinstance(result.actions[1], Submit)
    assert isinstance(result.actions[2], Claim)
    assert result.actions[2].then == replace(full, name=Name("c"))


def test_a_hold_keeps_a_queued_change_back_and_a_submitted_one_not() -> None:
    held = earlier(Held(INTENT, "reset"))
    assert one(changed(OnChange.QUEUE), held).why is Reason.EARLIER_UNKNOWN
    assert isinstance(one(changed(OnChange.SUBMIT), held), Claim)
