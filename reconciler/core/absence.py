"""Names that the state knows and no document claims: only two complete passes in a row make one deleted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from reconciler.core.action import Absent, Unreadable


@dataclass(frozen=True, slots=True)
class Absence:
    """A name's last `path`, and for how many complete passes in a row the tree lacked it.

    `is_hidden`: it may still be there, where nobody can read; then it is not absent.
    """

    path: str
    passes: int = 0
    is_hidden: bool = False

    def after_pass(self, hides: Callable[[str], bool]) -> Absence:
        """What it is after another complete pass, which `hides` some paths."""
        if hides(self.path):
            return Absence(self.path, is_hidden=True)
        return replace(self, passes=self.passes + 1, is_hidden=False)

    @property
    def wish(self) -> Absent | Unreadable | None:
        """What is wished for such a name; None before a complete pass has spoken."""
        if self.is_hidden:
            return Unreadable(self.path)
        return Absent(self.passes) if self.passes else None
