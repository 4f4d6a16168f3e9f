"""One consistent snapshot of the tree of manifests, or the reason why there is none at this moment.

A snapshot counts only if the tree stood still while it was read: a look, a walk, the same look again. What a
look sees is `ground`'s, the walk is `walk`'s, what was read before `cache`'s. Nothing is deleted, retried or
told from here: each end is a value.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from reconciler.source.cache import Cache, Reader, SourceFile
from reconciler.source.ground import Ground, look
from reconciler.source.links import Broken
from reconciler.source.putoff import PutOff, PutOffReason, Unsettled
from reconciler.source.walk import Walk

__all__ = ["Missing", "PutOff", "PutOffReason", "Reader", "Snapshot", "SourceFile", "Tree"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The tree as it stood at one moment.

    `root` has no links; `files` goes by path relative to it, with `/`, in a fixed order; `revision` is the
    commit, where one is known. `unreadable` lists what may hide names: files with a document whose name
    could not be read, and directories (their path ends in `/`; `""` is the whole tree).
    """

    root: Path
    files: Mapping[str, SourceFile]
    unreadable: frozenset[str]
    revision: str | None

    def hides(self, path: str) -> bool:
        """Whether a name last seen in the file `path` may still be there, although it is not seen."""
        above = (path[: index + 1] for index, character in enumerate(path) if character == "/")
        return not self.unreadable.isdisjoint(("", path, *above))


@dataclass(frozen=True, slots=True)
class Missing:
    """The directory is not there, or cannot be listed. `detail` says which part of its path, and why."""

    detail: str


class Tree:
    """The jobs directory, read pass by pass. Not to be used by two threads at once.

    `now_ns` is the wall clock in nanoseconds since the epoch, the clock that file times are set by.
    """

    def __init__(self, jobs_dir: Path, read: Reader, *, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._jobs_dir = os.path.join(os.getcwd(), jobs_dir)  # noqa: PTH109, PTH118 - Path would drop "..", "."
        self._read = read
        self._now_ns = now_ns
        self._known: dict[str, SourceFile] = {}

    def scan(self) -> Snapshot | PutOff | Missing:
        """Read the tree; blocks. An unchanged file keeps the `documents` object that it had."""
        try:
            before = look(self._jobs_dir)
            if isinstance(before, Broken):
                return _missing(before)
            obstacle = before.obstacle()
            if obstacle:
                return obstacle
            seen = self._walk(before.root)
            return self._judged(seen, before, look(self._jobs_dir))
        except Unsettled as unsettled:
            return unsettled.put_off

    def _judged(
        self, seen: Walk | PutOff | Missing, before: Ground, after: Ground | Broken
    ) -> Snapshot | PutOff | Missing:
        """First what happened to the tree as a whole: it explains whatever the walk ran into."""
        if isinstance(after, Broken):
            return _missing(after)
        put_off = after.obstacle() or before.moved(after)
        if put_off:
            return put_off
        return self._snapshot(before, seen) if isinstance(seen, Walk) else seen

    def _walk(self, root: str) -> Walk | PutOff | Missing:
        cache = Cache(self._known, self._read, self._now_ns())
        try:
            root_fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            return Missing(f"{root}: {error.strerror}")
        walk = Walk(root, root_fd, cache)
        try:
            walk.run()
        except Unsettled as unsettled:
            # Each file read so far stood still by itself, so what is known of it stays true.
            self._known |= walk.files
            return unsettled.put_off
        except OSError as error:
            return Missing(f"{root}: {error.strerror}")
        finally:
            os.close(root_fd)
        return walk

    def _snapshot(self, ground: Ground, seen: Walk) -> Snapshot:
        self._known = seen.files
        files = MappingProxyType(seen.files)
        return Snapshot(Path(ground.root), files, frozenset(seen.unreadable), ground.revision)


def _missing(broken: Broken) -> Missing:
    return Missing(f"{broken.parent.rstrip('/')}/{broken.name}: {broken.why}")
