"""strace on a running daemon: to count its system calls, or to have the n-th of a kind fail."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.walk.daemon import PATIENCE_S

NO_STRACE = shutil.which("strace") is None
AS_ROOT = [] if os.geteuid() == 0 else ["sudo", "-n"]
"""Attaching to what is not one's own child, and mounting, may need it."""

_CALL = re.compile(r"^(\d+) +(\w+)\((?:\d+<([^>]*)>)?")


@contextmanager
def traced(pid: int, *options: str) -> Iterator[None]:
    """While the block lasts, all threads of this process are traced; nothing before was seen."""
    tracer = subprocess.Popen(
        [*AS_ROOT, "strace", "-f", "-y", "-p", str(pid), *options], stderr=subprocess.PIPE, text=True
    )
    assert tracer.stderr
    try:
        line = tracer.stderr.readline()
        assert "attached" in line, line
        yield
    finally:
        tracer.send_signal(signal.SIGTERM)  # it detaches, and the process goes on
        tracer.communicate(timeout=PATIENCE_S)


class Calls:
    """The system calls that `traced(pid, "-o", file, …)` wrote down."""

    def __init__(self, file: Path) -> None:
        self._calls = [found for line in file.read_text().splitlines() if (found := _CALL.match(line))]

    def most_of(self, call: str) -> int:
        """How many of a kind the busiest thread made: strace counts each thread's by itself."""
        return max(Counter(found[1] for found in self._calls if found[2] == call).values(), default=0)

    def count(self, calls: Sequence[str], ending: str) -> int:
        """How many of these were made on files whose names end so."""
        return sum(found[2] in calls and (found[3] or "").endswith(ending) for found in self._calls)
