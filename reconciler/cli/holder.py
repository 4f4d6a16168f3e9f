"""Who we are, for the lock file: what a second process is told of the first."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime


def holder() -> dict[str, str | int]:
    """Our process ID, our host, and since when."""
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
