"""Whether every directory of the tree is watched, as far as the kernel tells. What follows is `watch`'s.

The tree itself is listed for that only where there is a doubt: a directory came, the watches are new, or one
that the last look at the tree found is not watched. Else what that look found is compared, which costs a
hundredth at 5,000 directories; what came unheard since then stands in the next look.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from reconciler.source.kernel import directories_below, watched_inodes

COMPARE_S = 60.0
"""How often (seconds) the watched directories are compared with those that exist, if nothing calls for it."""

CATCH_UP_S = 1.0
"""How long (seconds) a new directory may go unwatched: watchdog adds it when it hears of it."""


@dataclass(frozen=True, slots=True)
class Full:
    """No directory is known to go unwatched."""


@dataclass(frozen=True, slots=True)
class Unwatched:
    """So many of all directories are not watched, and were not a while ago."""

    missing: int
    of: int


@dataclass(slots=True)
class Coverage:
    """Compares now and then, and twice before it says that something is missing.

    `known` gives the inodes of the directories that the last look at the tree found; None if it cannot say.
    """

    known: Callable[[], frozenset[int] | None] = lambda: None
    _is_in_doubt: bool = True
    _due_s: float = 0.0
    _suspects: frozenset[int] = field(default_factory=frozenset)
    _since_s: float = 0.0

    def doubt(self) -> None:
        """Compare at the next occasion: a directory came, or the watches are new. From any thread."""
        self._is_in_doubt = True

    def compare(self, root: str, now_s: float) -> Full | Unwatched | None:
        """What is known at `now_s` (monotonic seconds); None while it is not time, or not sure yet."""
        is_in_doubt = self._is_in_doubt
        if not is_in_doubt and now_s < self._due_s:
            return None
        # Before the look: a doubt that comes while it lasts is kept.
        self._is_in_doubt, self._due_s = False, now_s + COMPARE_S
        if not is_in_doubt and self._are_known_watched():
            return Full()
        missing, of = _missing(root)
        if not missing:
            self._suspects = frozenset()
            return Full()
        still = missing & self._suspects
        if still and now_s - self._since_s >= CATCH_UP_S:
            self._suspects = frozenset()
            return Unwatched(len(still), of)
        self._is_in_doubt = True
        if not still:
            self._suspects, self._since_s = missing, now_s
        return None

    def _are_known_watched(self) -> bool:
        known, watched = self.known(), watched_inodes()
        return known is not None and watched is not None and known <= watched


def _missing(root: str) -> tuple[frozenset[int], int]:
    """The inodes of directories that are not watched, and how many directories there are."""
    exist = directories_below(root)
    watched = watched_inodes()
    root_inode = next((inode for inode, path in exist.items() if path == root), None)
    if watched is None or root_inode not in watched:
        # Not Linux, or a file system whose inodes the kernel numbers unlike stat(2): nothing to compare.
        return frozenset(), len(exist)
    return frozenset(exist.keys() - watched), len(exist)
