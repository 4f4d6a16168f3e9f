"""The writer and the high-water file: brought up before anybody is told, and never left unsynced for long."""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import StateUnwritable
from reconciler.store import highwater
from reconciler.store.highwater import HighWater, Mark, find
from reconciler.store.sqlite import SqliteStore
from reconciler.store.writer import DEFER_S, Writer, _Entry
from tests.store.contract import KEY, TRACE, claimed
from tests.store.lived import HOLDER, ORIGIN

DEADLINE_S = 120.0
MARK = Mark("a" * 32, "b" * 32, 7, 50)


class Standing:
    """A clock that stands still."""

    def monotonic(self) -> float:
        return 1000.0


def marked(state: Path) -> Mark:
    found = find(state)
    assert isinstance(found, Mark)
    return found


class Line:
    """A queue that holds these and remembers how long each, and one more, was waited for."""

    def __init__(self, *is_urgent: bool) -> None:
        self._left = list(is_urgent)
        self.waits: list[float | None] = []

    def get(self, timeout: float | None) -> Any:
        self.waits.append(timeout)
        if not self._left:
            raise queue.Empty
        return _Entry(lambda _: None, Any, self._left.pop(0))


@pytest.mark.parametrize(
    ("line", "last"),
    [
        ([False], DEFER_S),
        ([False, False], DEFER_S),
        ([True], 0),
        ([False, True], 0),
        ([True, False], 0),
        ([True, False, False], 0),
    ],
)
def test_only_deferred_writes_alone_wait_for_company(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: list[bool], last: float
) -> None:
    monkeypatch.setattr("reconciler.store.writer.time", Standing())
    writer: Any = object.__new__(Writer)  # without its thread
    writer._entries = Line(*line)
    writer._high_water = HighWater.make(tmp_path / "state.db", MARK)
    group, _ = writer._gather()
    assert [entry.is_urgent for entry in group] == line
    assert writer._entries.waits[0] is None
    assert writer._entries.waits[-1] == pytest.approx(last)
    writer._high_water.close()


def test_whoever_is_told_of_a_commit_finds_it_marked(tmp_path: Path) -> None:
    state = tmp_path / "state.db"

    async def main() -> None:
        store = await SqliteStore.open(state, ORIGIN, HOLDER, lambda *_: None)
        await claimed(store, "a")
        before = marked(state)
        assert await store.begin(KEY, TRACE, 20) is not None
        after = marked(state)
        assert (before.intents, after.intents) == (0, 1)
        assert after.commits > before.commits
        await store.close()

    asyncio.run(main())


def test_nobody_waits_for_the_sync_of_the_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(highwater, "SYNC_S", 0.0)
    sync, may_sync, was_told = HighWater._sync, threading.Event(), []

    def held_back(file: HighWater) -> None:
        was_told.append(may_sync.wait(DEADLINE_S))
        sync(file)

    async def main() -> None:
        store = await SqliteStore.open(tmp_path / "state.db", ORIGIN, HOLDER, lambda *_: None)
        monkeypatch.setattr(HighWater, "_sync", held_back)
        await store.check_writable()
        may_sync.set()
        await store.close()

    asyncio.run(main())
    assert was_told
    assert all(was_told)


def test_when_it_gets_quiet_the_mark_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(highwater, "SYNC_S", 0.2)
    sync = HighWater._sync

    async def main() -> None:
        store = await SqliteStore.open(tmp_path / "state.db", ORIGIN, HOLDER, lambda *_: None)
        loop, is_synced = asyncio.get_running_loop(), asyncio.Event()

        def synced(file: HighWater) -> None:
            sync(file)
            loop.call_soon_threadsafe(is_synced.set)

        monkeypatch.setattr(HighWater, "_sync", synced)
        await store.check_writable()
        await store.check_writable()  # at least one of the two is not synced with its commit
        async with asyncio.timeout(DEADLINE_S):
            while store._writer._high_water.due_in_s() is not None:
                await is_synced.wait()
                is_synced.clear()
        await store.close()

    asyncio.run(main())


def test_a_mark_that_is_refused_is_told_undoes_nothing_and_is_tried_again_when_quiet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(highwater, "SYNC_S", 0.05)
    state = tmp_path / "state.db"
    refused: list[StateUnwritable] = []

    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    async def main() -> None:
        loop, again = asyncio.get_running_loop(), asyncio.Event()

        def observe(seconds: float | None, refusal: StateUnwritable | None) -> None:
            if refusal is not None:
                refused.append(refusal)
                if seconds is None:  # between commits
                    loop.call_soon_threadsafe(again.set)

        store = await SqliteStore.open(state, ORIGIN, HOLDER, observe)
        with monkeypatch.context() as patched:
            patched.setattr(os, "pwrite", refuse)
            await claimed(store, "a")
            async with asyncio.timeout(DEADLINE_S):
                await again.wait()
        assert [item.name for item in await store.items()] == ["a"]
        await store.close()

    asyncio.run(main())
    assert "No space left on device" in str(refused[0])

    async def later() -> None:
        store = await SqliteStore.open(state, ORIGIN, HOLDER, lambda *_: None)
        assert await store.quarantine() is None
        await store.close()

    asyncio.run(later())
