"""A state that has lived: sixty runs in every phase, with a history, and its files as a crash leaves them."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.core.model import JobId, JobStatus, Name, RunKey, WorkflowId
from reconciler.core.outcome import Created, NotCreated, Refused, Throttled, Unclear
from reconciler.core.plan import GiveUp
from reconciler.core.reason import Reason
from reconciler.store.opening import Binding, open_state
from reconciler.store.sqlite import SqliteStore
from reconciler.store.sums import SUMMED
from tests.store.contract import TRACE, claim, claimed, sighting, submitted

ORIGIN = "http://127.0.0.1:1"
HOLDER: dict[str, str | int] = {"pid": os.getpid(), "host": "here", "since": "now"}
ENDINGS = ("", "-wal", ".intents")

_OUTCOMES = (
    Created(JobId(0)),
    Created(JobId(0)),
    NotCreated(Throttled(0.0)),
    NotCreated(Refused(40004001, "no such parameter")),
    Unclear("the connection was reset"),
)


@dataclass(frozen=True, slots=True)
class Files:
    """The bytes of a state's files, by the ending of their names; what is absent has none."""

    content: dict[str, bytes]

    @classmethod
    def of(cls, state: Path) -> Files:
        paths = {ending: state.with_name(state.name + ending) for ending in ENDINGS}
        return cls({ending: path.read_bytes() for ending, path in paths.items() if path.exists()})

    def put(self, directory: Path) -> Path:
        """Write them into this directory, emptied before; gives the state."""
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        for ending, data in self.content.items():
            (directory / f"state.db{ending}").write_bytes(data)
        return directory / "state.db"

    def with_(self, ending: str, data: bytes) -> Files:
        return Files(self.content | {ending: data})

    def without(self, *endings: str) -> Files:
        return Files({ending: data for ending, data in self.content.items() if ending not in endings})


@dataclass(frozen=True, slots=True)
class Lived:
    """The same state at three times: `older`, `live` (in its log, not in its file) and `closed`."""

    older: Files
    live: Files
    closed: Files


def lived(directory: Path) -> Lived:
    """Make one in this directory."""

    async def main() -> Lived:
        state = directory / "state.db"
        async with _opened(state) as store:
            await _live(store, [f"n{number}" for number in range(50)], first_job=100)
        open_state(state, Binding(ORIGIN)).close()  # which moves all of the log into the file
        older = Files.of(state)
        async with _opened(state) as store:
            await _live(store, [f"late-{number}" for number in range(10)], first_job=300)
            live = Files.of(state)
        open_state(state, Binding(ORIGIN)).close()
        return Lived(older, live, Files.of(state))

    return asyncio.run(main())


def contents(state: Path) -> tuple[dict[str, list[tuple[Any, ...]]], str | None]:
    """All rows that have checksums, after the state was opened for writing, and why it is in quarantine."""
    opened = open_state(state, Binding(ORIGIN))
    try:
        return rows_of(opened.connection, SUMMED), opened.quarantine
    finally:
        opened.close()


def rows_of(connection: sqlite3.Connection, tables: Iterable[str]) -> dict[str, list[tuple[Any, ...]]]:
    return {
        table: sorted((tuple(row) for row in connection.execute(f"SELECT * FROM {table}")), key=repr)
        for table in tables
    }


def edit(state: Path, *statements: str) -> None:
    """Write into the file as somebody does who gets around the checksums."""
    with closing(sqlite3.connect(state)) as connection:
        connection.create_function("row_sum", -1, lambda *_: 0)
        connection.executescript(";".join(statements))


@asynccontextmanager
async def _opened(state: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(state, ORIGIN, HOLDER, lambda *_: None)
    try:
        yield store
    finally:
        await store.close()


async def _live(store: SqliteStore, names: list[str], first_job: int) -> None:
    await claimed(store, *names, highest=first_job)
    for number, name in enumerate(names[:-3]):
        key = RunKey(Name(name), 1, 1)
        if number % 7 == 6:  # its request is under way
            assert await store.begin(key, TRACE, 20) is not None
            continue
        outcome = _OUTCOMES[number % len(_OUTCOMES)]
        job = JobId(first_job + 1 + number)
        await submitted(store, Created(job) if isinstance(outcome, Created) else outcome, name)
        if isinstance(outcome, Created) and number % 2:
            await store.job_changed(key, JobStatus.SUCCESS, 90, 90)
    await store.observe([], [], [GiveUp(RunKey(Name(names[-1]), 1, 1), Reason.DELETED)], 95)
    await store.baseline([claim(f"old-{names[-2]}")], [], 96)
    await store.approve([claim(names[-3], "two", generation=2)], [], 97)
    await store.observe([sighting(name, asks="two") for name in names[:5]], [], [], 98)
    await store.workflow_listed(WorkflowId("2"), [JobId(7)], 99)
    await store.job_changed(RunKey(Name(names[0]), 1, 1), JobStatus.RUNNING, None, 100)
