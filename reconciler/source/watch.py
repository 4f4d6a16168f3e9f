"""The watcher: tells at once that a pass is due, and notices by itself when it has become deaf.

File events are hints and the periodic resync is the truth, so nothing here is fatal: whatever goes wrong is
a `Trouble`, for the engine to count and tell; then the watcher is built anew, or, where the system gives no
more watches, does without until it can. Where to listen is `places`', what an event means `hints`'.

How deafness is noticed, each by the least that watchdog could change under us:

- a directory swapped away: the places as they are now are unlike those that were listened at;
- a dead thread: watchdog's threads that appeared with the observer are asked whether they live;
- an overflow of the kernel's queue: watchdog (7.1) only logs it, so a handler listens to its logger and takes
  any warning for "events may be lost". A callback inside it would say so too, but is private;
- the limit on watches: watchdog swallows ENOSPC below the first directory, so the directories that exist are
  compared with the inodes that the kernel says are watched, which asks no library at all (`coverage`).
"""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections import deque
from collections.abc import Callable
from pathlib import Path

from watchdog.events import FileSystemEvent

from reconciler.source.coverage import Coverage, Full, Unwatched
from reconciler.source.hints import Hint, HintKind, hint_of
from reconciler.source.listening import Listening
from reconciler.source.places import Place, places
from reconciler.source.trouble import Trouble, TroubleReason, refusal, watch_limit

__all__ = ["Hint", "HintKind", "Trouble", "TroubleReason", "Watch"]

RETRY_S = 60.0
"""How long (seconds) to do without before asking again, once the system gave no more watches."""


class Watch:
    """Listens wherever a change of `jobs_dir` can come from.

    `hint` is called from threads of watchdog's, for each event that matters: it must be quick and must not
    raise. `start`, `check` and `stop` block, for up to a second, and are called by one thread at a time.
    `known`, asked by `check`, gives the inodes of the directories that the last scan found, if that can be
    said (`Tree.directories`).
    """

    def __init__(
        self,
        jobs_dir: Path,
        hint: Callable[[Hint], None],
        *,
        known: Callable[[], frozenset[int] | None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._jobs_dir = os.path.join(os.getcwd(), jobs_dir)  # noqa: PTH109, PTH118 - Path would drop "..", "."
        self._hint = hint
        self._monotonic = monotonic
        self._warnings = _Warnings(self._complained)
        self._complaints: deque[str] = deque(maxlen=1)
        self._places: tuple[Place, ...] = ()
        self._listening: Listening | None = None
        self._coverage = Coverage(known)
        self._has_rebuilt_for_gaps = False
        self._without: Trouble | None = None
        self._retry_s = 0.0
        self._news: list[Trouble] = []
        self._events_seen = 0

    @property
    def events_seen(self) -> int:
        """How many events that matter were heard since the start."""
        return self._events_seen

    @property
    def without(self) -> Trouble | None:
        """What is done without at present, because the system gives no more; None if all is heard."""
        return self._without

    def start(self) -> None:
        """Begin to listen. What does not work is told by the first `check`."""
        logger = logging.getLogger("watchdog")
        # Its debug records are one an event or more; its warnings are needed whatever others log.
        logger.setLevel(logging.WARNING)
        logger.addHandler(self._warnings)
        # A directory made with others in it is found twice, by its own event and below its parent; watchdog
        # warns that the second finding replaces the first, which changes nothing.
        warnings.filterwarnings("ignore", message="Callback with id '", category=RuntimeWarning)
        self._build()

    def stop(self) -> None:
        """Stop listening. No hint comes after this."""
        logging.getLogger("watchdog").removeHandler(self._warnings)
        self._tear_down()

    def check(self) -> tuple[Trouble, ...]:
        """Notice what makes the watcher deaf, mend it, and say so. To be called when a pass begins.

        Before the pass's scan: what changes while the watcher is built anew is heard by nobody, but scanned.
        A trouble that lasts is told once, and stays to be seen in `without`.
        """
        found = self._troubles()
        if found or self._is_retry_due():
            self._tear_down()
            self._build()
        told = (*found, *self._news)
        self._news.clear()
        return told

    def _troubles(self) -> tuple[Trouble, ...]:
        """What calls for a new watcher."""
        swapped = self._swapped()
        # A watcher whose directory is gone ends by itself: that is no second trouble.
        return swapped or (*self._overflowed(), *self._died(), *self._unwatched())

    def _swapped(self) -> tuple[Trouble, ...]:
        now = places(self._jobs_dir)
        if now == self._places:
            return ()
        where = now[0].path if now[0].is_tree else "nowhere"
        return (
            Trouble(TroubleReason.SWAPPED, f"the way to {self._jobs_dir} changed; it leads to {where} now"),
        )

    def _overflowed(self) -> tuple[Trouble, ...]:
        texts = [self._complaints.popleft() for _ in range(len(self._complaints))]
        return tuple(Trouble(TroubleReason.OVERFLOW, f"events may be lost: {text}") for text in texts)

    def _died(self) -> tuple[Trouble, ...]:
        dead = self._listening.dead() if self._listening else []
        return (Trouble(TroubleReason.DIED, f"the watcher ended: {', '.join(dead)}"),) if dead else ()

    def _unwatched(self) -> tuple[Trouble, ...]:
        """Missing watches call for a new watcher once; where that did not help, the limit is reached."""
        if self._listening is None or self._listening.refused:
            return ()
        if not self._places[0].is_tree:
            self._without = None
            return ()
        match self._coverage.compare(self._places[0].path, self._monotonic()):
            case Full():
                self._has_rebuilt_for_gaps = False
                self._without = None
            case Unwatched(missing, of) if self._has_rebuilt_for_gaps:
                self._go_without(watch_limit(f"{missing} of {of} directories are not watched"))
            case Unwatched(missing, of):
                self._has_rebuilt_for_gaps = True
                return (Trouble(TroubleReason.UNWATCHED, f"{missing} of {of} directories are not watched"),)
            case None:
                pass
        return ()

    def _is_retry_due(self) -> bool:
        return self._without is not None and self._monotonic() >= self._retry_s

    def _build(self) -> None:
        self._places = places(self._jobs_dir)
        self._listening = Listening(self._places, self._heard)
        self._coverage.doubt()
        self._retry_s = self._monotonic() + RETRY_S
        for error in self._listening.refused[:1]:
            self._go_without(refusal(error))

    def _tear_down(self) -> None:
        listening, self._listening = self._listening, None
        if listening:
            listening.stop()
        # Whatever the old watcher complained of is answered by the new one.
        self._complaints.clear()

    def _go_without(self, trouble: Trouble) -> None:
        if self._without is None or self._without.reason is not trouble.reason:
            self._news.append(trouble)
            self._retry_s = self._monotonic() + RETRY_S
        self._without = trouble

    def _heard(self, event: FileSystemEvent, place: Place) -> None:
        if event.is_directory:
            self._coverage.doubt()
        hint = hint_of(event, place)
        if hint is not None:
            self._events_seen += 1
            self._hint(hint)

    def _complained(self, text: str) -> None:
        if self._listening is None:
            # watchdog also complains while it is being stopped.
            return
        self._complaints.append(text)
        self._hint(Hint(HintKind.LOST, ""))


class _Warnings(logging.Handler):
    """Whatever watchdog logs at WARNING or above, as text."""

    def __init__(self, complained: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._complained = complained

    def emit(self, record: logging.LogRecord) -> None:
        self._complained(record.getMessage())
