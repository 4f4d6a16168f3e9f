"""What the ops port wants to know of the daemon: a narrow port, which the daemon's wiring fills in.

Only questions live here. How they are asked over HTTP is in `http`, how a page looks in `page`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from reconciler.core.item import Item
from reconciler.core.model import Pause
from reconciler.engine.status import Check, LastPass


class View(Protocol):
    """A read-only look at a running daemon. `live` and `ready` answer at once, from memory."""

    def live(self) -> Sequence[Check]:
        """Whether the process does its work at all; if not, a restart may help."""

    def ready(self) -> Sequence[Check]:
        """Whether it can take on work: the store can be written, and a first pass was planned."""

    def troubles(self) -> Sequence[str]:
        """What keeps the daemon from its work, each as a sentence; none when all is well."""

    def is_shut_out(self) -> bool:
        """Whether the state could not be opened: then nothing is known of any name."""

    def last_pass(self) -> LastPass | None:
        """The last complete pass; None before the first."""

    async def paused(self) -> Pause | None:
        """The pause, while an operator wants nothing submitted."""

    async def items(self) -> Sequence[Item]:
        """Every name, sorted."""

    async def item(self, name: str) -> Item | None:
        """One name; None if nothing is known by it."""
