"""What the kernel says of this process's inotify watches, apart from what any library believes.

Linux tells in `/proc/self/fdinfo/<fd>` which inodes an inotify descriptor watches (proc(5)). Elsewhere there
is nothing to read, and every answer here is None: then only the resync notices what no watch covers.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

WATCH_LIMIT = "/proc/sys/fs/inotify/max_user_watches"
INSTANCE_LIMIT = "/proc/sys/fs/inotify/max_user_instances"
DESCRIPTORS = "/proc/self/fd"

_WATCHES = re.compile(rb"^inotify .*?\bino:([0-9a-f]+)", re.MULTILINE)


def watched_inodes() -> frozenset[int] | None:
    """The inodes that any inotify descriptor of this process watches; None where the kernel does not tell."""
    try:
        fds = os.listdir(DESCRIPTORS)  # noqa: PTH208
    except OSError:
        return None
    found: set[int] = set()
    for fd in fds:
        found.update(_watched_by(fd))
    return frozenset(found)


def directories_below(path: str) -> dict[int, str]:
    """All directories that can be listed at and below `path`, by inode. No link is followed.

    One that cannot be listed is left out: it cannot be watched either (inotify_add_watch(2), EACCES).
    """
    found: dict[int, str] = {}
    pending = [path]
    while pending:
        directory = pending.pop()
        try:
            with os.scandir(directory) as entries:
                pending.extend(entry.path for entry in entries if entry.is_dir(follow_symlinks=False))
            found[os.stat(directory).st_ino] = directory  # noqa: PTH116
        except OSError:
            continue
    return found


def limit(path: str) -> str:
    """The number in one of the limit files, or "unknown"."""
    try:
        return Path(path).read_text().strip()
    except OSError:
        return "unknown"


def _watched_by(fd: str) -> set[int]:
    try:
        if os.readlink(f"{DESCRIPTORS}/{fd}") != "anon_inode:inotify":  # noqa: PTH115
            return set()
        text = Path(f"/proc/self/fdinfo/{fd}").read_bytes()
    except OSError:
        return set()
    return {int(inode, 16) for inode in _WATCHES.findall(text)}
