"""What was heard of the tree since it was looked at last: how much of it a scan has to look at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heard:
    """The files that changed, by their paths without links; `is_anything`: or something else, no matter what.

    A directory, a link, rules, events that were lost: whatever is not one of our files is anything.
    """

    paths: frozenset[str] = frozenset()
    is_anything: bool = False

    def __or__(self, other: Heard) -> Heard:
        """Both together."""
        return Heard(self.paths | other.paths, self.is_anything or other.is_anything)


NOTHING = Heard()
ANYTHING = Heard(is_anything=True)
