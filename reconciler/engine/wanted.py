"""What is wished for each name, from the looks at the tree that counted, and from what the state knows.

A look brings what changed in the files; until it counts, that is only kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from reconciler.core.absence import Absence
from reconciler.core.claims import Claims
from reconciler.core.model import Name
from reconciler.core.plan import Wish
from reconciler.core.sighting import Presence
from reconciler.errors import StateUnwritable
from reconciler.source.folder import Change, then
from reconciler.source.tree import Snapshot
from reconciler.store.port import Store


@dataclass(slots=True)
class Wanted:
    """The claims of the tree, and the names that the state knows and the tree lacks."""

    store: Store
    claims: Claims
    """What the tree asks for, under the policy of how many manifests may stand where.

    What each may ask for whoever reads the tree has seen to.
    """

    _unapplied: Mapping[str, Change] = field(default_factory=dict)
    """What changed in the tree and is not among the claims yet."""

    _changed: dict[Name, None] = field(default_factory=dict)
    """What is among the claims, and was not compared with the state yet; in order."""

    _lacking: dict[Name, Absence] = field(default_factory=dict)
    _has_compared: bool = False
    """Whether all that the state knows was compared with the claims."""

    def keep(self, snapshot: Snapshot) -> None:
        """What a look found is kept, whether it counts or not: the tree tells each change once."""
        if not self._unapplied and snapshot.has_documents:
            self._unapplied = snapshot.changes  # taken in before the next look
            return
        self._unapplied = dict(self._unapplied)
        for path, change in snapshot.changes.items():
            before = self._unapplied.get(path)
            self._unapplied[path] = change if before is None else then(before, change)

    @property
    def loses_names(self) -> bool:
        """Whether some file lacks a name that it had: it may stand in another, or be gone."""
        return self.claims.loses_names(self._unapplied)

    async def known(self) -> int:
        """How many names are known that do not count as deleted."""
        lacking = self._lacking if self._has_compared else await self.store.known(self.claims)
        return len(self.claims) + len(lacking)

    async def take_in(self) -> list[Name]:
        """Let what was kept count; gives the names whose wish may be another now."""
        self._changed.update(dict.fromkeys(self.claims.update(self._unapplied)))
        self._unapplied = {}
        changed = list(self._changed)
        for name in changed:
            self._lacking.pop(name, None)
        gone = [name for name in changed if name not in self.claims]
        try:
            await self._compare(gone)
        except BaseException:
            self._has_compared = False  # what is gone would be forgotten
            raise
        self._changed = {}
        return changed

    @contextmanager
    def counting(self, snapshot: Snapshot) -> Iterator[list[Name]]:
        """Count a pass, unless what follows cannot be recorded; gives the names whose wish is another now.

        Only a complete one says of a name that it is absent.
        """
        before = self._lacking
        if snapshot.is_complete:
            self._lacking = {name: absence.after_pass(snapshot.hides) for name, absence in before.items()}
        try:
            yield [name for name, absence in self._lacking.items() if absence.wish != before[name].wish]
        except StateUnwritable:
            self._lacking = before
            raise

    @property
    def is_first_absence(self) -> bool:
        """Whether a name is absent that another pass has to confirm."""
        return any(absence.passes == 1 for absence in self._lacking.values())

    def deleted(self, name: Name) -> None:
        """The state knows the name as deleted from here on."""
        self._lacking.pop(name, None)

    def wish(self, name: Name) -> Wish | None:
        """What the tree asked for under this name when it was last looked at; None if nobody can say."""
        return self.claims.wish(name) or self._lacking_wish(name)

    def wishes(self, names: Iterable[Name]) -> dict[Name, Wish | None]:
        """What the tree asked for under each of these names, in their order."""
        claimed = self.claims.wishes(names)
        return {name: wish or self._lacking_wish(name) for name, wish in claimed.items()}

    def _lacking_wish(self, name: Name) -> Wish | None:
        absence = self._lacking.get(name)
        return absence.wish if absence is not None else None

    async def _compare(self, gone: Sequence[Name]) -> None:
        """Find out which names are known and not claimed (any more); of `gone` we know that."""
        if not self._has_compared:
            known = await self.store.known(self.claims)
            self._lacking = {name: Absence(path) for name, path in known.items()}
            self._has_compared = True
        elif gone:
            world = await self.store.world(gone, ())
            for name, observed in world.names.items():
                seen = observed.sighting
                if seen is not None and seen.presence is not Presence.DELETED:
                    self._lacking[name] = Absence(seen.path)
