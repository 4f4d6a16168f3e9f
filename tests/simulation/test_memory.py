"""The store in memory keeps the port's contract, so that what is simulated on it is what runs on a file."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulation.clock import DeadlockError, LivelockError, VirtualLoop
from tests.simulation.memory import Conditions, Disk, MemoryStore
from tests.store.contract import KEY, TRACE, StoreContract, claimed


@contextlib.asynccontextmanager
async def opened(disk: Disk, **how: Any) -> AsyncIterator[MemoryStore]:
    store = MemoryStore(disk, Conditions(**how))
    try:
        yield store
    finally:
        await store.close()


class TestContract(StoreContract):
    def open(self, directory: Path) -> contextlib.AbstractAsyncContextManager[MemoryStore]:
        return opened(Disk())

    @pytest.fixture
    def stored(self, loop: VirtualLoop, tmp_path: Path) -> Any:
        def run(scenario: Callable[[Any], Awaitable[Any]]) -> Any:
            async def main() -> Any:
                async with self.open(tmp_path) as store:
                    return await scenario(store)

            return loop.run_until_complete(main())

        return run


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    loop = VirtualLoop()
    yield loop
    loop.close()


def test_a_life_that_was_cut_off_writes_and_reads_nothing_any_more(loop: VirtualLoop) -> None:
    async def scene() -> None:
        disk = Disk()
        async with opened(disk) as store:
            await claimed(store, "a")
            writing = asyncio.ensure_future(store.begin(KEY, TRACE, 20))
            await asyncio.sleep(0)
            store.cut()
            await asyncio.sleep(1)
            assert not writing.done()
            writing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await store.waiting_runs()
        assert disk.rows("SELECT * FROM intents") == []

    loop.run_until_complete(scene())


def test_a_crash_after_the_commit_leaves_it_on_the_disk_and_tells_nobody(loop: VirtualLoop) -> None:
    async def scene() -> None:
        disk = Disk()
        async with opened(disk) as store:
            await claimed(store, "a")
            store.writer._conditions.point = lambda where: store.cut() if where == "after a commit" else None
            writing = asyncio.ensure_future(store.begin(KEY, TRACE, 20))
            await asyncio.sleep(1)
            assert not writing.done()
            writing.cancel()
        assert len(disk.rows("SELECT * FROM intents")) == 1

    loop.run_until_complete(scene())


def test_a_copy_that_is_put_back_is_the_state_of_its_time() -> None:
    disk = Disk()
    before = disk.copy()
    disk.connection.execute("INSERT INTO meta (key, value) VALUES ('a', 'b')")
    disk.put_back(before, with_mark=False)
    assert disk.rows("SELECT * FROM meta WHERE key = 'a'") == []


def test_a_day_passes_in_no_time(loop: VirtualLoop) -> None:
    async def scene() -> float:
        await asyncio.sleep(86_400)
        return asyncio.get_running_loop().time()

    assert loop.run_until_complete(scene()) == pytest.approx(86_400)


def test_to_wait_for_nothing_is_an_error(loop: VirtualLoop) -> None:
    waiting = asyncio.Event().wait()
    with pytest.raises(DeadlockError, match="for ever"):
        loop.run_until_complete(waiting)
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))


def test_to_be_busy_without_end_is_an_error(loop: VirtualLoop) -> None:
    async def busy() -> None:
        while True:  # noqa: ASYNC110 - that is the fault
            await asyncio.sleep(0)

    task = loop.create_task(busy())
    with pytest.raises(LivelockError, match="without end"):
        loop.run_until_complete(task)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)
