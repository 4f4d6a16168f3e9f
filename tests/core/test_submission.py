"""What a run's state is after a request."""

from __future__ import annotations

import pytest

from reconciler.core.model import Accepted, Held, JobId, JobStatus, Name, Rejected, RunKey, Unknown, Waiting
from reconciler.core.outcome import (
    Created,
    NotCreated,
    Receipt,
    Refused,
    SessionLost,
    Throttled,
    Unclear,
    Unreachable,
    WorkflowMissing,
)
from reconciler.core.submission import after
from tests.core.builders import INTENT


def test_a_created_job_is_the_runs() -> None:
    state = after(Created(JobId(9)), INTENT, None, 100, 0.5, 60_000)
    assert state == Accepted(JobId(9), JobStatus.PREPARING, 100)


def test_a_job_that_another_run_owns_is_nobody_elses() -> None:
    state = after(Created(JobId(9)), INTENT, RunKey(Name("b"), 1, 1), 100, 0.5, 60_000)
    assert isinstance(state, Held)
    assert "job 9" in state.why
    assert "b#1.1" in state.why


def test_an_answer_that_names_a_job_known_before_is_held_since_ids_do_not_grow() -> None:
    stale = Unclear("job 3 is not above 5", stale_id=JobId(3))
    assert after(stale, INTENT, None, 100, 0.5, 60_000) == Held(INTENT, stale.why, (JobId(3),))
    assert after(stale, INTENT, RunKey(Name("b"), 1, 1), 100, 0.5, 60_000) == Held(INTENT, stale.why)


def test_a_refusal_is_for_good() -> None:
    assert after(NotCreated(Refused(40004001, "no")), INTENT, None, 100, 0.5, 60_000) == Rejected(
        40004001, "no"
    )


def test_an_unclear_outcome_is_unknown_and_looked_for_after_the_settle_time() -> None:
    state = after(Unclear("HTTP 500", 50004002), INTENT, None, 100, 0.5, 60_000)
    assert state == Unknown(INTENT, "HTTP 500", look_ms=60_100, code=50004002)


@pytest.mark.parametrize(
    ("receipt", "wait_ms"),
    [
        (NotCreated(Unreachable("refused")), 5000),
        (NotCreated(SessionLost(40104001, "gone")), 500),
        (NotCreated(Throttled(2.5)), 2500),
        (NotCreated(Throttled(None)), 5000),
        (NotCreated(WorkflowMissing(40404000, "no")), 5000),
    ],
)
def test_what_created_nothing_is_sent_again_after_a_wait(receipt: Receipt, wait_ms: int) -> None:
    state = after(receipt, INTENT, None, 100, 0.5, 60_000)
    assert isinstance(state, Waiting)
    assert (state.tries, state.not_before_ms) == (1, 100 + wait_ms)
    assert state.why
