"""Questions about many names at once, answered by SQLite: states counted, names searched, sorted and paged.

What `core.item` decides for one name, its state above all, is said here once more in SQL, so that no item
is made that nobody sees: for 10,000 names that takes a thirtieth of the time. That both agree is tested for
every state there is. Nothing here writes.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping

from reconciler.core.model import CancelCause, JobStatus, Name, RunKey, State
from reconciler.core.overview import BY_URGENCY, Order, Question
from reconciler.core.sighting import Presence
from reconciler.store.rows import UNFINISHED, key_of

# Each name with its newest run, if it has any.
_TABLES = """names LEFT JOIN runs ON runs.name = names.name AND (runs.generation, runs.attempt) = (
    SELECT newest.generation, newest.attempt FROM runs AS newest WHERE newest.name = names.name
    ORDER BY newest.generation DESC, newest.attempt DESC LIMIT 1)"""

# As `item._is_next_run_wanted`: no run was claimed yet for what the manifest asks for.
_IS_UNCLAIMED = f"""(runs.phase IS NULL OR (names.presence = '{Presence.WANTED}'
    AND runs.phase NOT IN ('Submitting', 'Unknown', 'Held')
    AND (names.digest IS NOT runs.digest OR runs.phase = 'Superseded')))"""

# As `Accepted.is_overdue`.
_IS_OVERDUE = f"""(runs.phase = 'Ended' AND runs.job_status <> '{JobStatus.SUCCESS}'
    AND runs.cancel_cause = '{CancelCause.DEADLINE}')"""

# As `item.state_of` and `item._unclaimed`.
_STATE = f"""CASE
    WHEN runs.phase IN ('Submitting', 'Unknown', 'Held') THEN runs.phase
    WHEN names.presence = '{Presence.SUSPENDED}' AND runs.phase = 'Followed' THEN '{State.RUNNING}'
    WHEN names.presence = '{Presence.INVALID}' THEN '{State.INVALID}'
    WHEN names.presence = '{Presence.SUSPENDED}' THEN '{State.SUSPENDED}'
    WHEN names.presence = '{Presence.DELETED}' THEN '{State.DELETED}'
    WHEN {_IS_UNCLAIMED} THEN '{State.WAITING}'
    WHEN {_IS_OVERDUE} THEN '{State.FAILED}'
    WHEN runs.phase IN ('Followed', 'Ended') THEN CASE runs.job_status
        WHEN '{JobStatus.SUCCESS}' THEN '{State.SUCCEEDED}'
        WHEN '{JobStatus.FAILED}' THEN '{State.FAILED}'
        WHEN '{JobStatus.INTERRUPTED}' THEN '{State.INTERRUPTED}'
        ELSE '{State.RUNNING}' END
    WHEN runs.phase = 'Baselined' THEN '{State.SUCCEEDED}'
    ELSE runs.phase END"""

# The job and the time of a run count only while the name is about that run.
_JOB = f"CASE WHEN {_IS_UNCLAIMED} OR runs.phase NOT IN ('Followed', 'Ended') THEN NULL ELSE runs.job_id END"
_UPDATED = f"CASE WHEN {_IS_UNCLAIMED} THEN names.updated_ms ELSE max(names.updated_ms, runs.updated_ms) END"
_RANKS = " ".join(f"WHEN '{state}' THEN {at}" for at, state in enumerate(BY_URGENCY))
_RANK = f"CASE {_STATE} {_RANKS} END"

_WORKFLOW = "coalesce(runs.workflow_id, names.workflow_id, '')"

# A label is found as it is written for a selector: `team=graph`.
_TEXT = f"""lower(names.name || ' ' || names.path || ' ' || replace(names.labels, '": "', '=')
    || ' ' || {_STATE} || ' ' || {_WORKFLOW} || ' ' || coalesce(runs.job_id, '')
    || ' ' || coalesce(names.revision, '') || ' ' || coalesce(runs.revision, '')
    || ' ' || coalesce(runs.trace_id, '') || ' ' || names.reason || ' ' || coalesce(runs.why, ''))"""

_ORDERS: Mapping[Order, tuple[str, ...]] = {
    Order.STATE: (_RANK,),
    Order.NAME: (),
    Order.WORKFLOW: (f"length({_WORKFLOW})", _WORKFLOW),  # digits that may be too many for a number
    Order.JOB: (f"coalesce({_JOB}, 0)",),
    Order.AGE: (f"-({_UPDATED})",),
}


def counts_of(connection: sqlite3.Connection, words: tuple[str, ...] = ()) -> Counter[State]:
    """How many names stand in each state, of those that have all of the words somewhere in them."""
    where, arguments = _having(words)
    rows = connection.execute(
        f"SELECT {_STATE} AS state, count(*) FROM {_TABLES} WHERE {where} GROUP BY state",  # noqa: S608
        arguments,
    )
    return Counter({State(row[0]): int(row[1]) for row in rows})


def names_of(connection: sqlite3.Connection, question: Question, page: int) -> list[Name]:
    """The names on one page of the answer, in order."""
    where, arguments = _having(question.words)
    if question.states:
        where += f" AND {_STATE} IN ({','.join('?' * len(question.states))})"
        arguments += sorted(map(str, question.states))
    direction = "DESC" if question.is_reversed else "ASC"
    terms = _ORDERS[question.order] or ("names.name",)
    order = ", ".join([*(f"{term} {direction}" for term in terms), "names.name"])
    rows = connection.execute(
        f"SELECT names.name FROM {_TABLES} WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?",  # noqa: S608
        [*arguments, question.size, (page - 1) * question.size],
    )
    return [Name(row[0]) for row in rows]


def held_count(connection: sqlite3.Connection) -> int:
    """How many runs are held."""
    query = f"SELECT count(*) FROM runs WHERE {UNFINISHED} AND phase = 'Held'"  # noqa: S608 - our own words
    return int(connection.execute(query).fetchone()[0])


def older_held(connection: sqlite3.Connection) -> list[RunKey]:
    """The runs that are held and are not the newest of their name."""
    rows = connection.execute(
        f"SELECT name, generation, attempt FROM runs WHERE {UNFINISHED} AND phase = 'Held' AND EXISTS ("  # noqa: S608
        " SELECT 1 FROM runs AS newer WHERE newer.name = runs.name"
        " AND (newer.generation, newer.attempt) > (runs.generation, runs.attempt))"
        " ORDER BY name, generation, attempt"
    )
    return [key_of(row) for row in rows]


def _having(words: tuple[str, ...]) -> tuple[str, list[str | int]]:
    """The condition that all of the words are there, with its arguments."""
    return " AND ".join(["1", *[f"instr({_TEXT}, lower(?)) > 0"] * len(words)]), list(words)
