"""From one event of a watcher to a hint that a pass is due, or to nothing. Pure.

A hint never says what the tree is: only a snapshot does. So it is enough that no change goes without one;
what is left out here cannot change what a pass reads. How much a pass has to look at is said with it: where
it is not one of our files, by its name, that changed, that is everything.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
)

from reconciler.source.heard import ANYTHING, Heard
from reconciler.source.ignore import NAME as IGNORE_FILE
from reconciler.source.places import Place
from reconciler.source.walk import DATA_LINK, SUFFIXES

EVENTS: list[type[FileSystemEvent]] = [
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
]
"""The events that are asked for. Without a list watchdog also asks for "opened" and "closed unwritten", which
its own listing of directories causes: at 5,000 directories it then keeps itself busy for ever."""

_WHOLE = (DirDeletedEvent, DirMovedEvent, FileDeletedEvent, FileMovedEvent)


class HintKind(StrEnum):
    """How the change came about, and so whether more of it is likely to follow at once."""

    WHOLE = "whole"
    """At one stroke: renamed into place or away, or removed. A pass may start at once."""
    IN_PLACE = "in_place"
    """Created or written to where it stands: half of it may be there. Wait until it is quiet for a moment."""
    LOST = "lost"
    """Events were lost, nobody knows which. A pass may start at once."""


@dataclass(frozen=True, slots=True)
class Hint:
    """Something changed at `path` (absolute, without links; empty where it is not known).

    `heard` is what the next scan has to look at for it.
    """

    kind: HintKind
    path: str
    heard: Heard = ANYTHING


def hint_of(event: FileSystemEvent, place: Place) -> Hint | None:
    """What an event heard at `place` means for the tree; None if a pass would read the same as before."""
    paths = [os.fsdecode(path) for path in (event.dest_path, event.src_path) if path]
    matter = [path for path in paths if _matters(path, place, event.is_directory)]
    if not matter:
        return None
    # A link, git's index, the directory itself: only their coming and going matters, which is one stroke.
    is_whole = isinstance(event, _WHOLE) or not place.is_tree
    kind = HintKind.WHOLE if is_whole else HintKind.IN_PLACE
    # What else matters in the tree has a name without such an end: rules, and a ConfigMap's link.
    are_files = place.is_tree and not event.is_directory and all(path.endswith(SUFFIXES) for path in matter)
    return Hint(kind, matter[0], Heard(frozenset(matter)) if are_files else ANYTHING)


def _matters(path: str, place: Place, is_directory: bool) -> bool:
    if place.names is not None:
        directory, _, name = path.rpartition("/")
        return (directory or "/") == place.path and name in place.names
    if path == place.path:
        return True
    if not path.startswith(place.path.rstrip("/") + "/"):
        return False
    *above, name = path[len(place.path.rstrip("/")) + 1 :].split("/")
    if any(part.startswith(".") for part in above):
        return False
    if name.startswith("."):
        return name in (DATA_LINK, IGNORE_FILE)
    return is_directory or name.endswith(SUFFIXES)
