"""What follows when nobody knows whether a job was made: the whole table of verdicts, and what each leads to.

That these verdicts are safe, whatever happens in whatever order, is shown in `tests/model`.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.model import (
    Accepted,
    Baselined,
    Held,
    JobId,
    JobStatus,
    OnUnknown,
    Rejected,
    RunState,
    Superseded,
    Unknown,
    Waiting,
)
from reconciler.core.settle import (
    LIMITS,
    Adopt,
    Around,
    Hold,
    Looked,
    Reject,
    Seen,
    SendAgain,
    Tried,
    Verdict,
    after_look,
    after_verdict,
    candidates,
    foreign_jobs,
    is_alone,
    judge,
    leaves_a_job_to_nobody,
    not_created,
)
from tests.core.builders import INTENT, RUNNING, SUBMITTING

NOTHING: tuple[JobId, ...] = ()
ONE = (JobId(7),)
TWO = (JobId(7), JobId(8))
HELD = Held(INTENT, "who knows")
JOBS = st.integers(1, 20).map(JobId)
SEEN = st.builds(
    Seen,
    candidates=st.lists(JOBS, unique=True, max_size=3).map(tuple),
    tried=st.builds(Tried, st.integers(1, 9), st.integers(0, 9)),
    code=st.none() | st.just(50004002),
    is_exclusive=st.booleans(),
    is_alone=st.booleans(),
)


def seen(
    found: tuple[JobId, ...],
    *,
    tries: int = 1,
    coded: int = 0,
    code: int | None = None,
    exclusive: bool = False,
    alone: bool = True,
) -> Seen:
    return Seen(found, Tried(tries, coded), code, exclusive, alone)


def followed(verdict: Verdict, *, wanted: bool = True) -> RunState:
    return after_verdict(verdict, INTENT, ONE, is_wanted=wanted, now_ms=100, chance=0.5)


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        (seen(NOTHING), SendAgain),
        (seen(NOTHING, tries=4), SendAgain),
        (seen(NOTHING, tries=5), Hold),
        (seen(NOTHING, exclusive=True), SendAgain),
        (seen(NOTHING, alone=False), SendAgain),
        (seen(NOTHING, code=50004002, coded=1), SendAgain),
        (seen(NOTHING, code=50004002, coded=1, tries=4), SendAgain),
        (seen(NOTHING, code=50004002, coded=1, tries=5), Hold),
        (seen(NOTHING, code=50004002, coded=2, tries=2), Reject),
        (seen(NOTHING, code=50004002, coded=9, tries=9), Reject),
        (seen(ONE), Hold),
        (seen(ONE, exclusive=True), Adopt),
        (seen(ONE, exclusive=True, tries=9), Adopt),
        (seen(ONE, exclusive=True, code=50004000), Adopt),
        (seen(ONE, exclusive=True, alone=False), Hold),
        (seen(ONE, alone=False), Hold),
        (seen(ONE, code=50004002, coded=2, tries=2), Hold),
        (seen(TWO), Hold),
        (seen(TWO, exclusive=True), Hold),
    ],
)
def test_auto_goes_by_the_candidates(what: Seen, kind: type[Verdict]) -> None:
    assert isinstance(judge(what, OnUnknown.AUTO), kind)


@given(SEEN)
def test_hold_always_holds(what: Seen) -> None:
    assert isinstance(judge(what, OnUnknown.HOLD), Hold)


@given(SEEN)
def test_resubmit_sends_again_whatever_is_seen_until_its_tries_end(what: Seen) -> None:
    kind = Hold if what.tried.unclear >= LIMITS.tries else SendAgain
    assert isinstance(judge(what, OnUnknown.RESUBMIT), kind)


@given(SEEN, st.sampled_from(OnUnknown))
def test_a_job_is_adopted_only_if_it_is_the_one_candidate_of_a_lone_run_of_an_exclusive_workflow(
    what: Seen, on_unknown: OnUnknown
) -> None:
    verdict = judge(what, on_unknown)
    if isinstance(verdict, Adopt):
        assert (verdict.job_id,) == what.candidates
        assert what.is_alone
        assert what.is_exclusive


@given(SEEN)
def test_auto_never_sends_past_a_candidate(what: Seen) -> None:
    verdict = judge(what, OnUnknown.AUTO)
    assert not (what.candidates and isinstance(verdict, SendAgain | Reject))
    assert not leaves_a_job_to_nobody(verdict, what)


def test_the_reason_of_a_hold_says_what_was_seen() -> None:
    assert judge(seen(ONE), OnUnknown.AUTO) == Hold("job 7 may be its own, or somebody else's")
    assert judge(seen(TWO), OnUnknown.AUTO) == Hold("2 jobs may be its own, or somebody else's")
    assert judge(seen(NOTHING, tries=5), OnUnknown.AUTO) == Hold(
        "sent 5 times, and no job of it is to be seen"
    )


@given(st.lists(JOBS), st.integers(0, 20).map(JobId), st.sets(JOBS))
def test_candidates_are_above_the_baseline_unowned_and_told_once_in_order(
    listed: list[JobId], baseline: JobId, owned: set[JobId]
) -> None:
    found = candidates(listed, baseline, owned)
    assert list(found) == sorted(set(found))
    assert set(found) == {it for it in listed if it > baseline and it not in owned}


@pytest.mark.parametrize(
    ("others", "alone"),
    [
        ([], True),
        ([Waiting(), Waiting(tries=2), RUNNING, Rejected(40004001, ""), Superseded(""), Baselined(0)], True),
        ([RUNNING, SUBMITTING], False),
        ([HELD], False),
    ],
)
def test_a_run_is_alone_if_no_other_is_open_or_held(others: list[RunState], alone: bool) -> None:
    assert is_alone(others) is alone


def looked(unknown: Unknown, *listed: int, policy: OnUnknown = OnUnknown.AUTO, wanted: bool = True) -> Looked:
    around = Around(
        {JobId(3)}, Tried(1), is_exclusive=True, is_alone=True, is_wanted=wanted, on_unknown=policy
    )
    jobs = [JobId(it) for it in listed]
    return after_look(unknown, jobs, around, settle_ms=60_000, now_ms=100, chance=0.5)


def test_the_first_look_only_notes_what_it_saw_and_the_second_comes_a_quarter_of_the_settle_time_later() -> (
    None
):
    unknown = Unknown(INTENT, "reset", 60_000)
    once = looked(unknown, 3, 7)
    assert once == Looked(replace(unknown, looks=1, look_ms=15_100, candidates=ONE))


def test_the_second_look_judges_over_what_both_showed() -> None:
    once = Unknown(INTENT, "reset", 60_000, looks=1, candidates=ONE)
    assert looked(once) == Looked(Accepted(JobId(7), JobStatus.PREPARING, 100))
    assert looked(once, 8).state == Held(INTENT, "2 jobs may be its own, or somebody else's", TWO)


def test_a_candidate_that_another_run_has_by_the_second_look_is_none() -> None:
    once = Unknown(INTENT, "reset", 60_000, looks=1, candidates=(JobId(3),))
    assert isinstance(looked(once).state, Waiting)


def test_a_resubmission_past_a_candidate_disproves_that_the_workflow_is_exclusive() -> None:
    once = Unknown(INTENT, "reset", 60_000, looks=1)
    assert looked(once, 7, policy=OnUnknown.RESUBMIT).disproves
    assert not looked(once, policy=OnUnknown.RESUBMIT).disproves


def test_a_run_that_nobody_wants_any_more_is_not_resubmitted_but_goes_by_its_candidates() -> None:
    once = Unknown(INTENT, "reset", 60_000, looks=1)
    assert looked(once, 7, policy=OnUnknown.RESUBMIT, wanted=False).state == looked(once, 7).state
    assert isinstance(looked(once, policy=OnUnknown.RESUBMIT, wanted=False).state, Superseded)


def test_a_run_that_is_sent_again_waits_with_a_backoff() -> None:
    assert followed(SendAgain("none")) == Waiting(1, 100 + 5_000, "none")


def test_a_run_found_not_created_that_nobody_wants_any_more_is_superseded() -> None:
    assert isinstance(followed(SendAgain("none"), wanted=False), Superseded)


def test_an_adopted_job_is_the_runs() -> None:
    assert followed(Adopt(JobId(7))) == Accepted(JobId(7), JobStatus.PREPARING, 100)


@pytest.mark.parametrize("wanted", [True, False])
def test_a_held_run_is_held_with_its_candidates_wanted_or_not(wanted: bool) -> None:
    assert followed(Hold("who knows"), wanted=wanted) == Held(INTENT, "who knows", ONE)


@pytest.mark.parametrize("wanted", [True, False])
def test_a_refused_run_keeps_explorers_code(wanted: bool) -> None:
    state = followed(Reject(50004002, 2), wanted=wanted)
    assert state == Rejected(50004002, "answered so 2 times, and no job was made")


def test_an_operators_word_that_no_job_was_made_keeps_the_count_of_tries() -> None:
    state = not_created(INTENT, "the operator says so", is_wanted=True, now_ms=100, chance=0.0)
    assert state == Waiting(1, 100, "the operator says so")


@pytest.mark.parametrize(
    ("listed", "quiet", "disproved"),
    [
        ([3, 4], True, False),  # there before the workflow was first listed
        ([3, 4, 6], True, False),  # our own
        ([3, 4, 6, 7], True, True),
        ([3, 4, 6, 7], False, False),  # may be that of a run that is open or held
    ],
)
def test_a_job_of_nobodys_in_a_quiet_listing_disproves_that_a_workflow_is_exclusive(
    listed: list[int], quiet: bool, disproved: bool
) -> None:
    jobs = [JobId(it) for it in listed]
    assert foreign_jobs(jobs, JobId(4), {JobId(6)}, is_quiet=quiet) == ((JobId(7),) if disproved else ())


def test_resubmitting_past_a_candidate_leaves_a_job_to_nobody() -> None:
    verdict = judge(seen(ONE), OnUnknown.RESUBMIT)
    assert leaves_a_job_to_nobody(verdict, seen(ONE))
    assert not leaves_a_job_to_nobody(verdict, seen(NOTHING))
    assert not leaves_a_job_to_nobody(Hold("no"), seen(ONE))
