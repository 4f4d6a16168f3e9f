"""One consistent snapshot of the tree of manifests, or the reason why there is none at this moment.

A snapshot counts only if the tree stood still while it was read: a look, a walk, the same look again. What a
look sees is `ground`'s, the walk is `walk`'s, what was read before `cache`'s. Nothing is deleted, retried or
told from here: each end is a value.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.source.cache import Cache, Reader, SourceFile
from reconciler.source.folder import Change, Files, Memory
from reconciler.source.ground import Ground, look
from reconciler.source.heard import ANYTHING, NOTHING, Heard
from reconciler.source.links import Broken
from reconciler.source.putoff import PutOff, PutOffReason, Unsettled
from reconciler.source.walk import SUFFIXES, Walk

__all__ = ["Missing", "PutOff", "PutOffReason", "Reader", "Snapshot", "SourceFile", "Tree"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The tree as it stood at one moment.

    `root` has no links; `files` goes by path relative to it, with `/`, in a fixed order, and is a view into
    the tree's memory: the next scan changes it. `changes` are the files whose documents differ from those of
    the last snapshot; of a first one that is all, and a view too. `revision` is the commit, where one is
    known. `unreadable` lists what may hide names: files with a document whose name could not be read, and
    directories (their path ends in `/`; `""` is the whole tree). `is_complete`: all was looked at, so what is
    not there is absent.
    """

    root: Path
    files: Mapping[str, SourceFile]
    unreadable: frozenset[str]
    revision: str | None
    changes: Mapping[str, Change]
    has_documents: bool
    is_complete: bool = True

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
        self._memory = Memory()
        self._stood_on: Ground | None = None
        """What the last snapshot stood on, if all that is remembered was seen on it."""

    def scan(self, heard: Heard = ANYTHING) -> Snapshot | PutOff | Missing:
        """Read the tree; blocks. An unchanged file is not read, and unchanged bytes are not parsed again.

        Where no more than some files was `heard` of, only their directories are looked at, and the snapshot
        is not complete. Else all is looked at, but for a tree that git-sync has put there as a whole, and of
        which nothing was heard since the last scan.
        """
        stood_on, self._stood_on = self._stood_on, None
        try:
            ground = look(self._jobs_dir)
            if isinstance(ground, Broken):
                return _missing(ground)
            seen = ground.obstacle() or self._scan(ground, heard, stands_as_before=ground == stood_on)
        except Unsettled as unsettled:
            return unsettled.put_off
        if isinstance(seen, Snapshot):
            self._stood_on = ground
        return seen

    def directories(self) -> frozenset[int] | None:
        """The inodes of the directories that the last scan found; None if not all are known. Lists nothing.

        As little as `scan` to be called while another thread scans.
        """
        return self._memory.inodes()

    def _scan(self, ground: Ground, heard: Heard, *, stands_as_before: bool) -> Snapshot | PutOff | Missing:
        is_untouched = stands_as_before and heard == NOTHING and ground.is_exchanged_whole
        if is_untouched and self._memory.is_all_read:
            return self._snapshot(ground, is_complete=True)
        is_narrow = stands_as_before and not heard.is_anything
        prefixes = self._folders_of(heard.paths, ground.root) if is_narrow else None
        walked = self._walk(ground.root, prefixes)
        if prefixes is not None and isinstance(walked, Missing):  # a folder, and not the tree
            prefixes, walked = None, self._walk(ground.root, None)
        return self._judged(walked, ground, look(self._jobs_dir), is_complete=prefixes is None)

    def _folders_of(self, paths: Collection[str], root: str) -> frozenset[str] | None:
        """The folders to look at for these files, if that is enough; None if all have to be looked at."""
        prefixes = set()
        for path in paths:
            prefix, slash, name = path.removeprefix(f"{root}/").rpartition("/")
            is_file_of_ours = path.startswith(f"{root}/") and name.endswith(SUFFIXES) and name[0] != "."
            if not is_file_of_ours or prefix + slash not in self._memory.folders:
                return None
            prefixes.add(prefix + slash)
        return frozenset(prefixes) or None

    def _judged(
        self, walked: PutOff | Missing | None, before: Ground, after: Ground | Broken, *, is_complete: bool
    ) -> Snapshot | PutOff | Missing:
        """First what happened to the tree as a whole: it explains whatever the walk ran into."""
        if isinstance(after, Broken):
            return _missing(after)
        put_off = after.obstacle() or before.moved(after)
        return put_off or walked or self._snapshot(before, is_complete=is_complete)

    def _walk(self, root: str, prefixes: frozenset[str] | None) -> PutOff | Missing | None:
        """Bring the memory up to date; what went wrong, if anything did."""
        try:
            root_fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            return Missing(f"{root}: {error.strerror}")
        walk = Walk(root, root_fd, Cache(self._read, self._now_ns()), self._memory)
        try:
            if prefixes is None:
                walk.run()
            else:
                walk.run_only(prefixes)
        except Unsettled as unsettled:
            return unsettled.put_off
        except OSError as error:
            return Missing(f"{root}: {error.strerror}")
        finally:
            os.close(root_fd)
        return None

    def _snapshot(self, ground: Ground, *, is_complete: bool) -> Snapshot:
        memory = self._memory
        return Snapshot(
            root=Path(ground.root),
            files=Files(memory.folders),
            unreadable=frozenset(memory.hiding | memory.unruled),
            revision=ground.revision,
            changes=memory.take_changes(),
            has_documents=memory.filled > 0,
            is_complete=is_complete,
        )


def _missing(broken: Broken) -> Missing:
    return Missing(f"{broken.parent.rstrip('/')}/{broken.name}: {broken.why}")
