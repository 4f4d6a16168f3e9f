"""A name's account: each situation in sentences, with the plan's own reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.account import Facts, account_of
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
    Submitting,
    Superseded,
    Unknown,
    Waiting,
    WorkflowId,
)
from reconciler.core.plan import Action, CancelJob, Claim, GiveUp, Nothing, Submit, Wait
from reconciler.core.reason import Reason
from tests.core.builders import INTENT, invalid, manifest, run

NOW_MS = 1_764_000_000_000
A = Name("a")
KEY = RunKey(A, 1, 1)
AGO = NOW_MS - 192_000
FACTS = Facts(A, manifest(), None, (), Nothing(A, Reason.DONE), (), (), "f" * 64, "", None, NOW_MS)


def facts(**changes: Any) -> Facts:
    return replace(FACTS, **changes)


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (manifest(), "a is wanted: a.yaml:1 asks for a job of workflow 1."),
        (
            replace(manifest(), depends_on=(Name("b"), Name("c"))),
            "a is wanted: a.yaml:1 asks for a job of workflow 1, once b, c succeeded.",
        ),
        (manifest(suspended=True), "a is suspended in a.yaml:1."),
        (invalid(), "a is invalid: a.yaml:3:5: spec is wrong"),
        (None, "a stands in no file that can be read."),
    ],
)
def test_what_is_wanted(wish: Any, sentence: str) -> None:
    assert account_of(facts(wish=wish)).wanted == sentence


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (Waiting(), "was claimed 3m12s ago, and not sent yet."),
        (Waiting(2, 0, "no connection"), "was sent 2 times and made no job (no connection)."),
        (Submitting(replace(INTENT, created_ms=AGO)), "was sent 3m12s ago, and waits for the answer."),
        (
            Unknown(INTENT, "reset", NOW_MS, looks=1),
            "was sent, and nobody knows what came of it (reset); its workflow was listed once since, and is"
            " listed next at about 2025-11-24T16:00:00.000Z.",
        ),
        (Held(INTENT, "several", (JobId(7), JobId(8))), "is held (several); its job may be 7, 8."),
        (Accepted(JobId(7), JobStatus.RUNNING, AGO), "has job 7, made 3m12s ago, which is Running."),
        (
            Accepted(JobId(7), JobStatus.SUCCESS, AGO, NOW_MS - 5_000),
            "has job 7, made 3m12s ago, which succeeded 5s ago.",
        ),
        (
            Accepted(JobId(7), JobStatus.RUNNING, AGO, missing_ms=AGO),
            "has job 7, made 3m12s ago, which Explorer does not show since 3m12s ago.",
        ),
        (
            Accepted(
                JobId(7),
                JobStatus.STOPPING,
                AGO,
                cancel=Cancel(CancelCause.OPERATOR, "anna", AGO, 1, "HTTP 502"),
            ),
            "has job 7, made 3m12s ago, which is Stopping and was asked to stop 3m12s ago (anna), and the"
            " last answer was: HTTP 502.",
        ),
        (Baselined(AGO), "was recorded as already done by an operator, 3m12s ago."),
        (Rejected(40004001, "no such task"), "was refused by Explorer: 40004001 no such task."),
        (Superseded("the manifest changed"), "was given up before it had a job: the manifest changed."),
    ],
)
def test_what_is_known(state: RunState, sentence: str) -> None:
    latest = replace(run("a", state=state), claimed_ms=AGO)
    assert account_of(facts(latest=latest)).known == f"Generation 1 {sentence}"


def test_an_older_job_that_still_runs_is_known_too() -> None:
    latest = run("a", state=Rejected(1, "x"), generation=2)
    older = run("a", state=Accepted(JobId(7), JobStatus.RUNNING, AGO))
    known = account_of(facts(latest=latest, unfinished=(older,))).known
    assert known.endswith("Generation 1 has job 7, made 3m12s ago, which is Running, too.")
    again = replace(latest, key=RunKey(A, 2, 3))
    assert account_of(facts(latest=again)).known.startswith("Generation 2, attempt 3, was refused")


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (Nothing(A, Reason.DONE), f"Nothing is to be submitted: {Reason.DONE}."),
        (
            Nothing(A, Reason.RUNNING, until_ms=NOW_MS),
            f"Nothing is to be submitted: {Reason.RUNNING}. It is stopped if it still runs at"
            " 2025-11-24T16:00:00.000Z.",
        ),
        (
            Nothing(A, Reason.INVALID),
            "Nothing is submitted until it is mended, and what ran before stays as it is.",
        ),
        (None, f"Nothing is left to do: {Reason.DELETED}."),
    ],
)
def test_where_nothing_is_left_to_do_that_is_said(action: Action | None, sentence: str) -> None:
    assert account_of(facts(action=action)).following == sentence


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (Claim(manifest(), KEY, Reason.CHANGED), f"It is submitted now: {Reason.CHANGED}."),
        (
            Submit(KEY, WorkflowId("1"), Reason.BACKOFF, NOW_MS + 32_000, "no connection"),
            f"It is submitted not before 2025-11-24T16:00:32.000Z (in 32s): {Reason.BACKOFF}: no connection.",
        ),
        (
            Wait(A, Reason.NOT_LISTED),
            f"Next its workflow is listed and then it is submitted; it {Reason.NOT_LISTED}.",
        ),
        (Wait(A, Reason.PAUSED, None, "by anna"), f"Nothing is submitted yet: it {Reason.PAUSED}: by anna."),
        (
            Claim(manifest(), KEY, Reason.FIRST, then=Wait(A, Reason.FULL)),
            f"Nothing is submitted yet: it {Reason.FULL}.",
        ),
        (Wait(A, Reason.ABSENT_ONCE), f"Nothing is submitted yet: {Reason.ABSENT_ONCE}."),
        (GiveUp(KEY, Reason.SUSPENDED), f"Generation 1 is given up: {Reason.SUSPENDED}."),
    ],
)
def test_what_happens_next_has_the_plans_reason_and_names_the_daemon(action: Action, sentence: str) -> None:
    alone = account_of(facts(action=action)).following
    assert (
        alone == f"{sentence} No daemon runs on this state now, so nothing happens before `reconciler run`."
    )
    beside = account_of(facts(action=action, daemon="process 7 on here")).following
    assert beside == f"{sentence} The daemon that does it is process 7 on here."


def test_what_the_guard_holds_says_how_to_release_it() -> None:
    following = account_of(facts(action=Wait(A, Reason.TOO_MANY_NEW))).following
    assert f"`reconciler approve {'f' * 64}` releases it." in following


def test_what_only_the_daemon_was_told_is_added() -> None:
    wait = Wait(A, Reason.NOT_LISTED)
    told = account_of(facts(action=wait, recorded=f"{Reason.NOT_LISTED}: there is no workflow 1")).following
    assert "The daemon was told: there is no workflow 1." in told
    for recorded in ("", str(Reason.NOT_LISTED), f"{Reason.PAUSED}: by anna"):
        assert "was told" not in account_of(facts(action=wait, recorded=recorded)).following


def test_a_job_that_is_to_be_stopped_is_said() -> None:
    cancel = CancelJob(KEY, JobId(7), CancelCause.DELETED, Reason.CANCEL_DELETED)
    following = account_of(facts(action=Nothing(A, Reason.DELETED), cancels=(cancel,), daemon="it")).following
    assert f"Job 7 is stopped: {Reason.CANCEL_DELETED}." in following
    guarded = facts(action=Wait(A, Reason.TOO_MANY_CANCELS), guarded_cancels=(cancel,))
    following = account_of(guarded).following
    assert f"Job 7 is not stopped yet: it {Reason.TOO_MANY_CANCELS}. `reconciler plan` lists" in following


def test_a_job_that_is_replaced_waits_for_what_its_change_waits_for() -> None:
    cancel = CancelJob(KEY, JobId(7), CancelCause.REPLACED, Reason.CANCEL_REPLACED)
    paused = facts(action=Wait(A, Reason.PAUSED, None, "by anna"), guarded_cancels=(cancel,))
    following = account_of(paused).following
    assert f"Job 7 is not stopped yet: it {Reason.PAUSED}: by anna." in following
    assert "approve" not in following
