"""A glance at the state's log, which tells for nearly nothing that nobody has written since the last look.

In WAL mode each commit writes to the log, whoever makes it (SQLite manual, "WAL-mode File Format"), and a
write moves the file's times. Two writes within one tick of the file system's clock look the same, so what is
seen counts only once the times lie two seconds back, as for the tree (`source.cache`). And SQLite shows a
commit only once what was written for it is synced, which may take longer and moves no times again: so no
sight is believed for longer than `BELIEVED_NS`. Nothing is opened: to close a file of the state again would
let go of SQLite's locks on it (fcntl(2), advisory record locking).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

SETTLED_NS = 2_000_000_000
"""How far back (nanoseconds) the log's times must lie."""

BELIEVED_NS = 600_000_000
"""How long (nanoseconds) a sight counts: with a look every 0.4 s, SQLite is asked each second at least."""

Sight = tuple[int, int, int, int, int]
"""Inode, size, both times in nanoseconds, and the period that it counts for.

An equal one means that nothing was written.
"""


class Glance:
    """Looks at the log of this state, by the clock that file times are set by."""

    def __init__(self, state: Path, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._log = f"{state}-wal"
        self._now_ns = now_ns

    def sight(self) -> Sight | None:
        """What the log looks like now; None while that tells nothing: it changes, or is not there."""
        now_ns = self._now_ns()
        try:
            status = os.stat(self._log)  # noqa: PTH116 - twice a second and more
        except OSError:
            return None
        if max(status.st_mtime_ns, status.st_ctime_ns) > now_ns - SETTLED_NS:
            return None
        file = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        return *file, now_ns // BELIEVED_NS
