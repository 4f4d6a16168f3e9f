"""What was heard of the tree since it was looked at last: how much of it a scan has to look at."""

from __future__ import annotations

from dataclasses import dataclass

MOST_PATHS = 1_000
"""So many files are looked at one by one; where more have changed, everything is looked at."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The files that changed, by their paths without links; `is_anything`: or something else, no matter what.

    A directory, a link, rules, events that were lost: whatever is not one of our files is anything.
    """

    paths: frozenset[str] = frozenset()
    is_anything: bool = False

    def __or__(self, other: Heard) -> Heard:
        """Both together; of more than MOST_PATHS files it is not worth to know which."""
        if self.is_anything or other.is_anything:
            return ANYTHING
        paths = self.paths | other.paths
        return ANYTHING if len(paths) > MOST_PATHS else Heard(paths)


NOTHING = Heard()
ANYTHING = Heard(is_anything=True)
