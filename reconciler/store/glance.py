"""A glance at the state's log, which tells for nearly nothing that nobody has written since the last look.

In WAL mode each commit writes to the log, whoever makes it (SQLite manual, "WAL-mode File Format"), and a
write moves the file's times. Two writes within one tick of the file system's clock look the same, and SQLite
shows a commit only once what was written for it is synced, which moves no times again. So what is seen counts
only once the times lie half a minute back. A commit whose sync takes longer than that is seen with the next
one. Nothing is opened: to close a file of the state again would let go of SQLite's locks on it (fcntl(2),
advisory record locking).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

SETTLED_NS = 30_000_000_000
"""How far back (nanoseconds) the log's times must lie."""

Sight = tuple[int, int, int, int]
"""Inode, size, and both times in nanoseconds: an equal one means that nothing was written."""


class Glance:
    """Looks at the log of this state, by the clock that file times are set by."""

    def __init__(self, state: Path, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._log = f"{state}-wal"
        self._now_ns = now_ns

    def sight(self) -> Sight | None:
        """What the log looks like now; None while that tells nothing: it changes, or is not there."""
        try:
            status = os.stat(self._log)  # noqa: PTH116 - twice a second and more
        except OSError:
            return None
        seen = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        return seen if max(seen[2:]) <= self._now_ns() - SETTLED_NS else None
