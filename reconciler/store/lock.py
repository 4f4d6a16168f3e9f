"""One daemon a state: an exclusive lock on a file beside it, which names its holder.

The kernel ends the lock with the process, however that ends, so a stale lock cannot exist.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import StateInUse


@dataclass(frozen=True, slots=True)
class Lock:
    """A held lock; `release` gives it back."""

    descriptor: int

    @classmethod
    def take(cls, state: Path, holder: dict[str, str | int]) -> Lock:
        """Lock this state, and say in the lock file who holds it.

        Raises StateInUse, naming the holder, if another process has it, and OSError if the file cannot be
        written.
        """
        descriptor = os.open(lock_path(state), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise StateInUse(str(state), holder_of(state)) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(holder).encode(), 0)
        return cls(descriptor)

    def release(self) -> None:
        """Give the lock back; the file stays, since to remove it would race with the next holder."""
        os.close(self.descriptor)


def lock_path(state: Path) -> Path:
    """The lock's file, beside the state."""
    return state.with_name(state.name + ".lock")


def holder_now(state: Path) -> str | None:
    """Who has the state now, as a phrase for a person; None if nobody has. Writes nothing.

    Raises OSError if the lock's file cannot be read.
    """
    try:
        descriptor = os.open(lock_path(state), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return holder_of(state)
    finally:
        os.close(descriptor)
    return None


def holder_of(state: Path) -> str:
    """Who holds the lock, as a phrase for a person; the file may be half written, so this never fails."""
    try:
        said = json.loads(lock_path(state).read_text())
        return f"process {said['pid']} on {said['host']}, since {said['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
