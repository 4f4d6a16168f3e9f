"""A plan as rows: the word for each action, its reason, and when."""

from __future__ import annotations

from dataclasses import replace

from reconciler.cli.planned import Row, rows_of, summary
from reconciler.core.claims import Desired
from reconciler.core.model import CancelCause, JobId, Name, RunKey
from reconciler.core.plan import (
    Action,
    CancelJob,
    Claim,
    Nothing,
    Observed,
    Plan,
    Wait,
    World,
)
from reconciler.core.reason import Reason
from reconciler.engine.planning import Planning
from tests.core.builders import SUCCEEDED, manifest, run

KEY = RunKey(Name("a"), 1, 1)
LATER = Wait(Name("a"), Reason.FULL, 7, "3 run")
STOP = CancelJob(KEY, JobId(7), CancelCause.DELETED, Reason.CANCEL_DELETED)


def planning(
    *actions: Action, asks: str = "one", former: str | None = None, **plan: tuple[CancelJob, ...]
) -> Planning:
    latest = run("a", former, SUCCEEDED) if former else None
    return Planning(
        Desired({Name("a"): manifest("a", asks)}, ()),
        World({Name("a"): Observed(latest)}),
        Plan(actions, (), (), is_guarded=False, **plan),
    )


def test_jobs_to_stop_are_rows_of_their_own() -> None:
    nothing = Nothing(Name("a"), Reason.DELETED)
    found = rows_of(planning(nothing, cancels=(STOP,), unapproved_cancels=(STOP,)), {})
    assert [(row.word, row.job_id) for row in found] == [("cancel", 7), ("nothing", None)]
    [guarded, _] = rows_of(planning(nothing, unapproved_cancels=(STOP,)), {})
    assert (guarded.word, guarded.reason) == (
        "wait",
        f"{Reason.TOO_MANY_CANCELS}: {Reason.CANCEL_DELETED}",
    )


def test_a_job_that_is_replaced_waits_for_what_its_change_waits_for() -> None:
    replaced = replace(STOP, cause=CancelCause.REPLACED, why=Reason.CANCEL_REPLACED)
    found = rows_of(planning(Wait(Name("a"), Reason.PAUSED), unapproved_cancels=(replaced,)), {})
    assert [row.reason for row in found if row.job_id] == [f"{Reason.PAUSED}: {Reason.CANCEL_REPLACED}"]


def test_a_deleted_name_that_the_guard_holds_is_told_once() -> None:
    waits = planning(Wait(Name("gone"), Reason.TOO_MANY_CANCELS), unapproved_cancels=(STOP,))
    assert [(row.word, row.job_id) for row in rows_of(waits, {})] == [("wait", 7)]


def test_what_was_not_kept_is_said() -> None:
    claim = Claim(manifest("a", "two"), RunKey(Name("a"), 2, 1), Reason.CHANGED)
    [row] = rows_of(planning(claim, asks="two", former="one"), {})
    assert (row.changes, row.note) == ((), "what its last run asked for is not kept")


def test_the_summary_counts_what_is_there() -> None:
    assert summary({}) == "Plan: 0 to submit, 0 with nothing to do."
    assert summary({"cancel": 2, "missing": 1, "nothing": 3}) == (
        "Plan: 0 to submit, 2 to cancel, 1 not shown by Explorer, 3 with nothing to do."
    )


def test_a_row_tells_its_job_and_what_is_missing() -> None:
    assert Row("wait", Name("a"), "why").told() == "why"
    assert Row("cancel", Name("a"), "why", job_id=JobId(7)).told() == "job 7: why"
    assert Row("submit", Name("a"), "why", note="not kept").told() == "why; not kept"
