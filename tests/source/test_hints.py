"""Which events mean that a pass would read something else, and whether it may start at once."""

from __future__ import annotations

import pytest
from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileClosedNoWriteEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileOpenedEvent,
    FileSystemEvent,
)

from reconciler.source.hints import EVENTS, Hint, HintKind, hint_of
from reconciler.source.places import Place

TREE = Place("/x/jobs.d", (1, 1), None)
PARENT = Place("/x", (1, 2), frozenset({"jobs.d", "current"}))
WHOLE, IN_PLACE = HintKind.WHOLE, HintKind.IN_PLACE


@pytest.mark.parametrize(
    ("event", "place", "hint"),
    [
        (FileMovedEvent("/x/jobs.d/.t", "/x/jobs.d/a.yaml"), TREE, Hint(WHOLE, "/x/jobs.d/a.yaml")),
        (FileMovedEvent("/x/jobs.d/a.yaml", "/x/jobs.d/a.bak"), TREE, Hint(WHOLE, "/x/jobs.d/a.yaml")),
        (FileDeletedEvent("/x/jobs.d/a/b.json"), TREE, Hint(WHOLE, "/x/jobs.d/a/b.json")),
        (FileCreatedEvent("/x/jobs.d/a.yml"), TREE, Hint(IN_PLACE, "/x/jobs.d/a.yml")),
        (FileModifiedEvent("/x/jobs.d/a.yaml"), TREE, Hint(IN_PLACE, "/x/jobs.d/a.yaml")),
        (FileClosedEvent("/x/jobs.d/a.yaml"), TREE, Hint(IN_PLACE, "/x/jobs.d/a.yaml")),
        (DirCreatedEvent("/x/jobs.d/a"), TREE, Hint(IN_PLACE, "/x/jobs.d/a")),
        (DirMovedEvent("/x/jobs.d/a", "/x/jobs.d/b"), TREE, Hint(WHOLE, "/x/jobs.d/b")),
        (FileMovedEvent("/x/jobs.d/..new", "/x/jobs.d/..data"), TREE, Hint(WHOLE, "/x/jobs.d/..data")),
        (FileModifiedEvent(b"/x/jobs.d/\xff.yaml"), TREE, Hint(IN_PLACE, "/x/jobs.d/\udcff.yaml")),
        (
            FileModifiedEvent("/x/jobs.d/.reconcilerignore"),
            TREE,
            Hint(IN_PLACE, "/x/jobs.d/.reconcilerignore"),
        ),
        (FileModifiedEvent("/x/jobs.d/.a.yaml"), TREE, None),
        (FileModifiedEvent("/x/jobs.d/..2026/a.yaml"), TREE, None),
        (FileModifiedEvent("/x/jobs.d/.git/a.yaml"), TREE, None),
        (FileModifiedEvent("/x/jobs.d/README.md"), TREE, None),
        (FileModifiedEvent("/x/jobs.d2/a.yaml"), TREE, None),
        (FileMovedEvent("/x/.current", "/x/current"), PARENT, Hint(WHOLE, "/x/current")),
        (DirCreatedEvent("/x/jobs.d"), PARENT, Hint(WHOLE, "/x/jobs.d")),
        (DirCreatedEvent("/x/other"), PARENT, None),
        (FileModifiedEvent("/x/jobs.d/a.yaml"), PARENT, None),
        (FileCreatedEvent("/jobs.d"), Place("/", (1, 3), frozenset({"jobs.d"})), Hint(WHOLE, "/jobs.d")),
    ],
)
def test_an_event_is_a_hint_if_a_pass_could_read_something_else(
    event: FileSystemEvent, place: Place, hint: Hint | None
) -> None:
    assert hint_of(event, place) == hint


def test_what_listing_a_directory_causes_is_not_asked_for() -> None:
    assert FileOpenedEvent not in EVENTS
    assert FileClosedNoWriteEvent not in EVENTS
