"""A state file that a test writes row by row: any state of a run, with any sighting of its name."""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from reconciler.core.model import (
    Accepted,
    Job,
    JobId,
    JobStatus,
    Name,
    Pause,
    Run,
    RunState,
    Task,
    WorkflowId,
)
from reconciler.core.sighting import Presence, Sighting
from reconciler.store.migrations import migrate
from reconciler.store.rows import cancel_columns, columns_of, sighting_columns
from reconciler.store.statements import insert, key_columns, tell
from reconciler.store.sums import register
from tests.core.builders import digest, run


class Known:
    """The file, open to be written."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        register(self._connection)
        migrate(self._connection)
        insert(
            self._connection,
            "intents",
            {"number": 1, "name": "", "generation": 1, "attempt": 1, "try_number": 1}
            | {"trace_id": "0" * 32, "baseline": 0, "created_ms": 0},
        )
        self._jobs = itertools.count(100)

    def add(
        self, name: str, seen: Sighting | None = None, state: RunState | None = None, **columns: object
    ) -> None:
        sighting = replace(seen or sighting_of(), name=Name(name))
        insert(self._connection, "names", sighting_columns(sighting))
        if state is not None:
            self.add_run(run(name, state=state), **columns)

    def add_many(self, count: int) -> None:
        """So many names whose jobs have ended well: `n000000`, `n000001` and so on."""
        done = Accepted(JobId(1), JobStatus.SUCCESS, 0, 1)
        self._connection.execute("BEGIN")
        for number in range(count):
            self.add(f"n{number:06}", sighting_of(path=f"team-{number % 20}/n{number:06}.yaml"), done)
        self._connection.execute("COMMIT")

    def add_run(self, of: Run, **columns: object) -> None:
        state = of.state
        if isinstance(state, Accepted):
            state = replace(state, job_id=JobId(next(self._jobs)))
        about = {"workflow_id": of.workflow_id, "digest": of.digest, "claimed_ms": 0, "updated_ms": 0}
        about |= {"intent": 1} | columns_of(state)
        if isinstance(state, Accepted) and state.cancel is not None:
            about |= cancel_columns(state.cancel)
        insert(self._connection, "runs", key_columns(of.key) | about | columns)

    def remove(self, name: str) -> None:
        for table in ("names", "runs"):
            self._connection.execute(f"DELETE FROM {table} WHERE name = ?", (name,))

    def tell(self, name: str, event: str, reason: str, at_ms: int, **about: object) -> None:
        tell(self._connection, at_ms, event, reason, name=name, **about)

    def add_tasks(self, job_id: int, tasks: Sequence[Task]) -> None:
        for position, task in enumerate(tasks):
            columns = asdict(task) | {"job_id": job_id, "position": position}
            insert(self._connection, "tasks", columns | {"status": task.status and str(task.status)})

    def show_job(self, job: Job, seen_ms: int) -> None:
        """What a listing showed of a job: for the candidates of a hold."""
        columns = asdict(job) | {"status": job.status and str(job.status), "seen_ms": seen_ms}
        insert(self._connection, "jobs_seen", columns)

    def pause(self, pause: Pause) -> None:
        insert(self._connection, "meta", {"key": "pause", "value": json.dumps(asdict(pause))})

    def close(self) -> None:
        self._connection.close()


def sighting_of(presence: Presence = Presence.WANTED, asks: str = "one", **seen: object) -> Sighting:
    usual = Sighting(Name(""), presence, "a.yaml", digest(asks), WorkflowId("1"), "", None, 5)
    return replace(usual, **seen)  # type: ignore[arg-type]
