"""Waiting for a state by being told of changes, instead of looking again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Announcer:
    """Wakes all who wait whenever something changed. For use within one event loop."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def announce(self) -> None:
        """Something changed: everybody who waits looks again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Return as soon as this holds; it is asked now and after each announcement."""
        while not is_so():
            await self._changed.wait()
