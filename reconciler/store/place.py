"""Where a state lies: what about its files makes it unusable, and what is only worth saying aloud.

Whoever can write the state can make the daemon submit, so its files have to be ours alone. What is not so by
mistake of a mode is told; what can only be somebody's doing, or would damage the state, is refused.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from reconciler.errors import StateUnusable

_ENDINGS = ("", "-wal", "-shm", "-journal", ".lock", ".intents", ".intents.new")


def refuse_links(state: Path) -> None:
    """Raises StateUnusable if a file of the state has another name or place, or is no file at all.

    Under two names SQLite keeps two logs for one file, and each undoes what the other says (SQLite manual,
    "How To Corrupt An SQLite Database File", 2.5). A link may also lead to a file that is not ours to write.
    """
    for path, seen in _files(state):
        if stat.S_ISLNK(seen.st_mode):
            raise StateUnusable(f"{path} is a symbolic link; name the file that it leads to, or move it here")
        if not stat.S_ISREG(seen.st_mode):
            raise StateUnusable(f"{path} is not a regular file, so it is not ours")
        if seen.st_nlink > 1:
            raise StateUnusable(
                f"{path} is one file under {seen.st_nlink} names, which damages a state; use a copy of it"
            )


def refuse_of_others(state: Path) -> None:
    """Raises StateUnusable if a file of the state belongs to another user.

    They could change it under us. And as root, who could write it, we would leave files there that its owner
    cannot open.
    """
    for path, seen in _files(state):
        if seen.st_uid != os.geteuid():
            raise StateUnusable(
                f"{path} belongs to user {seen.st_uid}, and we are user {os.geteuid()}: run this as that"
                " user, or give all files of the state to this one (chown)"
            )


def exposures(state: Path) -> Iterator[str]:
    """What others may do to the state, as sentences; nothing for what is not there yet."""
    directory = state.absolute().parent
    if _mode(directory) & stat.S_IWOTH:
        yield f"anybody may put files beside the state: chmod o-w {directory}"
    for path, seen in _files(state):
        if seen.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield f"others may read or write the state: chmod 600 {path}"


def _mode(directory: Path) -> int:
    """0 for one that is not there yet, or cannot be looked at: to open the state will tell that."""
    try:
        return directory.stat().st_mode
    except OSError:
        return 0


def _files(state: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for ending in _ENDINGS:
        path = state.with_name(state.name + ending)
        try:
            seen = path.lstat()
        except OSError:  # as above
            continue
        yield path, seen
