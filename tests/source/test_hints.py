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

from reconciler.source.heard import ANYTHING, Heard
from reconciler.source.hints import EVENTS, Hint, HintKind, hint_of
from reconciler.source.places import Place

TREE = Place("/x/jobs.d", (1, 1), None)
PARENT = Place("/x", (1, 2), frozenset({"jobs.d", "current"}))
LINK = Place("/x", (1, 2), frozenset({"l.yaml"}))
WHOLE, IN_PLACE = HintKind.WHOLE, HintKind.IN_PLACE


def of_files(kind: HintKind, *names: str) -> Hint:
    """A hint for which no more than these files, the first above all, have to be looked at."""
    paths = [f"/x/jobs.d/{name}" for name in names]
    return Hint(kind, paths[0], Heard(frozenset(paths)))


def of_all(kind: HintKind, path: str) -> Hint:
    """A hint for which everything has to be looked at."""
    return Hint(kind, path, ANYTHING)


@pytest.mark.parametrize(
    ("event", "place", "hint"),
    [
        (FileMovedEvent("/x/jobs.d/.t", "/x/jobs.d/a.yaml"), TREE, of_files(WHOLE, "a.yaml")),
        (FileMovedEvent("/x/jobs.d/a.yaml", "/x/jobs.d/a.bak"), TREE, of_files(WHOLE, "a.yaml")),
        (FileMovedEvent("/x/jobs.d/a.yaml", "/x/jobs.d/b/c.yml"), TREE, of_files(WHOLE, "b/c.yml", "a.yaml")),
        (FileMovedEvent("", "/x/jobs.d/a.yaml"), TREE, of_files(WHOLE, "a.yaml")),
        (FileMovedEvent("/x/jobs.d/a.yaml", ""), TREE, of_files(WHOLE, "a.yaml")),
        (FileMovedEvent("/x/jobs.d/..data", "/x/jobs.d/a.yaml"), TREE, of_all(WHOLE, "/x/jobs.d/a.yaml")),
        (FileDeletedEvent("/x/jobs.d/a/b.json"), TREE, of_files(WHOLE, "a/b.json")),
        (FileCreatedEvent("/x/jobs.d/a.yml"), TREE, of_files(IN_PLACE, "a.yml")),
        (FileModifiedEvent("/x/jobs.d/a.yaml"), TREE, of_files(IN_PLACE, "a.yaml")),
        (FileClosedEvent("/x/jobs.d/a.yaml"), TREE, of_files(IN_PLACE, "a.yaml")),
        (FileModifiedEvent(b"/x/jobs.d/\xff.yaml"), TREE, of_files(IN_PLACE, "\udcff.yaml")),
        (DirCreatedEvent("/x/jobs.d/a"), TREE, of_all(IN_PLACE, "/x/jobs.d/a")),
        (DirCreatedEvent("/x/jobs.d/a.yaml"), TREE, of_all(IN_PLACE, "/x/jobs.d/a.yaml")),
        (DirMovedEvent("/x/jobs.d/a", "/x/jobs.d/b"), TREE, of_all(WHOLE, "/x/jobs.d/b")),
        (DirMovedEvent("", "/x/jobs.d/b"), TREE, of_all(WHOLE, "/x/jobs.d/b")),
        (FileMovedEvent("/x/jobs.d/..new", "/x/jobs.d/..data"), TREE, of_all(WHOLE, "/x/jobs.d/..data")),
        (
            FileModifiedEvent("/x/jobs.d/.reconcilerignore"),
            TREE,
            of_all(IN_PLACE, "/x/jobs.d/.reconcilerignore"),
        ),
        (FileModifiedEvent("/x/jobs.d/.a.yaml"), TREE, None),
        (FileModifiedEvent("/x/jobs.d/..2026/a.yaml"), TREE, None),
        (FileModifiedEvent("/x/jobs.d/.git/a.yaml"), TREE, None),
        (FileModifiedEvent("/x/jobs.d/README.md"), TREE, None),
        (FileModifiedEvent("/x/jobs.d2/a.yaml"), TREE, None),
        (FileMovedEvent("/x/.current", "/x/current"), PARENT, of_all(WHOLE, "/x/current")),
        (FileMovedEvent("/x/.l.yaml", "/x/l.yaml"), LINK, of_all(WHOLE, "/x/l.yaml")),
        (DirCreatedEvent("/x/jobs.d"), PARENT, of_all(WHOLE, "/x/jobs.d")),
        (DirCreatedEvent("/x/other"), PARENT, None),
        (FileModifiedEvent("/x/jobs.d/a.yaml"), PARENT, None),
        (FileCreatedEvent("/jobs.d"), Place("/", (1, 3), frozenset({"jobs.d"})), of_all(WHOLE, "/jobs.d")),
    ],
)
def test_an_event_is_a_hint_if_a_pass_could_read_something_else(
    event: FileSystemEvent, place: Place, hint: Hint | None
) -> None:
    assert hint_of(event, place) == hint


def test_what_listing_a_directory_causes_is_not_asked_for() -> None:
    assert FileOpenedEvent not in EVENTS
    assert FileClosedNoWriteEvent not in EVENTS
