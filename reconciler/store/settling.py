"""The verbs of the store for what nobody knows: runs that are unknown or held, and workflows in quarantine.

Pieces of one transaction, like those in `transactions`. What a listing means is decided in `core.settle`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reconciler.core.model import (
    Accepted,
    Held,
    Job,
    JobId,
    JobStatus,
    OnUnknown,
    Run,
    RunKey,
    RunState,
    Submitting,
    Superseded,
    Unknown,
    Waiting,
    WorkflowId,
)
from reconciler.core.outcome import HIGHEST_JOB_ID
from reconciler.core.plan import Quarantine
from reconciler.core.reason import Reason
from reconciler.core.settle import Around, Tried, after_look, candidates, foreign_jobs, is_alone, not_created
from reconciler.core.sighting import Presence
from reconciler.store.port import Refusal, Terms
from reconciler.store.rows import RUN_COLUMNS, RUN_TABLES, UNFINISHED, columns_of, ids_as_text, ids_in, run_of
from reconciler.store.statements import (
    has_newer,
    insert,
    owned_among,
    owner_of,
    quarantine_of,
    row_of,
    saw_job,
    set_run,
    tell,
)


@dataclass(frozen=True, slots=True)
class _Open:
    """A run whose outcome nobody knows, and what its manifest wants of that."""

    run: Run
    is_wanted: bool
    on_unknown: OnUnknown


def take_up_open_runs(connection: sqlite3.Connection, why: str, now_ms: int, settle_ms: int) -> list[Run]:
    """Look, from now on, for every run whose request nobody waits for any more; gives them as they are now.

    What an earlier daemon saw of an unknown run is kept as candidates, and its looks count no longer: a
    request of its may be younger than they are. In a workflow of a restored state runs are held: what the
    state knows of it is too old to judge by.
    """
    found = []
    for run in runs_in(connection, ("Submitting", "Unknown")):
        is_news = isinstance(run.state, Submitting)
        if quarantine_of(connection, run.workflow_id) is None:
            state: Unknown | Held = _looked_for_anew(run, why, now_ms + settle_ms)
        else:
            state = _held(run, f"the state was restored while nobody knew what came of it: {why}")
        is_told = is_news or isinstance(state, Held)
        _become(connection, run, state, now_ms, type(state).__name__ if is_told else None)
        found.append(replace(run, state=state))
    return found


def _looked_for_anew(run: Run, why: str, look_ms: int) -> Unknown:
    match run.state:
        case Unknown() as before:
            return replace(before, look_ms=look_ms, looks=0)
        case Submitting(intent=intent):
            return Unknown(intent, why, look_ms)
        case state:
            raise AssertionError(f"no open run is {state}")


def _held(run: Run, why: str) -> Held:
    match run.state:
        case Unknown(intent=intent, candidates=found):
            return Held(intent, why, found)
        case Submitting(intent=intent):
            return Held(intent, why)
        case state:
            raise AssertionError(f"no open run is {state}")


def looked(
    connection: sqlite3.Connection, key: RunKey, jobs: Sequence[Job], terms: Terms, now_ms: int
) -> RunState | None:
    """Note what a listing of its workflow showed an unknown run, and what follows; None for any other run."""
    before = _open_run(connection, key)
    if before is None or not isinstance(before.run.state, Unknown):
        return None
    workflow_id, listed = before.run.workflow_id, [job.job_id for job in jobs]
    around = Around(
        owned=owned_among(connection, [*listed, *before.run.state.candidates]),
        tried=_tried(connection, key),
        is_exclusive=terms.is_exclusive and not _is_shared(connection, workflow_id),
        is_alone=is_alone(run.state for run in open_runs(connection, workflow_id) if run.key != key),
        is_wanted=before.is_wanted,
        on_unknown=before.on_unknown,
    )
    seen = after_look(
        before.run.state, listed, around, settle_ms=terms.settle_ms, now_ms=now_ms, chance=terms.chance
    )
    _keep_seen(connection, jobs, getattr(seen.state, "candidates", ()), now_ms)
    saw_job(connection, workflow_id, max(listed, default=JobId(0)))
    if seen.disproves:
        found = f"{key} is sent again past jobs that may be its own"
        disprove_exclusive(connection, workflow_id, found, now_ms)
    if isinstance(seen.state, Unknown):
        return _become(connection, before.run, seen.state, now_ms, None)
    event = "Adopted" if isinstance(seen.state, Accepted) else type(seen.state).__name__
    return _become(connection, before.run, seen.state, now_ms, event)


def stop_looking(connection: sqlite3.Connection, key: RunKey, why: str, now_ms: int) -> RunState | None:
    """Hold an unknown run that no listing can settle."""
    before = _open_run(connection, key)
    if before is None or not isinstance(before.run.state, Unknown):
        return None
    state = Held(before.run.state.intent, why, before.run.state.candidates)
    return _become(connection, before.run, state, now_ms, "Held")


def see_candidates(
    connection: sqlite3.Connection, workflow_id: WorkflowId, jobs: Sequence[Job], now_ms: int
) -> None:
    """Note what a listing shows for the workflow's held runs: a job that came late, or that a run has now.

    And what it tells of the jobs that hold the workflow of a restored state.
    """
    listed = [job.job_id for job in jobs]
    _keep_seen(connection, jobs, _strangers(connection, workflow_id), now_ms)
    for run in runs_in(connection, ("Held",)):
        if run.workflow_id != workflow_id or not isinstance(run.state, Held):
            continue
        owned = owned_among(connection, (*run.state.candidates, *listed))
        above = candidates(listed, run.state.intent.baseline, owned)
        found = tuple(sorted({*above, *(it for it in run.state.candidates if it not in owned)}))
        _keep_seen(connection, jobs, found, now_ms)
        if found != run.state.candidates:
            state = Held(run.state.intent, run.state.why, found)
            _become(connection, run, state, now_ms, "CandidatesSeen", ids_as_text(found))


def adopt(connection: sqlite3.Connection, key: RunKey, job_id: JobId, now_ms: int) -> Accepted | Refusal:
    """Give a run a job on an operator's word: a held run, or one that waits in a restored state."""
    before = _open_run(connection, key)
    if before is None:
        return Refusal(f"there is no run {key}")
    owner = owner_of(connection, job_id) if job_id <= HIGHEST_JOB_ID else None
    if owner is not None:
        return Refusal(f"job {job_id} is the job of {owner}")
    offered = _offered(connection, before.run)
    if offered is None:
        return Refusal(f"{key} is not held")
    if job_id not in offered:
        named = ", ".join(map(str, offered)) or "none"
        return Refusal(f"job {job_id} is not a candidate for {key}; candidates: {named}")
    state = Accepted(job_id, JobStatus.PREPARING, now_ms)
    _become(connection, before.run, state, now_ms, "Adopted", "an operator says that this is its job")
    _release_if_known(connection, before.run.workflow_id, now_ms)
    return state


def deny(connection: sqlite3.Connection, key: RunKey, now_ms: int) -> Waiting | Superseded | Refusal:
    """Take a held run as not created, on an operator's word: its candidates are somebody else's jobs."""
    before = _open_run(connection, key)
    if before is None or not isinstance(before.run.state, Held):
        return Refusal(f"{key} is not held")
    held = before.run.state
    owned = owned_among(connection, held.candidates)
    foreign = [job_id for job_id in held.candidates if job_id not in owned]
    if foreign:
        found = f"an operator says that jobs {', '.join(map(str, foreign))} are not of {key}"
        disprove_exclusive(connection, before.run.workflow_id, found, now_ms)
    why = "an operator says that no job was made"
    state = not_created(held.intent, why, is_wanted=before.is_wanted, now_ms=now_ms, chance=0.0)
    _become(connection, before.run, state, now_ms, "NotCreated", why)
    return state


def not_ours(connection: sqlite3.Connection, workflow_id: WorkflowId, now_ms: int) -> Refusal | None:
    """Use a workflow of a restored state again: an operator says that the jobs that hold it are not ours."""
    row = connection.execute("SELECT * FROM workflows WHERE workflow_id = ?", (workflow_id,)).fetchone()
    if row is None or row["quarantine"] != Quarantine.HELD:
        return Refusal(f"workflow {workflow_id} is not held")
    _release_workflow(connection, row, "an operator says that its jobs are not ours", now_ms)
    return None


def disprove_exclusive(
    connection: sqlite3.Connection, workflow_id: WorkflowId, why: str, now_ms: int
) -> None:
    """From here on the workflow does not count as exclusive, whatever the settings say."""
    cursor = connection.execute(
        "UPDATE workflows SET is_shared = 1 WHERE workflow_id = ? AND is_shared = 0", (workflow_id,)
    )
    if cursor.rowcount:
        tell(connection, now_ms, "NotExclusive", why, workflow_id=workflow_id)


def foreign_among(
    connection: sqlite3.Connection, workflow_id: WorkflowId, listed: Sequence[JobId]
) -> tuple[JobId, ...]:
    """The listed jobs that show that somebody else makes jobs here; none while a run is open or held.

    Nor if that is known already.
    """
    row = connection.execute("SELECT * FROM workflows WHERE workflow_id = ?", (workflow_id,)).fetchone()
    if row is None or row["is_shared"] or row["first_highest"] is None or row["quarantine"] is not None:
        return ()
    is_quiet = is_alone(run.state for run in open_runs(connection, workflow_id))
    owned = owned_among(connection, listed)
    return foreign_jobs(listed, JobId(row["first_highest"]), owned, is_quiet=is_quiet)


def runs_in(connection: sqlite3.Connection, phases: Sequence[str]) -> list[Run]:
    """All unfinished runs in these phases, oldest claim first."""
    marks = ",".join("?" * len(phases))
    rows = connection.execute(
        f"SELECT {RUN_COLUMNS} FROM {RUN_TABLES} WHERE {UNFINISHED} AND runs.phase IN ({marks})"  # noqa: S608
        " ORDER BY runs.claimed_ms, runs.name",
        tuple(phases),
    )
    return [run_of(row) for row in rows]


def open_runs(connection: sqlite3.Connection, workflow_id: WorkflowId) -> list[Run]:
    """The workflow's runs whose outcome nobody knows."""
    runs = runs_in(connection, ("Submitting", "Unknown", "Held"))
    return [run for run in runs if run.workflow_id == workflow_id]


def _open_run(connection: sqlite3.Connection, key: RunKey) -> _Open | None:
    row = row_of(connection, key)
    if row is None:
        return None
    run = run_of(row)
    name = connection.execute("SELECT * FROM names WHERE name = ?", (key.name,)).fetchone()
    if name is None:
        return _Open(run, is_wanted=False, on_unknown=OnUnknown.AUTO)
    is_there = name["presence"] in (Presence.WANTED, Presence.INVALID)  # an invalid manifest is no answer
    is_wanted = is_there and name["digest"] == run.digest and not has_newer(connection, key)
    return _Open(run, is_wanted, OnUnknown(name["on_unknown"]))


def _become(
    connection: sqlite3.Connection, run: Run, state: RunState, now_ms: int, event: str | None, why: str = ""
) -> RunState:
    """Change the run's state, and tell it unless there is no event."""
    if isinstance(state, Waiting) and has_newer(connection, run.key):
        state = Superseded(Reason.CHANGED)
    set_run(connection, run.key, columns_of(state) | {"updated_ms": now_ms})
    about: dict[str, Any] = {"workflow_id": run.workflow_id, "revision": run.revision}
    if isinstance(state, Accepted):
        saw_job(connection, run.workflow_id, state.job_id)
        about["job_id"] = state.job_id
    if event is not None:
        said = why or getattr(state, "why", "") or getattr(state, "message", "")
        tell(connection, now_ms, event, said, run.key, trace_id=run.trace_id, **about)
    return state


def _tried(connection: sqlite3.Connection, key: RunKey) -> Tried:
    """How many requests of a run nobody could tell the outcome of; one without any outcome is the last."""
    row = connection.execute(
        "SELECT count(*), count(code) FROM intents WHERE name = ? AND generation = ? AND attempt = ?"
        " AND outcome IS NOT 'NotCreated'",
        (key.name, key.generation, key.attempt),
    ).fetchone()
    return Tried(*row)


def _is_shared(connection: sqlite3.Connection, workflow_id: WorkflowId) -> bool:
    query = "SELECT is_shared FROM workflows WHERE workflow_id = ?"
    row = connection.execute(query, (workflow_id,)).fetchone()
    return row is None or bool(row["is_shared"])


def _offered(connection: sqlite3.Connection, run: Run) -> tuple[JobId, ...] | None:
    """The jobs that an operator may give this run; None if it takes none."""
    strangers = _strangers(connection, run.workflow_id)
    match run.state:
        case Held(candidates=found):
            return tuple(sorted({*found, *strangers}))
        case Waiting() if strangers:
            return strangers
        case _:
            return None


def _strangers(connection: sqlite3.Connection, workflow_id: WorkflowId) -> tuple[JobId, ...]:
    row = connection.execute(
        "SELECT strangers FROM workflows WHERE workflow_id = ?", (workflow_id,)
    ).fetchone()
    return ids_in(row["strangers"]) if row else ()


def _release_if_known(connection: sqlite3.Connection, workflow_id: WorkflowId, now_ms: int) -> None:
    """A workflow of a restored state is used again once runs have all the jobs that held it."""
    row = connection.execute("SELECT * FROM workflows WHERE workflow_id = ?", (workflow_id,)).fetchone()
    if row is None or row["quarantine"] != Quarantine.HELD:
        return
    strangers = ids_in(row["strangers"])
    owned = owned_among(connection, strangers)
    if owned.issuperset(strangers):
        _release_workflow(connection, row, "runs have all its jobs", now_ms)


def _release_workflow(connection: sqlite3.Connection, row: sqlite3.Row, why: str, now_ms: int) -> None:
    """Use it again. The guard of a new state asks the same of its jobs, and has its answer, too."""
    highest = max(row["highest"] or 0, *ids_in(row["strangers"]))
    connection.execute(
        "UPDATE workflows SET quarantine = NULL, strangers = '', is_guarded = 0, highest = :highest,"
        " first_highest = coalesce(first_highest, :highest) WHERE workflow_id = :id",
        {"highest": highest, "id": row["workflow_id"]},
    )
    tell(connection, now_ms, "WorkflowReleased", why, workflow_id=row["workflow_id"])


def _keep_seen(
    connection: sqlite3.Connection, jobs: Sequence[Job], wanted: Iterable[JobId], now_ms: int
) -> None:
    """Keep what the server tells of these jobs, for whoever has to decide whose they are."""
    chosen = set(wanted)
    for job in jobs:
        if job.job_id in chosen:
            columns = {
                "job_id": job.job_id,
                "workflow_id": job.workflow_id,
                "name": job.name,
                "status": str(job.status) if job.status else None,
                "created_ms": job.created_ms,
                "began_ms": job.began_ms,
                "ended_ms": job.ended_ms,
                "seen_ms": now_ms,
            }
            insert(connection, "jobs_seen", columns, or_replace=True)
