"""An action in words: the word for what is done, its reason, and when."""

from __future__ import annotations

import pytest

from reconciler.core.model import Name, RunKey, WorkflowId
from reconciler.core.plan import Action, Claim, GiveUp, Nothing, Submit, Wait
from reconciler.core.reason import Reason
from reconciler.core.wording import reason_of, until_of, word_of
from tests.core.builders import manifest

KEY = RunKey(Name("a"), 1, 1)
LATER = Wait(Name("a"), Reason.FULL, 7, "3 run")


@pytest.mark.parametrize(
    ("action", "word"),
    [
        (Claim(manifest(), KEY, Reason.FIRST), "submit"),
        (Submit(KEY, WorkflowId("1"), Reason.SEND), "submit"),
        (Wait(Name("a"), Reason.NOT_LISTED), "submit"),
        (Wait(Name("a"), Reason.WORKFLOW_HAS_JOBS), "wait"),
        (GiveUp(KEY, Reason.DELETED), "give up"),
        (Nothing(Name("a"), Reason.UNREADABLE), "invalid"),
        (Nothing(Name("a"), Reason.HELD), "held"),
        (Nothing(Name("a"), Reason.REJECTED), "nothing"),
        (Nothing(Name("a"), Reason.MISSING), "missing"),
        (Nothing(Name("a"), Reason.CANCELLING), "cancelling"),
        (Claim(manifest(), KEY, Reason.FIRST, then=LATER), "wait"),
    ],
)
def test_an_action_has_a_word(action: Action, word: str) -> None:
    assert word_of(action) == word


@pytest.mark.parametrize(
    ("action", "reason", "until_ms"),
    [
        (Claim(manifest(), KEY, Reason.FIRST), Reason.FIRST, None),
        (Claim(manifest(), KEY, Reason.RESUBMIT, not_before_ms=5), Reason.RESUBMIT, 5),
        (Claim(manifest(), KEY, Reason.FIRST, then=LATER), f"{Reason.FULL}: 3 run", 7),
        (LATER, f"{Reason.FULL}: 3 run", 7),
        (Submit(KEY, WorkflowId("1"), Reason.BACKOFF, 9, "no"), f"{Reason.BACKOFF}: no", 9),
        (GiveUp(KEY, Reason.DELETED), Reason.DELETED, None),
        (Nothing(Name("a"), Reason.RUNNING, until_ms=3), Reason.RUNNING, 3),
    ],
)
def test_an_action_has_a_reason_and_perhaps_a_time(action: Action, reason: str, until_ms: int | None) -> None:
    assert (reason_of(action), until_of(action)) == (reason, until_ms)
