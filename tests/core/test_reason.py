"""The reasons: each is reached by the plan, and each is in the documentation, word for word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reconciler.core.model import (
    Held,
    JobId,
    Name,
    Rejected,
    RunKey,
    Superseded,
    Unknown,
    Waiting,
    WorkflowId,
)
from reconciler.core.plan import Absent, Observed, Quarantine, Unreadable, Wish, Workflow, World, plan
from reconciler.core.reason import Reason
from tests.core.builders import INTENT, RUNNING, SUBMITTING, SUCCEEDED, invalid, manifest, run

OPERATING = Path(__file__).parent.parent.parent / "docs" / "operating.md"
ONE = WorkflowId("1")
LISTED = Workflow(ONE, JobId(0))

SCENES: dict[Reason, tuple[Wish, Observed, Workflow | None, int]] = {
    Reason.FIRST: (manifest(), Observed(), LISTED, 0),
    Reason.CHANGED: (manifest(), Observed(run(asks="other", state=SUCCEEDED)), LISTED, 0),
    Reason.WANTED_AGAIN: (manifest(), Observed(run(state=Superseded("deleted"))), LISTED, 0),
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
    """The reasons in the table of docs/operating.md, in its order."""
    section = OPERATING.read_text("utf-8").partition("\n## Reasons\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| .+ \|$", section, re.MULTILINE)
    return [reason for reason in rows if reason != "reason"]


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_reached_by_the_plan(reason: Reason) -> None:
    wish, observed, workflow, max_new = SCENES[reason]
    world = World({Name("a"): observed}, {ONE: workflow} if workflow else {})
    wishes = {Name("a"): wish, Name("b"): manifest("b")}
    action = plan(wishes, world, 100, max_new=max_new).actions[0]
    assert action.why is reason


def test_the_documentation_lists_every_reason_word_for_word() -> None:
    assert documented() == [str(reason) for reason in Reason]


def test_every_reason_is_different() -> None:
    assert len({reason.value for reason in Reason}) == len(Reason.__members__)
