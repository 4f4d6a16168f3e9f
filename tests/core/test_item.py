"""The one word for a name, and the item that programs read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.item import as_json, item_of, reason_of, rfc3339, state_of
from reconciler.core.model import (
    Accepted,
    Baselined,
    Cancel,
    CancelCause,
    Held,
    JobId,
    JobStatus,
    Name,
    Rejected,
    RunKey,
    RunState,
    State,
    Superseded,
    Waiting,
    WorkflowId,
)
from reconciler.core.reason import Reason
from reconciler.core.sighting import Presence, Sighting
from tests.core.builders import INTENT, RUNNING, SUBMITTING, SUCCEEDED, digest, run

HELD = Held(INTENT, "the reply was lost", (JobId(8), JobId(9)))
REJECTED = Rejected(40004001, "unknown task")


def sighting(presence: Presence = Presence.WANTED, asks: str = "one", reason: str = "") -> Sighting:
    return Sighting(Name("a"), presence, "a.yaml", digest(asks), WorkflowId("1"), reason, "f00", 5)


@pytest.mark.parametrize(
    ("presence", "run_state", "state"),
    [
        (Presence.WANTED, Waiting(), State.WAITING),
        (Presence.WANTED, SUBMITTING, State.SUBMITTING),
        (Presence.WANTED, HELD, State.HELD),
        (Presence.WANTED, RUNNING, State.RUNNING),
        (Presence.WANTED, SUCCEEDED, State.SUCCEEDED),
        (Presence.WANTED, Accepted(JobId(1), JobStatus.FAILED, 0, 1), State.FAILED),
        (Presence.WANTED, Accepted(JobId(1), JobStatus.INTERRUPTED, 0, 1), State.INTERRUPTED),
        (Presence.WANTED, Accepted(JobId(1), JobStatus.STOPPING, 0), State.RUNNING),
        (Presence.WANTED, Baselined(0), State.SUCCEEDED),
        (Presence.WANTED, REJECTED, State.REJECTED),
        (Presence.WANTED, Superseded("gone"), State.SUPERSEDED),
        (Presence.INVALID, SUCCEEDED, State.INVALID),
        (Presence.INVALID, HELD, State.HELD),
        (Presence.INVALID, SUBMITTING, State.SUBMITTING),
        (Presence.SUSPENDED, SUCCEEDED, State.SUSPENDED),
        (Presence.SUSPENDED, RUNNING, State.RUNNING),
        (Presence.DELETED, RUNNING, State.DELETED),
        (Presence.DELETED, HELD, State.HELD),
    ],
)
def test_the_word_for_a_name(presence: Presence, run_state: RunState, state: State) -> None:
    assert state_of(presence, run_state) is state


def test_a_name_without_a_run_waits_for_its_first_one() -> None:
    item = item_of(sighting(reason="guarded"), None)
    assert (item.state, item.generation, item.attempt, item.reason) == (State.WAITING, 1, 1, "guarded")


def test_a_suspended_name_without_a_run_has_no_generation() -> None:
    item = item_of(sighting(Presence.SUSPENDED), None)
    assert (item.state, item.generation, item.attempt) == (State.SUSPENDED, None, None)


def test_a_changed_manifest_that_is_not_claimed_yet_does_not_show_the_last_job_as_its_own() -> None:
    item = item_of(sighting(asks="two", reason="guarded"), run(state=SUCCEEDED))
    assert (item.state, item.generation, item.job_id) == (State.WAITING, 2, None)
    assert item.digest == digest("two")


def test_a_held_run_shows_its_candidates_as_digits() -> None:
    item = item_of(sighting(), run(state=HELD))
    assert item.candidates == ("8", "9")
    assert item.reason == "the reply was lost"


def test_a_rejected_run_says_what_explorer_said() -> None:
    assert item_of(sighting(), run(state=REJECTED)).reason == "Explorer refused it: 40004001 unknown task"


def test_an_invalid_manifest_keeps_showing_the_job_that_ran_before() -> None:
    item = item_of(sighting(Presence.INVALID, reason="a.yaml:1:1: wrong"), run(state=SUCCEEDED))
    assert (item.state, item.job_id, item.reason) == (State.INVALID, "7", "a.yaml:1:1: wrong")


def test_the_json_has_the_promised_keys_in_the_promised_order() -> None:
    printed = as_json(item_of(sighting(), run(state=RUNNING)))
    assert list(printed) == [
        *("name", "path", "workflowId", "digest", "generation", "attempt", "state", "reason", "jobId"),
        *("jobStatus", "candidates", "revision", "traceId", "submittedAt", "updatedAt"),
    ]
    assert (printed["jobId"], printed["jobStatus"], printed["candidates"]) == ("7", "Running", [])


def test_times_are_rfc_3339_in_utc() -> None:
    assert rfc3339(1_700_000_000_123) == "2023-11-14T22:13:20.123Z"


def test_a_run_behind_one_whose_outcome_is_not_known_says_so() -> None:
    item = item_of(sighting(), run(state=Waiting()), RunKey(Name("b"), 1, 1))
    assert item.reason == "waits behind a run of its workflow whose outcome is not known yet: b#1.1"


def test_a_job_that_was_stopped_says_who_wanted_that_and_one_that_took_too_long_has_failed() -> None:
    by_hand = Cancel(CancelCause.OPERATOR, "by somebody: wrong data", 5)
    stopped = Accepted(JobId(7), JobStatus.INTERRUPTED, 0, 9, by_hand)
    assert reason_of(sighting(), stopped) == f"{Reason.INTERRUPTED}: by somebody: wrong data"
    assert state_of(Presence.WANTED, stopped) is State.INTERRUPTED
    overdue = replace(stopped, cancel=replace(by_hand, cause=CancelCause.DEADLINE))
    assert reason_of(sighting(), overdue) == Reason.OVERDUE
    assert state_of(Presence.WANTED, overdue) is State.FAILED
    in_time = replace(overdue, status=JobStatus.SUCCESS)
    assert reason_of(sighting(), in_time) == Reason.DONE
    assert state_of(Presence.WANTED, in_time) is State.SUCCEEDED
