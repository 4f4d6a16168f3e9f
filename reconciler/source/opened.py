"""A directory of the tree on the way down: opened when it is first needed, and from its parent only."""

from __future__ import annotations

import os
from dataclasses import dataclass

from reconciler.source.putoff import Unsettled
from reconciler.source.reading import open_directory


@dataclass(slots=True)
class Opened:
    """The directory `prefix` (its path with a `/` at the end), `depth` below the root of the tree.

    No link is followed on the way, so whoever exchanges a directory for a link leads nobody out of the tree.
    """

    name: str
    prefix: str
    parent: Opened | None
    depth: int
    _fd: int = -1

    @classmethod
    def root(cls, fd: int) -> Opened:
        """The root of the tree, which is open already and stays so."""
        return cls("", "", None, 0, fd)

    def below(self, name: str) -> Opened:
        """A directory in this one."""
        return Opened(name, f"{self.prefix}{name}/", self, self.depth + 1)

    def fd(self) -> int:
        """Its descriptor. Raises Unsettled if it went, OSError if it cannot be opened."""
        if self._fd < 0 and self.parent is not None:
            try:
                self._fd = open_directory(self.name, self.parent.fd())
            except (FileNotFoundError, NotADirectoryError):
                raise Unsettled.file(self.prefix, "went") from None
        return self._fd

    def close(self) -> None:
        """Close it, if it was opened from here."""
        if self._fd >= 0 and self.parent is not None:
            os.close(self._fd)
            self._fd = -1
