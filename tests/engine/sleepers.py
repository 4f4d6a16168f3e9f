"""The event loop's clock for a part that sleeps: it stands still unless a test moves it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field


@dataclass(eq=False)
class Sleeper:
    """Somebody who sleeps, and until when."""

    due_s: float
    woken: asyncio.Future[None]


@dataclass
class Sleepers:
    """The event loop's clock for those who sleep in the settler; it stands still unless it is moved."""

    now_s: float = 0.0
    due: list[Sleeper] = field(default_factory=list)
    asked: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.asked.append(seconds)
        sleeper = Sleeper(self.now_s + seconds, asyncio.get_running_loop().create_future())
        self.due.append(sleeper)
        try:
            await sleeper.woken
        finally:
            self.due.remove(sleeper)

    def advance(self, seconds: float) -> int:
        """Let time go by; gives how many wake up."""
        self.now_s += seconds
        late = [it for it in self.due if it.due_s <= self.now_s and not it.woken.done()]
        for sleeper in late:
            sleeper.woken.set_result(None)
        return len(late)
