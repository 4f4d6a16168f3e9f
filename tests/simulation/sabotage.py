"""The protocol broken on purpose, one rule at a time: what the simulation has to notice."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from reconciler.core import plan
from reconciler.core.model import Accepted, Cancel, CancelCause, JobStatus, Run, Waiting
from reconciler.core.outcome import Unclear
from reconciler.engine import workqueue
from reconciler.store import following, settling, transactions
from tests.simulation import world
from tests.simulation.memory import MemoryStore, VirtualWriter


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

    def after(receipt: Any, intent: Any, owner: Any, now_ms: int, *terms: Any) -> Any:
        if isinstance(receipt, Unclear):
            return Waiting(intent.try_number, now_ms, "surely nothing was made")
        return true(receipt, intent, owner, now_ms, *terms)

    return patched(transactions, "after", after)


def _open_intents_are_sent_again() -> AbstractContextManager[None]:
    def forgotten(connection: sqlite3.Connection, *_: object) -> list[Run]:
        connection.execute("UPDATE runs SET phase = 'Waiting' WHERE phase IN ('Submitting', 'Unknown')")
        return []

    return patched(settling, "take_up_open_runs", forgotten)


def _settle_time_is_too_short() -> AbstractContextManager[None]:
    return patched(world, "SETTLE_S", 0.5)


def _around(**wrong: object) -> Callable[[], AbstractContextManager[None]]:
    """The state tells the judge something else than is so."""

    def broken() -> AbstractContextManager[None]:
        true = settling.after_look

        def after_look(unknown: Any, listed: Any, around: Any, **terms: Any) -> Any:
            return true(unknown, listed, replace(around, **wrong), **terms)

        return patched(settling, "after_look", after_look)

    return broken


def _baseline_is_ignored() -> AbstractContextManager[None]:
    true = settling.after_look

    def after_look(unknown: Any, *rest: Any, **terms: Any) -> Any:
        return true(replace(unknown, intent=replace(unknown.intent, baseline=0)), *rest, **terms)

    return patched(settling, "after_look", after_look)


def _lanes_are_not_blocked() -> AbstractContextManager[None]:
    return patched(workqueue.WorkQueue, "block", lambda *_: None)


def _old_states_are_not_noticed() -> AbstractContextManager[None]:
    true = world.drawn
    return patched(world, "drawn", lambda dice: replace(true(dice), is_noticed=False))


def _intents_are_not_on_disk() -> AbstractContextManager[None]:
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

    return patched(VirtualWriter, "write", write)


def _workflows_have_no_lane() -> AbstractContextManager[None]:
    true = workqueue.WorkQueue.put

    def put(self: Any, key: str, lane: str, task: Any, now_ms: int, due_ms: int = 0) -> None:
        true(self, key, f"{lane} {key}", task, now_ms, due_ms)

    return patched(workqueue.WorkQueue, "put", put)


def _cancels_are_not_on_disk() -> AbstractContextManager[None]:
    async def job_to_cancel(self: Any, key: Any) -> Accepted | None:
        runs = [run for run in await self.followed_runs() if run.key == key]
        states = [run.state for run in runs if isinstance(run.state, Accepted)]
        stopped = Cancel(CancelCause.DEADLINE, "too long", 0)
        return replace(states[0], cancel=stopped) if states else None

    @contextmanager
    def broken() -> Iterator[None]:
        with (
            patched(MemoryStore, "job_to_cancel", job_to_cancel),
            patched(following, "cancel_planned", lambda *_: None),
        ):
            yield

    return broken()


def _every_failure_is_submitted_again() -> AbstractContextManager[None]:
    def is_resubmitted(_: Any, latest: Run) -> bool:
        return isinstance(latest.state, Accepted) and latest.state.status is JobStatus.FAILED

    return patched(plan, "is_resubmitted", is_resubmitted)


_KINDS = {
    "cancels-are-not-on-disk": (
        "a job is stopped before the intent to do so is on disk",
        ("protocol",),
        _cancels_are_not_on_disk,
    ),
    "every-failure-is-submitted-again": (
        "a failed job is submitted again, whatever `backoffLimit` says and whoever stopped it",
        ("protocol",),
        _every_failure_is_submitted_again,
    ),
    "unclear-is-not-created": (
        "a request without an answer counts as one that made nothing",
        ("duplicate",),
        _unclear_is_not_created,
    ),
    "open-intents-are-sent-again": (
        "a run that was under way when the daemon died is sent again",
        ("duplicate",),
        _open_intents_are_sent_again,
    ),
    "intents-are-not-on-disk": (
        "a request is sent before its intent is on disk",
        ("protocol",),
        _intents_are_not_on_disk,
    ),
    "workflows-have-no-lane": (
        "two requests of one workflow are under way at once",
        ("protocol",),
        _workflows_have_no_lane,
    ),
    "settle-time-is-too-short": (
        "a request arrives, or its job is listed, after the settle time (A5)",
        ("duplicate", "lost"),
        _settle_time_is_too_short,
    ),
    "baseline-is-ignored": (
        "a job that was there before may be taken for the run's own",
        ("wrong adoption",),
        _baseline_is_ignored,
    ),
    "everything-is-exclusive": (
        "a job is adopted where somebody else makes jobs, too",
        ("wrong adoption",),
        _around(is_exclusive=True),
    ),
    "lanes-are-not-blocked": (
        "a workflow goes on while the outcome of its last request is unknown",
        ("protocol",),
        _lanes_are_not_blocked,
    ),
    "old-states-are-not-noticed": (
        "an older copy of the state is put back, and no quarantine begins (A1)",
        ("duplicate",),
        _old_states_are_not_noticed,
    ),
}
SABOTAGES = {name: Sabotage(what, frozenset(kinds), broken) for name, (what, kinds, broken) in _KINDS.items()}
