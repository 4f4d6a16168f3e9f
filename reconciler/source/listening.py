"""One watchdog observer at some places: built whole, asked whether it lives, thrown away whole.

When it is built anew, and what its end means, is `watch`'s.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver
from watchdog.utils import BaseThread

from reconciler.source.hints import EVENTS
from reconciler.source.places import Place


class Listening:
    """Listens at `places` from construction on; `heard` is called from a thread of watchdog's.

    `refused` are the system's errors for what could not be watched; the rest is.
    """

    def __init__(self, places: tuple[Place, ...], heard: Callable[[FileSystemEvent, Place], None]) -> None:
        self.refused: list[OSError] = []
        before = set(threading.enumerate())
        self._observer = self._started()
        # The tree comes last: if watches run out, its own places are missing and not those around it.
        for place in reversed(places):
            self._listen_at(place, heard)
        self._threads = [
            thread
            for thread in threading.enumerate()
            if isinstance(thread, BaseThread) and thread not in before
        ]

    def dead(self) -> list[str]:
        """The names of watchdog's threads that ended, although nobody stopped them."""
        return [thread.name for thread in self._threads if not thread.is_alive()]

    def stop(self) -> None:
        """Stop all threads; returns when they have ended, after which nothing is heard."""
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()

    def _started(self) -> BaseObserver | None:
        try:
            observer = _observer()
        except OSError as error:
            self.refused.append(error)
            return None
        observer.start()
        return observer

    def _listen_at(self, place: Place, heard: Callable[[FileSystemEvent, Place], None]) -> None:
        if self._observer is None:
            return
        ear = _Ear(place, heard)
        try:
            self._observer.schedule(ear, place.path, recursive=place.is_tree, event_filter=EVENTS)
        except (FileNotFoundError, NotADirectoryError):
            # It went this moment: the places are others by now, and the next check sees that.
            return
        except OSError as error:
            self.refused.append(error)


def _observer() -> BaseObserver:
    """Watchdog's best for this system, unstarted.

    inotify's is asked for "full" events: a file that is moved in from elsewhere is then told as moved, with
    one path, and not as created, as if it might be half written. Raises OSError if there is no instance.
    """
    if sys.platform == "linux":
        from watchdog.observers.inotify import InotifyObserver  # it can be loaded there only

        return InotifyObserver(generate_full_events=True)
    else:  # noqa: RET505 - mypy knows only of a branch that another system takes it
        return Observer()


class _Ear(FileSystemEventHandler):
    """Passes each event on with the place where it was heard."""

    def __init__(self, place: Place, heard: Callable[[FileSystemEvent, Place], None]) -> None:
        self._place = place
        self._heard = heard

    def on_any_event(self, event: FileSystemEvent) -> None:
        self._heard(event, self._place)
