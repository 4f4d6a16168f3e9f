"""Where to listen, so that no change of the tree can go unheard: a value, computed anew at each check.

The tree itself is one place, with all below it. The others are single directories with the few names in
them that matter: each link on the way to the tree lies in one (a watch through a link sees nothing of the
link's next target), the tree's own name in another, git's index and HEAD in a third (a checkout is over when
they change), and while the way is broken, the missing name where it breaks. Nothing is watched here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from reconciler.source.links import Broken, Reached, Trail, follow
from reconciler.source.worktree import worktree_around

GIT_NAMES = frozenset({"index", "index.lock", "HEAD"})


@dataclass(frozen=True, slots=True)
class Place:
    """One directory to listen in, by its path without links and its (device, inode).

    `names` are the entries that matter; None means all, here and in every directory below.
    """

    path: str
    identity: tuple[int, int]
    names: frozenset[str] | None

    @property
    def is_tree(self) -> bool:
        """Whether this place is the tree of manifests itself."""
        return self.names is None


def places(jobs_dir: str) -> tuple[Place, ...]:
    """Where to listen for `jobs_dir` as things stand; the tree comes first where it exists."""
    trail = follow(jobs_dir)
    names = _names_around(trail)
    around = [Place(path, _identity(path), frozenset(found)) for path, found in sorted(names.items())]
    if isinstance(trail.end, Reached):
        return (Place(trail.end.path, trail.end.identity, None), *around)
    return tuple(around)


def _names_around(trail: Trail) -> dict[str, set[str]]:
    """The names that matter, by the directory that holds them."""
    names: dict[str, set[str]] = {}
    for link in trail.links:
        names.setdefault(link.parent, set()).add(link.name)
    match trail.end:
        case Broken(parent, name, _):
            directory, name = _existing(parent, name)
            names.setdefault(directory, set()).add(name)
        case Reached(path, _):
            parent, _, name = path.rpartition("/")
            names.setdefault(parent or "/", set()).add(name)
            worktree = worktree_around(path)
            if worktree:
                names.setdefault(worktree.git_dir, set()).update(GIT_NAMES)
    return names


def _existing(parent: str, name: str) -> tuple[str, str]:
    """The nearest directory above that can be watched, and the name in it to wait for."""
    while parent != "/" and not os.path.isdir(parent):  # noqa: PTH112
        parent, _, name = parent.rpartition("/")
        parent = parent or "/"
    return parent, name


def _identity(path: str) -> tuple[int, int]:
    try:
        status = os.lstat(path)
    except OSError:
        # It went this moment. The next look at the places differs, and that is all that this is for.
        return (0, 0)
    return (status.st_dev, status.st_ino)
