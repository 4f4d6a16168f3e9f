"""The schema of the state file, as the steps that lead to it.

Steps go forward only; each is kept as it was released, and `PRAGMA user_version` counts those that were
taken. Triggers that keep checksums are made by `sums`, after each step that has them.
Queries live in `reading` and `sqlite`.
"""

from __future__ import annotations

import sqlite3

from reconciler.errors import StateUnusable
from reconciler.store.sums import renew_sums

APPLICATION_ID = 0x52_43_4E_52
"""`RCNR`, in the field for an application's own files (SQLite manual, `PRAGMA application_id`)."""

_V1 = """
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE names (
    name TEXT PRIMARY KEY,
    presence TEXT NOT NULL,
    path TEXT NOT NULL,
    digest TEXT,
    workflow_id TEXT,
    reason TEXT NOT NULL,
    revision TEXT,
    updated_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    name TEXT NOT NULL,
    generation INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    workflow_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    body BLOB,
    phase TEXT NOT NULL,
    why TEXT NOT NULL DEFAULT '',
    tries INTEGER NOT NULL DEFAULT 0,
    not_before_ms INTEGER NOT NULL DEFAULT 0,
    baseline INTEGER,
    intent INTEGER,
    code INTEGER,
    candidates TEXT NOT NULL DEFAULT '',
    job_id INTEGER UNIQUE,
    job_status TEXT,
    accepted_ms INTEGER,
    ended_ms INTEGER,
    revision TEXT,
    trace_id TEXT,
    submitted_ms INTEGER,
    claimed_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    PRIMARY KEY (name, generation, attempt)
) STRICT, WITHOUT ROWID;

CREATE INDEX runs_unfinished ON runs (phase) WHERE phase IN ('Waiting', 'Submitting', 'Held', 'Followed');

CREATE TABLE intents (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    generation INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    try_number INTEGER NOT NULL,
    trace_id TEXT NOT NULL,
    baseline INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    outcome TEXT
) STRICT;

CREATE TABLE workflows (
    workflow_id TEXT PRIMARY KEY,
    highest INTEGER,
    is_guarded INTEGER NOT NULL,
    listed_ms INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE approvals (
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    approved_ms INTEGER NOT NULL,
    PRIMARY KEY (name, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE wishes (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    arguments TEXT NOT NULL,
    asked_ms INTEGER NOT NULL,
    answered_ms INTEGER,
    is_done INTEGER,
    answer TEXT
) STRICT;

CREATE INDEX wishes_open ON wishes (number) WHERE answered_ms IS NULL;

CREATE TABLE events (
    number INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    event TEXT NOT NULL,
    name TEXT,
    generation INTEGER,
    attempt INTEGER,
    workflow_id TEXT,
    job_id INTEGER,
    reason TEXT NOT NULL,
    revision TEXT,
    trace_id TEXT
) STRICT;

CREATE INDEX events_of_name ON events (name, number);
"""

_V2 = """
ALTER TABLE names ADD COLUMN on_unknown TEXT NOT NULL DEFAULT 'auto';

ALTER TABLE runs ADD COLUMN looks INTEGER NOT NULL DEFAULT 0;

DROP INDEX runs_unfinished;
CREATE INDEX runs_unfinished ON runs (phase)
    WHERE phase IN ('Waiting', 'Submitting', 'Unknown', 'Held', 'Followed');

ALTER TABLE intents ADD COLUMN highest INTEGER NOT NULL DEFAULT 0;
ALTER TABLE intents ADD COLUMN detail TEXT NOT NULL DEFAULT '';
UPDATE intents SET highest = baseline;

ALTER TABLE workflows ADD COLUMN first_highest INTEGER;
ALTER TABLE workflows ADD COLUMN is_shared INTEGER NOT NULL DEFAULT 0;
ALTER TABLE workflows ADD COLUMN quarantine TEXT;
ALTER TABLE workflows ADD COLUMN strangers TEXT NOT NULL DEFAULT '';
UPDATE workflows SET first_highest = highest;

CREATE TABLE jobs_seen (
    job_id INTEGER PRIMARY KEY,
    workflow_id TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT,
    created_ms INTEGER,
    began_ms INTEGER,
    ended_ms INTEGER,
    seen_ms INTEGER NOT NULL
) STRICT;

ALTER TABLE approvals ADD COLUMN checksum INTEGER;
ALTER TABLE intents ADD COLUMN checksum INTEGER;
ALTER TABLE meta ADD COLUMN checksum INTEGER;
ALTER TABLE names ADD COLUMN checksum INTEGER;
ALTER TABLE runs ADD COLUMN checksum INTEGER;
ALTER TABLE workflows ADD COLUMN checksum INTEGER;
"""

_V3 = """
ALTER TABLE names ADD COLUMN labels TEXT NOT NULL DEFAULT '{}';
ALTER TABLE names ADD COLUMN on_change TEXT NOT NULL DEFAULT 'submit';
ALTER TABLE names ADD COLUMN on_delete TEXT NOT NULL DEFAULT 'orphan';
ALTER TABLE names ADD COLUMN backoff_limit INTEGER NOT NULL DEFAULT 0;
ALTER TABLE names ADD COLUMN active_deadline_s REAL;
ALTER TABLE names ADD COLUMN depends_on TEXT NOT NULL DEFAULT '';

ALTER TABLE runs ADD COLUMN claimed_for TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN resubmissions INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN cancel_cause TEXT;
ALTER TABLE runs ADD COLUMN cancel_why TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN cancel_asked_ms INTEGER;
ALTER TABLE runs ADD COLUMN cancel_tries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN cancel_answer TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN missing_ms INTEGER;
ALTER TABLE runs ADD COLUMN tasks_ms INTEGER;
UPDATE runs SET tasks_ms = 0 WHERE phase = 'Ended';

ALTER TABLE intents ADD COLUMN code INTEGER;
CREATE INDEX intents_of_run ON intents (name, generation, attempt);

CREATE INDEX runs_without_tasks ON runs (ended_ms) WHERE phase = 'Ended' AND tasks_ms IS NULL;
CREATE INDEX runs_of_workflow ON runs (workflow_id)
    WHERE phase IN ('Submitting', 'Unknown', 'Held', 'Followed');

CREATE TABLE tasks (
    job_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    task_id TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT,
    began_ms INTEGER,
    ended_ms INTEGER,
    PRIMARY KEY (job_id, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX events_at ON events (at_ms);
"""

STEPS = (_V1, _V2, _V3)


FIRST_SUMMED = 2
"""The first schema whose rows have checksums; every step from it on sums all rows anew."""


def migrate(connection: sqlite3.Connection, to: int = len(STEPS)) -> None:
    """Bring the file to the newest schema (or to this one), each step in a transaction of its own.

    The connection needs `sums.register`. Raises StateUnusable for a file that a newer version wrote or that
    is no state, and leaves it untouched.
    """
    version = version_of(connection)
    for number, step in enumerate(STEPS[version:to], start=version + 1):
        connection.executescript(f"BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION_ID}; {step}")
        if number >= FIRST_SUMMED:
            renew_sums(connection)
        connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")


def version_of(connection: sqlite3.Connection) -> int:
    """How many steps this file has taken. Raises StateUnusable if it is not ours to take any."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application_id = int(connection.execute("PRAGMA application_id").fetchone()[0])
    is_empty = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
    if application_id != APPLICATION_ID and not is_empty:
        raise StateUnusable("the file is an SQLite database, but not a reconciler's state")
    if not 0 <= version <= len(STEPS):
        raise StateUnusable(
            f"the state was written by a newer version (schema {version}, this version knows {len(STEPS)});"
            " it was left as it is. Run the newer version, or restore a backup that is older than it"
        )
    return version
