"""Which jobs are to be stopped, and for what; and none of any other kind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.model import (
    Accepted,
    Cancel,
    CancelCause,
    Held,
    JobId,
    JobStatus,
    OnChange,
    OnDelete,
    Policies,
    RunState,
    Unknown,
    Waiting,
)
from reconciler.core.plan import Absent, Claim, Observed
from reconciler.core.reason import Reason
from reconciler.core.stopping import deleted_to_stop, next_deadline_ms, overdue_to_stop, replaced_to_stop
from tests.core.builders import INTENT, RUNNING, SUBMITTING, SUCCEEDED, invalid, manifest, run, seen

STOPPED = replace(RUNNING, cancel=Cancel(CancelCause.OPERATOR, "by somebody", 0))
POLICIES = Policies(on_change=OnChange.REPLACE, on_delete=OnDelete.CANCEL, active_deadline_s=10)
WANTED = replace(manifest(), on_change=OnChange.REPLACE, on_delete=OnDelete.CANCEL, active_deadline_s=10.0)


def known(*states: RunState, policies: Policies = POLICIES) -> Observed:
    runs = [run(state=state, generation=number) for number, state in enumerate(states, start=1)]
    return Observed(
        runs[-1], unfinished=tuple(it for it in runs if it.is_unfinished), sighting=seen(policies)
    )


def claim() -> Claim:
    return Claim(WANTED, replace(run().key, generation=9), Reason.CHANGED)


@pytest.mark.parametrize(
    "state", [Waiting(), SUBMITTING, Unknown(INTENT, "reset", 0), Held(INTENT, "reset"), SUCCEEDED, STOPPED]
)
def test_only_a_known_job_that_runs_and_that_nobody_stops_is_stopped(state: RunState) -> None:
    assert deleted_to_stop(Absent(2), known(state)) == []
    assert replaced_to_stop(claim(), known(state)) == []
    assert overdue_to_stop(WANTED, known(state), 10**9) == []


def test_the_job_of_a_deleted_manifest_is_stopped_if_its_last_manifest_says_so() -> None:
    [cancel] = deleted_to_stop(Absent(2), known(RUNNING))
    assert (cancel.job_id, cancel.cause) == (RUNNING.job_id, CancelCause.DELETED)
    assert deleted_to_stop(Absent(1), known(RUNNING)) == []
    assert deleted_to_stop(invalid(), known(RUNNING)) == []
    assert deleted_to_stop(Absent(2), known(RUNNING, policies=Policies())) == []


def test_a_new_generation_replaces_all_earlier_jobs_and_another_attempt_none() -> None:
    both = known(RUNNING, replace(RUNNING, job_id=JobId(8)))
    assert [it.job_id for it in replaced_to_stop(claim(), both)] == [7, 8]
    again = replace(claim(), key=replace(claim().key, attempt=2))
    assert replaced_to_stop(again, both) == []


def test_a_job_is_overdue_once_its_time_from_the_receipt_is_over() -> None:
    job = Accepted(JobId(7), JobStatus.RUNNING, 1_000)
    assert overdue_to_stop(WANTED, known(job), 10_999) == []
    assert next_deadline_ms(WANTED, known(job), 10_999) == 11_000
    assert [it.job_id for it in overdue_to_stop(WANTED, known(job), 11_000)] == [7]
    assert next_deadline_ms(WANTED, known(job), 11_000) is None


def test_an_invalid_manifest_leaves_the_last_deadline_in_force_and_a_deleted_one_does_not() -> None:
    assert overdue_to_stop(invalid(), known(RUNNING), 10**9)
    assert overdue_to_stop(Absent(1), known(RUNNING), 10**9)
    assert overdue_to_stop(Absent(2), known(RUNNING), 10**9) == []
    patient = replace(WANTED, active_deadline_s=None)
    assert overdue_to_stop(patient, known(RUNNING), 10**9) == []
