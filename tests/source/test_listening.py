"""An observer is built whole and thrown away whole."""

from __future__ import annotations

import threading
from pathlib import Path

from watchdog.events import FileSystemEvent

from reconciler.source.kernel import watched_inodes
from reconciler.source.listening import Listening
from reconciler.source.places import Place, places


def nothing(event: FileSystemEvent, place: Place) -> None:
    """Do nothing with what is heard."""


def test_after_its_end_no_thread_and_no_watch_is_left(jobs: Path) -> None:
    before = set(threading.enumerate()), watched_inodes()
    listening = Listening(places(str(jobs)), nothing)
    assert listening.refused == []
    assert listening.dead() == []
    assert watched_inodes() != before[1]
    listening.stop()
    assert watched_inodes() == before[1]
    assert set(threading.enumerate()) <= before[0]


def test_a_place_that_went_this_moment_is_passed_by(jobs: Path) -> None:
    found = places(str(jobs))
    jobs.rmdir()
    listening = Listening(found, nothing)
    assert listening.refused == []
    listening.stop()
