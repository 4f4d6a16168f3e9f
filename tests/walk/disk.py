"""A disk that refuses a running daemon, and takes what it writes again."""

from __future__ import annotations

import resource

from tests.walk.daemon import Daemon


def refuse_writes(daemon: Daemon) -> None:
    """The kernel refuses this process every write to a file, as a full disk does (setrlimit(2))."""
    _, most = resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (0, most))


def allow_writes(daemon: Daemon) -> None:
    _, most = resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (most, most))
