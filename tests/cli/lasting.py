"""States for the commands to read: made by the engine's own parts, as a daemon leaves them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from structlog.testing import capture_logs

from tests.engine.stage import DEADLINE_S, Stage, play, play_closed

STATE = Path(".reconciler") / "state.db"
"""Where the commands look by default, below the directory that they are started in."""


def left_behind(directory: Path, scene: Callable[[Stage], Awaitable[None]]) -> None:
    """A state after this scene, for commands that are started in this directory."""
    (directory / STATE).parent.mkdir(exist_ok=True)
    play(directory, scene, state=directory / STATE)


@contextmanager
def living_daemon(directory: Path, before: Callable[[Stage], Awaitable[None]]) -> Iterator[Stage]:
    """A daemon in a thread of its own, with a loop of its own, for as long as the block lasts."""
    is_ready, is_over = threading.Event(), threading.Event()
    stages: list[Stage] = []

    async def scene(stage: Stage) -> None:
        await before(stage)
        async with stage.living():
            await stage.until(lambda: stage.parts.status.is_planned and not stage.parts.passes.needs_replan)
            await stage.until(lambda: len(stage.parts.queue) == 0 and stage.parts.workers.busy == 0)
            stages.append(stage)
            is_ready.set()
            await asyncio.to_thread(is_over.wait, 2 * DEADLINE_S)

    where = {"state": directory / STATE}
    thread = threading.Thread(target=play_closed, args=(directory, scene), kwargs=where)
    with capture_logs():  # what it logs is no command's output
        thread.start()
        try:
            assert is_ready.wait(DEADLINE_S)
            yield stages[0]
        finally:
            is_over.set()
            thread.join()
