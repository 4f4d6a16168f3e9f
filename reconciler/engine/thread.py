"""A thread for work that blocks and may hang: a scan of a file system that does not answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """What `work` gives for these arguments, done in a thread for which the end of the process does not wait.

    `asyncio.to_thread` would: its threads are joined when the loop ends, and a drain would take as long as
    the slowest scan.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            result = work(*args, **named)
        except BaseException as error:  # for whoever waits
            _tell(loop, future, lambda error=error: future.set_exception(error))  # type: ignore[misc]
        else:
            _tell(loop, future, lambda: future.set_result(result))

    threading.Thread(target=run, name="scan", daemon=True).start()
    return await future


def _tell(loop: asyncio.AbstractEventLoop, future: asyncio.Future[T], settle: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # the loop has ended: nobody waits
        loop.call_soon_threadsafe(lambda: None if future.done() else settle())
