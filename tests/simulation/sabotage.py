"""The protocol broken on purpose, one rule at a time: what the simulation has to notice."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from reconciler.core.model import Run, Waiting
from reconciler.core.outcome import Unclear
from reconciler.engine import workqueue
from reconciler.store import transactions


@dataclass(frozen=True, slots=True)
class Sabotage:
    """`what` is broken while the block of `broken()` lasts, and comes to breaches of these kinds."""

    what: str
    kinds: frozenset[str]
    broken: Callable[[], AbstractContextManager[None]]


@contextmanager
def patched(place: object, name: str, substitute: object) -> Iterator[None]:
    before = getattr(place, name)
    setattr(place, name, substitute)
    try:
        yield
    finally:
        setattr(place, name, before)


def _unclear_is_not_created() -> AbstractContextManager[None]:
    true = transactions.after

    def after(receipt: Any, intent: Any, owner: Any, now_ms: int, chance: float) -> Any:
        if isinstance(receipt, Unclear):
            return Waiting(intent.try_number, now_ms, "surely nothing was made")
        return true(receipt, intent, owner, now_ms, chance)

    return patched(transactions, "after", after)


def _open_intents_are_sent_again() -> AbstractContextManager[None]:
    def forgotten(connection: sqlite3.Connection, why: str, now_ms: int) -> list[Run]:
        connection.execute("UPDATE runs SET phase = 'Waiting' WHERE phase = 'Submitting'")
        return []

    return patched(transactions, "hold_open_intents", forgotten)


def _intents_are_not_on_disk() -> AbstractContextManager[None]:
    from reconciler.store.writer import Writer
    from tests.simulation.memory import VirtualWriter

    true = VirtualWriter.write

    async def write(self: Any, work: Any) -> Any:
        if "begin" not in work.__qualname__:
            return await true(self, work)
        self._connection.execute("SAVEPOINT peek")
        result = work(self._connection)
        self._connection.execute("ROLLBACK TO peek")
        self._connection.execute("RELEASE peek")
        self.defer(work).add_done_callback(lambda it: it.cancelled() or it.exception())
        return result

    assert issubclass(VirtualWriter, Writer)
    return patched(VirtualWriter, "write", write)


def _workflows_have_no_lane() -> AbstractContextManager[None]:
    true = workqueue.WorkQueue.put

    def put(self: Any, key: str, lane: str, task: Any, now_ms: int, due_ms: int = 0) -> None:
        true(self, key, f"{lane} {key}", task, now_ms, due_ms)

    return patched(workqueue.WorkQueue, "put", put)


SABOTAGES = {
    "unclear-is-not-created": Sabotage(
        "a request without an answer counts as one that made nothing",
        frozenset({"duplicate"}),
        _unclear_is_not_created,
    ),
    "open-intents-are-sent-again": Sabotage(
        "a run that was under way when the daemon died is sent again",
        frozenset({"duplicate"}),
        _open_intents_are_sent_again,
    ),
    "intents-are-not-on-disk": Sabotage(
        "a request is sent before its intent is on disk",
        frozenset({"protocol"}),
        _intents_are_not_on_disk,
    ),
    "workflows-have-no-lane": Sabotage(
        "two requests of one workflow are under way at once",
        frozenset({"protocol"}),
        _workflows_have_no_lane,
    ),
}
