"""The high-water file beside a state: how far the state has come, so that an older copy of it is noticed.

The file `<state>.intents` holds one `Mark`: whose it is, and the numbers of the last intent and of the last
commit. The writer's thread writes it after each commit and before anybody is told of it, so a mark is never
ahead of the state that it lies beside: where it is, the state was rolled back. The commits are counted, and
not intents alone, because a lost receipt is a loss too. It is synced a second after the first mark that is
not: no commit waits for that which came before it, and all marks of that second share it. A loss of power may
so take back a second of marks, never of commits.

**Identity and lineage.** A state has a random identity for good, and a lineage until it is next found rolled
back. Then it gets a new one, and a mark of the new lineage may begin below the old: intents stay numbered
without gaps, and the next start is no rollback again. A mark of another lineage is believed by nobody.

**The order of writes when a state is opened**, and what a crash after each leaves:

1. The file is made (empty) and brought to the newest schema. Left: a state that never had a mark. It counts
   as new; an intent cannot exist yet, or comes from a version without marks.
2. One transaction gives it identity and lineage or, if it is in doubt, the quarantine with a new lineage. It
   is on disk. Left, new: a state that never had a mark, and none beside it: the next start makes it. Left, in
   doubt: the old mark, or none where one belongs: the next start is in doubt again, and nothing was released
   since.
3. The mark is put in place whole, and synced with its directory. Left: no mark of ours, or one that fits.
4. Where it is the first, the state notes (`marked` in meta) that it has one. Only from here on does a missing
   mark mean anything, and only from here on is the state given to anybody: an intent cannot be older.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

from reconciler.errors import StateUnwritable

SYNC_S = 1.0
"""How long a mark stays unsynced, and so how often the file is synced at most."""

_FORM = "reconciler-high-water 1 {} {} {:020d} {:020d} "
_SUM_BYTES = 16
_SIZE = len(_FORM.format("0" * 32, "0" * 32, 0, 0)) + 2 * _SUM_BYTES + 1


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a state has come. `identity` and `lineage` are 32 hex digits each, or empty in a new state."""

    identity: str
    lineage: str
    intents: int
    commits: int

    def encode(self) -> bytes:
        """One line of a fixed size that a person can read, with a checksum at its end."""
        text = _FORM.format(self.identity, self.lineage, self.intents, self.commits).encode()
        return text + blake2b(text, digest_size=_SUM_BYTES).hexdigest().encode() + b"\n"

    @classmethod
    def decode(cls, data: bytes) -> Mark | None:
        """The mark in these bytes; None if they are not exactly what `encode` gives."""
        try:
            _, _, identity, lineage, intents, commits, _ = data.decode("ascii").split(" ")
            mark = cls(identity, lineage, int(intents), int(commits))
        except ValueError:
            return None
        return mark if len(data) == _SIZE and mark.encode() == data else None


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no file."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """There is a file, and it holds no mark: it is damaged, or of a version that is not known here."""


Found = Mark | Missing | Unreadable


def mark_path(state: Path) -> Path:
    """The high-water file's place, beside the state."""
    return state.with_name(state.name + ".intents")


def find(state: Path) -> Found:
    """What lies beside this state. Raises OSError if it cannot be read, or is no regular file."""
    try:
        descriptor = _open(mark_path(state), os.O_RDONLY)
    except FileNotFoundError:
        return Missing()
    try:
        return Mark.decode(os.read(descriptor, _SIZE + 1)) or Unreadable()
    finally:
        os.close(descriptor)


def why_doubted(state: Mark, found: Found, *, is_marked: bool, is_restored: bool) -> str | None:
    """Why a state that says this of itself is not the newest that there was; None if nothing says so.

    `is_marked`: the state knows that it had a mark beside it. `is_restored`: the operator says it is a copy.
    """
    match found:
        case _ if is_restored:
            return "the state was declared restored (`run --restored`)"
        case Missing():
            return "the high-water file that belongs beside the state is missing" if is_marked else None
        case Unreadable():
            return "the high-water file beside the state is damaged"
        case Mark() if not state.identity:
            return f"the state is new, but its high-water file has reached intent {found.intents} already"
        case Mark() if found.identity != state.identity:
            return "the high-water file beside the state belongs to another state"
        case Mark() if found.lineage != state.lineage:
            return "the state and its high-water file come from before and after a restoration"
        case Mark() if found.intents > state.intents or found.commits > state.commits:
            return (
                f"the state is older than its high-water file: that has reached intent {found.intents}"
                f" and commit {found.commits}, the state intent {state.intents} and commit {state.commits}"
            )
        case _:
            return None


class HighWater:
    """The file, open for writing by one thread. Nothing here raises after `make`: failures are given."""

    def __init__(self, path: Path, descriptor: int, mark: Mark, clock_s: Callable[[], float]) -> None:
        self._path = path
        self._descriptor = descriptor
        self._mark = mark
        self._written: Mark | None = None
        self._is_synced = False
        self._due_s = 0.0
        self._clock_s = clock_s
        self._trouble: StateUnwritable | None = None
        """The last refusal, until a sync succeeds."""

    @classmethod
    def make(cls, state: Path, mark: Mark, clock_s: Callable[[], float] = time.monotonic) -> HighWater:
        """Put this mark beside the state, in the place of whatever was there, and sync it.

        It appears whole (written aside, synced, renamed): an empty file would be one that is damaged. Raises
        OSError.
        """
        path = mark_path(state)
        aside = path.with_name(path.name + ".new")
        descriptor = _open(aside, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        file = cls(path, descriptor, mark, clock_s)
        try:
            file._write()
            file._sync()
            aside.rename(path)
            sync_directory(path.parent)
        except BaseException:
            os.close(descriptor)
            raise
        return file

    def reach(self, intents: int, commits: int) -> StateUnwritable | None:
        """Note how far the state has come, not synced; gives what is wrong, if only with an earlier sync."""
        self._mark = replace(self._mark, intents=intents, commits=commits)
        try:
            self._write_if_new()
        except OSError as error:
            return self._refused(error)
        return self._trouble

    def keep_up(self) -> StateUnwritable | None:
        """Write what is not written, and sync if that is due; gives what is wrong. May be called again."""
        try:
            self._write_if_new()
            if not self._is_synced and self._clock_s() >= self._due_s:
                self._sync()
        except OSError as error:
            return self._refused(error)
        return self._trouble

    def due_in_s(self) -> float | None:
        """In how many seconds `keep_up` has something to do; None if all is on disk."""
        if self._is_synced and self._written == self._mark:
            return None
        return max(0.0, self._due_s - self._clock_s())

    def close(self) -> StateUnwritable | None:
        """Sync what is not, and give the file back."""
        self._due_s = self._clock_s()
        trouble = self.keep_up()
        os.close(self._descriptor)
        return trouble

    def _write_if_new(self) -> None:
        if self._written != self._mark:
            self._write()

    def _write(self) -> None:
        data = self._mark.encode()
        if os.pwrite(self._descriptor, data, 0) != len(data):
            raise OSError(0, "it was written in part")
        if self._is_synced:
            self._due_s = self._clock_s() + SYNC_S
        self._written, self._is_synced = self._mark, False

    def _sync(self) -> None:
        os.fdatasync(self._descriptor)
        self._is_synced, self._trouble = True, None

    def _refused(self, error: OSError) -> StateUnwritable:
        """After a failed sync the kernel may have dropped what was written, so it is written again."""
        self._written, self._is_synced = None, False
        self._due_s = self._clock_s() + SYNC_S
        self._trouble = StateUnwritable(f"{self._path}: {error.strerror}")
        return self._trouble


def sync_directory(directory: Path) -> None:
    """Make the names in this directory durable. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open(path: Path, flags: int) -> int:
    """Open without following a link, or waiting for the other end of a pipe."""
    descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "it is not a regular file", str(path))
    return descriptor
