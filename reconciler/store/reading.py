"""Queries on the state file: what is known, as values. Nothing here writes."""

from __future__ import annotations

import json
import math
import sqlite3
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import islice
from pathlib import Path

from reconciler.core.item import Item, item_of
from reconciler.core.model import (
    Accepted,
    Digest,
    JobId,
    Name,
    Pause,
    Run,
    RunKey,
    State,
    WorkflowId,
)
from reconciler.core.overview import Overview, Question
from reconciler.core.plan import Observed, Quarantine, Workflow, World
from reconciler.core.record import Event, RunRecord, WorkflowRecord
from reconciler.core.sighting import Sighting
from reconciler.errors import StateUnusable
from reconciler.store.describing import runs_of, workflow_of
from reconciler.store.following import accepted_in, followed
from reconciler.store.keeping import old_events, old_names
from reconciler.store.migrations import STEPS, migrate, version_of
from reconciler.store.overview import counts_of, held_count, names_of, older_held
from reconciler.store.port import Wish
from reconciler.store.rows import RUN_COLUMNS, RUN_TABLES, UNFINISHED, ids_in, key_of, run_of, sighting_of
from reconciler.store.settling import foreign_among, runs_in
from reconciler.store.statements import in_use, pause_in, quarantine_of_new
from reconciler.store.sums import register

_CHUNK = 500
"""How many names one query asks for: well below SQLite's limit on parameters."""


class Reader:
    """What the state knows. One thread at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        connection.row_factory = sqlite3.Row
        self._connection = connection

    @classmethod
    def open(cls, state: Path) -> Reader:
        """The state read-only, whether a daemon runs or not. Raises StateUnusable if it cannot be read."""
        last: sqlite3.Error | None = None
        for mode in ("mode=ro", "mode=ro&immutable=1"):  # the second: no daemon, and no right to write there
            with suppress(sqlite3.Error):
                uri = f"{state.absolute().as_uri()}?{mode}"
                connection = sqlite3.connect(uri, uri=True, timeout=5, check_same_thread=False)
                try:
                    return cls(_as_newest(connection))
                except sqlite3.Error as error:
                    last = error
                    connection.close()
        raise StateUnusable(f"{state} cannot be read: {last or 'there is no such file'}")

    @property
    def is_copy(self) -> bool:
        """Whether it reads a copy from when it was opened, as of a state in an older schema."""
        return not self._connection.execute("PRAGMA database_list").fetchone()["file"]

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    @contextmanager
    def one_moment(self) -> Iterator[None]:
        """While the block lasts, all that is read is of one moment."""
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("COMMIT")

    def sightings(self) -> dict[Name, Sighting]:
        """Every name that was ever seen."""
        rows = self._connection.execute("SELECT * FROM names")
        return {sighting.name: sighting for sighting in map(sighting_of, rows)}

    def known(self, without: Container[Name]) -> dict[Name, str]:
        """The last path of each name that is not deleted, but for some names."""
        rows = self._connection.execute("SELECT name, path FROM names WHERE presence <> 'deleted'")
        return {Name(name): path for name, path in rows if name not in without}

    def world(self, names: Iterable[Name], workflow_ids: Iterable[WorkflowId]) -> World:
        """What the plan needs to know of these names and workflows."""
        wanted = list(names)
        runs = self._runs_that_count(wanted)
        approved = self._approvals(wanted)
        sightings = self._sightings_of(wanted)
        return World(
            names={
                name: Observed(
                    latest=runs[name][-1] if name in runs else None,
                    approved=frozenset(approved.get(name, ())),
                    unfinished=tuple(run for run in runs.get(name, ()) if run.is_unfinished),
                    sighting=sightings.get(name),
                )
                for name in wanted
                if name in runs or name in approved or name in sightings
            },
            workflows=self._workflows(list(dict.fromkeys((*workflow_ids, *_workflows_of(runs.values()))))),
            in_use=in_use(self._connection),
            pause=self.pause(),
        )

    def latest_runs(self, names: Sequence[Name]) -> dict[Name, Run]:
        """The newest run of each name that has any."""
        return {name: runs[-1] for name, runs in self._runs_that_count(names).items()}

    def _runs_that_count(self, names: Sequence[Name]) -> dict[Name, list[Run]]:
        """The newest run of each name, and before it the older ones that are not finished."""
        found: dict[Name, list[Run]] = {}
        for chunk in _chunks(names):
            marks = ",".join("?" * len(chunk))
            rows = self._connection.execute(
                f"SELECT {RUN_COLUMNS} FROM {RUN_TABLES} WHERE runs.name IN ({marks})"  # noqa: S608
                " AND (runs.phase IN ('Submitting', 'Unknown', 'Held', 'Followed') OR NOT EXISTS ("
                " SELECT 1 FROM runs AS newer WHERE newer.name = runs.name"
                " AND (newer.generation, newer.attempt) > (runs.generation, runs.attempt)))"
                " ORDER BY runs.name, runs.generation, runs.attempt",
                chunk,
            )
            for run in map(run_of, rows):
                found.setdefault(run.key.name, []).append(run)
        return found

    def last_bodies(self, names: Sequence[Name]) -> dict[Name, tuple[bytes, ...]]:
        """What the last two generations of each name asked for, the newest first; of those that are kept."""
        bodies: dict[Name, dict[int, bytes]] = {}
        for chunk in _chunks(names):
            marks = ",".join("?" * len(chunk))
            rows = self._connection.execute(
                f"SELECT name, generation, body FROM runs WHERE name IN ({marks}) AND body IS NOT NULL"  # noqa: S608
                " ORDER BY name, generation DESC, attempt DESC",
                chunk,
            )
            for row in rows:
                bodies.setdefault(Name(row["name"]), {}).setdefault(row["generation"], row["body"])
        return {name: tuple(found.values())[:2] for name, found in bodies.items()}

    def runs(self, phases: Sequence[str]) -> list[Run]:
        """All unfinished runs in these phases, oldest claim first."""
        return runs_in(self._connection, phases)

    def foreign_among(self, workflow_id: WorkflowId, listed: Sequence[JobId]) -> tuple[JobId, ...]:
        """The jobs of a listing that disprove that a workflow is exclusive; none if that is known already."""
        return foreign_among(self._connection, workflow_id, listed)

    def counts(self) -> dict[str, int]:
        """How many runs stand in each phase, and jobs in each status (`job:<status>`)."""
        phases = dict(self._connection.execute("SELECT phase, count(*) FROM runs GROUP BY phase").fetchall())
        jobs = self._connection.execute(
            "SELECT 'job:' || job_status, count(*) FROM runs WHERE job_id IS NOT NULL GROUP BY job_status"
        )
        return phases | dict(jobs.fetchall())

    def items(self) -> Iterator[Item]:
        """One item a name, by name."""
        rows = self._connection.execute("SELECT * FROM names ORDER BY name")
        while chunk := [sighting_of(row) for row in rows.fetchmany(_CHUNK)]:
            latest = self.latest_runs([sighting.name for sighting in chunk])
            open_runs = self._open_runs()
            yield from (_item(sighting, latest.get(sighting.name), open_runs) for sighting in chunk)

    def sighting(self, name: Name) -> Sighting | None:
        """What was seen of one name, if it was ever seen."""
        row = self._connection.execute("SELECT * FROM names WHERE name = ?", (name,)).fetchone()
        return sighting_of(row) if row else None

    def item(self, name: Name) -> Item | None:
        """The item of one name, if it was ever seen."""
        sighting = self.sighting(name)
        return _item(sighting, self.latest_runs([name]).get(name), self._open_runs()) if sighting else None

    def items_of(self, names: Sequence[Name]) -> Iterator[Item]:
        """The items of these names, in their order; of those that were ever seen."""
        latest, open_runs = self.latest_runs(names), self._open_runs()
        for sighting in filter(None, map(self.sighting, names)):
            yield _item(sighting, latest.get(sighting.name), open_runs)

    def state_counts(self) -> Counter[State]:
        """How many names stand in each state."""
        return counts_of(self._connection)

    def overview(self, question: Question) -> Overview:
        """What the question asks for, as of one moment."""
        with self.one_moment():
            counts = counts_of(self._connection, question.words)
            matching = sum(counts[state] for state in question.states or counts)
            pages = max(1, math.ceil(matching / question.size))
            page = min(question.page, pages)
            [known] = self._connection.execute("SELECT count(*) FROM names").fetchone()
            return Overview(
                known=known,
                counts=counts,
                page=page,
                pages=pages,
                matching=matching,
                items=list(self.items_of(names_of(self._connection, question, page))),
                held=held_count(self._connection),
                older_held=older_held(self._connection),
                pause=self.pause(),
            )

    def history(self, name: Name, newest: int | None = None) -> list[Event]:
        """Everything that was decided about a name, oldest first; with `newest` only so many."""
        rows = self._connection.execute(
            "SELECT * FROM events WHERE name = ? ORDER BY number DESC LIMIT ?",
            (name, -1 if newest is None else newest),
        ).fetchall()
        return [_event_of(row) for row in reversed(rows)]

    def history_since(self, since_ms: int, most: int) -> list[Event]:
        """What was decided about all names and workflows since then, oldest first; at most the newest few."""
        rows = self._connection.execute(
            "SELECT * FROM events WHERE at_ms >= ? ORDER BY number DESC LIMIT ?", (since_ms, most)
        ).fetchall()
        return [_event_of(row) for row in reversed(rows)]

    def pause(self) -> Pause | None:
        """The pause, while nothing is to be submitted."""
        return pause_in(self._connection)

    def unfinished_names(self) -> set[Name]:
        """All names with a run that waits, or whose job has not ended, as far as is known."""
        rows = self._connection.execute(
            f"SELECT DISTINCT name FROM runs WHERE {UNFINISHED}"  # noqa: S608 - our own words
        )
        return {Name(row[0]) for row in rows}

    def runs_without_tasks(self) -> list[Run]:
        """All runs whose jobs have ended and whose tasks were not asked for yet."""
        rows = self._connection.execute(
            f"SELECT {RUN_COLUMNS} FROM {RUN_TABLES} WHERE runs.phase = 'Ended'"  # noqa: S608 - our own words
            " AND runs.tasks_ms IS NULL"
        )
        return [run_of(row) for row in rows]

    def job_to_cancel(self, key: RunKey) -> Accepted | None:
        """The job that is to be stopped, as far as is known; None for a run that has none (any more)."""
        run = followed(self._connection, key)
        state = accepted_in(run) if run is not None else None
        return state if state is not None and state.cancel is not None else None

    def has_old_events(self, before_ms: int) -> bool:
        """Whether there are events older than this to forget."""
        return bool(old_events(self._connection, before_ms))

    def has_old_names(self, before_ms: int) -> bool:
        """Whether there are names to forget that were deleted before this."""
        return bool(old_names(self._connection, before_ms))

    def open_wishes(self) -> list[Wish]:
        """What operators asked for and nobody has answered yet, oldest first."""
        rows = self._connection.execute("SELECT * FROM wishes WHERE answered_ms IS NULL ORDER BY number")
        return [Wish(row["number"], row["kind"], json.loads(row["arguments"])) for row in rows]

    def run_records(self, name: Name, newest: int | None = None) -> list[RunRecord]:
        """All runs of a name with their requests and candidates, newest first; see `describing.runs_of`."""
        return runs_of(self._connection, name, newest)

    def run_count(self, name: Name) -> int:
        """How many runs a name has had."""
        query = "SELECT count(*) FROM runs WHERE name = ?"
        return int(self._connection.execute(query, (name,)).fetchone()[0])

    def workflow_record(self, workflow_id: WorkflowId) -> WorkflowRecord | None:
        """What is known of a workflow, if anything is."""
        return workflow_of(self._connection, workflow_id)

    def highest_seen(self, workflow_id: WorkflowId) -> int:
        """The highest job known of a workflow; 0 for none."""
        query = "SELECT coalesce(max(highest), 0) FROM workflows WHERE workflow_id = ?"
        return int(self._connection.execute(query, (workflow_id,)).fetchone()[0])

    def quarantine(self) -> str | None:
        """Why the state counts as restored; None if it does not."""
        row = self._connection.execute("SELECT value FROM meta WHERE key = 'quarantine'").fetchone()
        return row["value"] if row else None

    def data_version(self) -> int:
        """A number that changes when another connection writes (SQLite manual, `PRAGMA data_version`)."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def _open_runs(self) -> dict[WorkflowId, RunKey]:
        """For each workflow that waits for the outcome of a run: that run."""
        return {run.workflow_id: run.key for run in self.runs(("Submitting", "Unknown"))}

    def _sightings_of(self, names: Sequence[Name]) -> dict[Name, Sighting]:
        found: dict[Name, Sighting] = {}
        for chunk in _chunks(names):
            marks = ",".join("?" * len(chunk))
            rows = self._connection.execute(f"SELECT * FROM names WHERE name IN ({marks})", chunk)  # noqa: S608
            found.update((sighting.name, sighting) for sighting in map(sighting_of, rows))
        return found

    def _approvals(self, names: Sequence[Name]) -> dict[Name, set[Digest]]:
        approved: dict[Name, set[Digest]] = {}
        for chunk in _chunks(names):
            marks = ",".join("?" * len(chunk))
            query = f"SELECT name, digest FROM approvals WHERE name IN ({marks})"  # noqa: S608
            for row in self._connection.execute(query, chunk):
                approved.setdefault(Name(row["name"]), set()).add(Digest(row["digest"]))
        return approved

    def _workflows(self, workflow_ids: Sequence[WorkflowId]) -> dict[WorkflowId, Workflow]:
        found: dict[WorkflowId, Workflow] = {}
        open_runs = self._open_runs()
        for chunk in _chunks(workflow_ids):
            marks = ",".join("?" * len(chunk))
            query = f"SELECT * FROM workflows WHERE workflow_id IN ({marks})"  # noqa: S608
            for row in self._connection.execute(query, chunk):
                workflow_id = WorkflowId(row["workflow_id"])
                found[workflow_id] = Workflow(
                    workflow_id,
                    row["highest"],
                    bool(row["is_guarded"]),
                    quarantine=Quarantine(row["quarantine"]) if row["quarantine"] else None,
                    strangers=ids_in(row["strangers"]),
                    open_run=open_runs.get(workflow_id),
                )
        unseen = [workflow_id for workflow_id in workflow_ids if workflow_id not in found]
        if unseen and quarantine_of_new(self._connection) is not None:
            waits = Quarantine.WAITS
            found.update((workflow_id, Workflow(workflow_id, quarantine=waits)) for workflow_id in unseen)
        return found


def _as_newest(connection: sqlite3.Connection) -> sqlite3.Connection:
    """The state in the newest schema: an older one as a copy in memory, so that reading changes no file."""
    if version_of(connection) == len(STEPS):
        return connection
    copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    with closing(connection):
        connection.backup(copy)
    register(copy)
    migrate(copy)
    return copy


def _workflows_of(runs: Iterable[Sequence[Run]]) -> Iterator[WorkflowId]:
    return (of_name[-1].workflow_id for of_name in runs)


def _item(sighting: Sighting, latest: Run | None, open_runs: Mapping[WorkflowId, RunKey]) -> Item:
    return item_of(sighting, latest, open_runs.get(latest.workflow_id) if latest else None)


def ask(state: Path, kind: str, arguments: dict[str, object], now_ms: int) -> int:
    """Leave an operator's wish for the daemon; gives its number. The one write that needs no lock."""
    with closing(sqlite3.connect(state, timeout=5, isolation_level=None)) as connection:
        cursor = connection.execute(
            "INSERT INTO wishes (kind, arguments, asked_ms) VALUES (?, ?, ?)",
            (kind, json.dumps(arguments), now_ms),
        )
        return int(cursor.lastrowid or 0)


def answer_to(state: Path, number: int) -> tuple[bool, str] | None:
    """Whether the wish was done and what the daemon says of it; None while it has not answered."""
    with closing(sqlite3.connect(state, timeout=5, isolation_level=None)) as connection:
        row = connection.execute(
            "SELECT is_done, answer FROM wishes WHERE number = ? AND answered_ms IS NOT NULL", (number,)
        ).fetchone()
        return (bool(row[0]), str(row[1])) if row else None


def _event_of(row: sqlite3.Row) -> Event:
    key: RunKey | None = key_of(row) if row["generation"] is not None else None
    return Event(
        at_ms=row["at_ms"],
        event=row["event"],
        reason=row["reason"],
        name=row["name"],
        key=key,
        workflow_id=row["workflow_id"],
        job_id=row["job_id"],
        revision=row["revision"],
        trace_id=row["trace_id"],
    )


def _chunks(values: Sequence[str]) -> Iterator[tuple[str, ...]]:
    source = iter(values)
    while chunk := tuple(islice(source, _CHUNK)):
        yield chunk
