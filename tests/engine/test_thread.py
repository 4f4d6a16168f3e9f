"""Work in a thread that the end of the process does not wait for."""

from __future__ import annotations

import asyncio
import threading

import pytest

from reconciler.engine.thread import in_thread


def test_what_the_work_gives_is_given() -> None:
    async def main() -> None:
        assert await in_thread(threading.current_thread) is not threading.current_thread()

    asyncio.run(main())


PATIENCE_S = 120.0


def test_what_the_work_raises_is_raised() -> None:
    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            await in_thread(lambda: 1 // 0)

    asyncio.run(main())


def test_nobody_waits_for_work_that_hangs() -> None:
    is_over, is_done = threading.Event(), threading.Event()

    def hang() -> None:
        is_over.wait(PATIENCE_S)
        is_done.set()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(in_thread(hang), 0.05)

    asyncio.run(main())
    assert not is_done.is_set()
    is_over.set()  # the loop has ended by now: there is nobody to tell, and that is no trouble
    assert is_done.wait(PATIENCE_S)


def test_who_has_been_cancelled_is_told_nothing() -> None:
    is_over = threading.Event()

    async def main() -> None:
        waiting = asyncio.create_task(in_thread(lambda: is_over.wait(PATIENCE_S)))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        is_over.set()
        assert await in_thread(lambda: "another") == "another"

    asyncio.run(main())
