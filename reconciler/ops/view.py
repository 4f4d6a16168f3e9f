"""What the ops port wants to know of the daemon: a narrow port, which the daemon's wiring fills in.

Only questions live here. How they are asked over HTTP is in `http`, how a page looks in `page`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from reconciler.core.account import Account
from reconciler.core.item import Item
from reconciler.core.overview import Overview, Question
from reconciler.core.record import Dossier
from reconciler.engine.standing import Standing
from reconciler.engine.status import Check


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

    def standing(self) -> Standing:
        """How it stands, for people."""

    async def overview(self, question: Question) -> Overview | None:
        """The counts and items that are asked for; None before the state is open. Raises StateUnwritable."""

    async def dossier(self, name: str, events: int) -> Dossier | None:
        """All that is known of one name, with so many of its newest events. Raises StateUnwritable."""

    async def account(self, name: str) -> Account | None:
        """What is wanted, known and next of one name; None while that cannot be said."""

    async def items(self) -> Sequence[Item]:
        """Every name, sorted."""

    async def item(self, name: str) -> Item | None:
        """One name; None if nothing is known by it."""
