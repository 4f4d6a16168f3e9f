"""An event loop on a virtual clock: when nobody has anything to do, it is the time of the next timer.

There are no sockets and no threads: work for an executor is done at once, and its result comes a moment
later. Whatever runs here takes no time but the time that it sleeps, and the same program runs the same way
each time.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from typing import Any

MOST_STEPS_AT_ONCE = 200_000
"""So many steps without the clock moving are a livelock."""


class DeadlockError(AssertionError):
    """Nobody has anything to do, and nobody waits for a time."""


class LivelockError(AssertionError):
    """Somebody is busy without end while the clock stands still."""


class _Task(asyncio.Task[Any]):
    """A task whose place in a set is not that of its address in memory: sets of tasks are gone through."""

    _numbers = itertools.count()

    def __new__(cls, *_: Any, **__: Any) -> _Task:
        task = super().__new__(cls)
        task._number = next(cls._numbers)
        return task

    def __hash__(self) -> int:
        return self._number


class VirtualLoop(asyncio.BaseEventLoop):
    """Time is a number in here. `reading_s` gives how long an executor takes for what it is asked."""

    def __init__(self, reading_s: Callable[[], float] = lambda: 0.0) -> None:
        super().__init__()
        self.reading_s = reading_s
        self._now_s = 0.0
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._count = itertools.count()
        self._steps = 0
        _Task._numbers = itertools.count()
        self.set_task_factory(lambda loop, coro, **how: _Task(coro, loop=loop, **how))

    def time(self) -> float:
        return self._now_s

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        future = self.create_future()
        try:
            result = func(*args)
        except Exception as error:
            self.call_later(self.reading_s(), _fail, future, error)
        else:
            self.call_later(self.reading_s(), _give, future, result)
        return future

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> asyncio.TimerHandle:
        """Timers of the same time run in the order in which they were set."""
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._count), timer))
        return timer

    def _run_once(self) -> None:
        ready, timers = self._ready, self._timers
        if not ready:
            while timers and timers[0][2]._cancelled:
                heapq.heappop(timers)
            if not timers:
                raise DeadlockError(f"at {self._now_s:.3f} s nobody has anything to do, for ever")
            if timers[0][0] > self._now_s:
                self._now_s = timers[0][0]
                self._steps = 0
        while timers and timers[0][0] <= self._now_s:
            ready.append(heapq.heappop(timers)[2])
        self._steps += len(ready)
        if self._steps > MOST_STEPS_AT_ONCE:
            self._steps = 0
            raise LivelockError(f"at {self._now_s:.3f} s somebody is busy without end: {ready[0]!r}")
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Nothing: cancelled timers are passed over when their time comes."""

    def _write_to_self(self) -> None:
        """Nothing: nobody outside of this loop's own thread wakes it."""

    def _process_events(self, event_list: Any) -> None:
        """Nothing: there are no sockets."""


def _give(future: asyncio.Future[Any], result: Any) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
