"""What is recorded of each name in the tree, and when there is nothing to record."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.model import Name, RunKey, WorkflowId
from reconciler.core.plan import Absent, Action, Claim, GiveUp, Nothing, Submit, Unreadable, Wait, Wish
from reconciler.core.reason import Reason
from reconciler.core.seeing import sighting_of
from reconciler.core.sighting import Presence, Sighting
from tests.core.builders import digest, invalid, manifest

NAME = Name("a")
KEY = RunKey(NAME, 1, 1)
CLAIM = Claim(manifest(), KEY, Reason.FIRST)
BEFORE = Sighting(NAME, Presence.WANTED, "a.yaml", digest("one"), WorkflowId("1"), "", "f00", 5)


def seen(wish: Wish, action: Action, before: Sighting | None = BEFORE) -> Sighting | None:
    return sighting_of(NAME, wish, action, before, "new", 99)


def test_a_new_manifest_is_wanted() -> None:
    assert seen(manifest(), CLAIM, None) == replace(BEFORE, revision="new", updated_ms=99)


def test_what_did_not_change_keeps_its_time_and_revision() -> None:
    assert seen(manifest(), Nothing(NAME, Reason.RUNNING)) is BEFORE


def test_a_changed_digest_is_news() -> None:
    after = seen(manifest(asks="two"), CLAIM)
    assert after == replace(BEFORE, digest=digest("two"), revision="new", updated_ms=99)


def test_another_place_is_news() -> None:
    after = seen(replace(manifest(), path="b/a.yaml"), Nothing(NAME, Reason.DONE))
    assert after is not None
    assert (after.path, after.updated_ms) == ("b/a.yaml", 99)


def test_a_suspended_manifest_is_suspended() -> None:
    after = seen(manifest(suspended=True), Nothing(NAME, Reason.SUSPENDED))
    assert after is not None
    assert (after.presence, after.reason) == (Presence.SUSPENDED, Reason.SUSPENDED)


@pytest.mark.parametrize(
    ("wish", "action", "presence"),
    [
        (invalid(), Nothing(NAME, Reason.INVALID, "a.yaml:3:5: wrong"), Presence.INVALID),
        (Unreadable("a.yaml"), Nothing(NAME, Reason.UNREADABLE, "a.yaml"), Presence.INVALID),
        (Absent(1), Wait(NAME, Reason.ABSENT_ONCE), Presence.WANTED),
        (Absent(2), Nothing(NAME, Reason.DELETED), Presence.DELETED),
    ],
)
def test_what_was_asked_for_last_is_kept_while_nobody_can_ask(
    wish: Wish, action: Action, presence: Presence
) -> None:
    after = seen(wish, action)
    assert after is not None
    assert after.presence is presence
    assert (after.digest, after.workflow_id, after.path) == (BEFORE.digest, BEFORE.workflow_id, "a.yaml")


def test_a_name_that_was_never_valid_has_no_digest() -> None:
    after = seen(invalid(), Nothing(NAME, Reason.INVALID, "a.yaml:3:5: wrong"), None)
    assert after is not None
    assert (after.presence, after.digest, after.workflow_id) == (Presence.INVALID, None, None)


@pytest.mark.parametrize(
    ("wish", "action"),
    [
        (Absent(2), Nothing(NAME, Reason.DELETED)),
        (Unreadable("a.yaml"), Nothing(NAME, Reason.UNREADABLE)),
    ],
)
def test_of_a_name_that_was_never_seen_there_is_nothing_to_say(wish: Wish, action: Action) -> None:
    assert seen(wish, action, None) is None


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (Wait(NAME, Reason.TOO_MANY_NEW), Reason.TOO_MANY_NEW),
        (Wait(NAME, Reason.NOT_LISTED, 5, "no such workflow"), f"{Reason.NOT_LISTED}: no such workflow"),
        (Nothing(NAME, Reason.INVALID, "a.yaml:3:5: wrong"), f"{Reason.INVALID}: a.yaml:3:5: wrong"),
        (Nothing(NAME, Reason.UNREADABLE), Reason.UNREADABLE),
        (Nothing(NAME, Reason.SUSPENDED), Reason.SUSPENDED),
        (GiveUp(KEY, Reason.DELETED), Reason.DELETED),
        (Nothing(NAME, Reason.RUNNING), ""),
        (CLAIM, ""),
        (Submit(KEY, WorkflowId("1"), Reason.BACKOFF, 5, "refused"), ""),
    ],
)
def test_the_reason_is_recorded_where_it_is_about_the_manifest(action: Action, reason: str) -> None:
    after = seen(manifest(), action, None)
    assert after is not None
    assert after.reason == reason
