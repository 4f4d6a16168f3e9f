"""Forget what is old, in small bites: events, and names that were deleted long ago. Never a run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from reconciler.core.model import Name
from reconciler.errors import StateUnwritable
from reconciler.store.port import Store

log = structlog.get_logger("reconciler.daemon")

DAY_MS = 86_400_000

LOOK_S = 60.0
"""How often it is looked for what is old."""

BREATH_S = 0.5
"""How long other writes have to themselves between two bites."""


@dataclass(slots=True)
class Keeper:
    """Keeps history and deleted names for so many days; 0 keeps them for ever."""

    store: Store
    history_days: float
    deleted_days: float
    now_ms: Callable[[], int]

    async def run(self) -> None:
        """Look now and then, for as long as the daemon runs."""
        while True:
            with suppress(StateUnwritable):  # looked for again
                while await self.forget():  # noqa: ASYNC110 - the breath is for the others
                    await asyncio.sleep(BREATH_S)
            await asyncio.sleep(LOOK_S)

    async def forget(self) -> bool:
        """Forget a bite of each; says whether there was anything."""
        events, names = 0, list[Name]()
        if self.history_days:
            events = await self.store.forget_events(self._before_ms(self.history_days))
        if self.deleted_days:
            names = await self.store.forget_names(self._before_ms(self.deleted_days))
        if events or names:
            log.info("forgotten", events=events, names=len(names))
        return bool(events or names)

    def _before_ms(self, days: float) -> int:
        return self.now_ms() - int(days * DAY_MS)
