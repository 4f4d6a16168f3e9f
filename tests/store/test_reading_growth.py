"""What a submission, a pass and a round of following ask the state: nothing that reads all that ever was."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

from reconciler.core.model import JobId, JobStatus, Name, RunKey
from reconciler.core.outcome import Created, NotCreated, Throttled, Unclear
from reconciler.store.sqlite import SqliteStore
from tests.store.contract import KEY, WORKFLOW, claimed, submitted
from tests.store.settling_contract import SHARED, job
from tests.store.test_sqlite import opened

GROWING = ("runs", "names", "intents", "events", "approvals", "jobs_seen", "tasks")
"""The tables that have a row for each manifest, request or job that ever was."""

FEW = ("runs_unfinished", "runs_of_workflow", "runs_without_tasks")
"""Indexes that hold only what goes on."""


AT_ONCE = ("SELECT 1 FROM runs LIMIT 1",)
"""What stops at the first row."""


class Spy:
    """A connection that has each of its statements explained before it is executed."""

    def __init__(self, connection: sqlite3.Connection, plans: dict[str, list[str]]) -> None:
        self._connection = connection
        self._plans = plans

    def execute(self, sql: str, arguments: Any = ()) -> sqlite3.Cursor:
        if sql.lstrip().split(" ", 1)[0] in ("SELECT", "UPDATE", "DELETE", "INSERT", "WITH"):
            rows = self._connection.execute(f"EXPLAIN QUERY PLAN {sql}", arguments)
            self._plans[sql] = [row[3] for row in rows]
        return self._connection.execute(sql, arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


async def a_life(store: SqliteStore) -> None:
    """Runs of all fates, and what passes and rounds of following ask meanwhile."""
    await claimed(store, "a", "b", "c", "d")
    await store.world([Name("a"), Name("b"), Name("z")], [WORKFLOW])
    await submitted(store, Created(JobId(7)))
    await submitted(store, NotCreated(Throttled(1.0)), "b")
    await submitted(store, Unclear("reset"), "c")
    await store.looked(RunKey(Name("c"), 1, 1), [job(7)], SHARED, 99_000)
    await store.begin(RunKey(Name("d"), 1, 1), "cd" * 16, 99_000)
    await store.job_changed(KEY, JobStatus.SUCCESS, 99_400, 99_500)
    await store.followed_runs()
    await store.waiting_runs()
    await store.unknown_runs()
    await store.held_runs()
    await store.unfinished_names()
    await store.runs_without_tasks()
    await store.open_wishes()
    await store.item(Name("a"))


def test_nothing_that_is_asked_all_the_time_reads_all_that_ever_was(tmp_path: Path) -> None:
    plans: dict[str, list[str]] = {}

    async def scene() -> None:
        async with opened(tmp_path / "state.db") as store:
            for part in (store._writer, store._reader, store._onlooker):
                part._connection = Spy(part._connection, plans)  # type: ignore[assignment]
            await a_life(store)

    asyncio.run(scene())
    scans = {
        sql: step
        for sql, steps in plans.items()
        for step in steps
        if sql not in AT_ONCE
        and step.startswith("SCAN ")
        and step.split(" ")[1] in GROWING
        and not any(it in step for it in FEW)
    }
    assert plans
    assert not scans
