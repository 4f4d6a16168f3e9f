"""Thousands of jobs are followed by few requests, and a round without news leaves the state alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.core.model import Accepted, JobId, JobStatus, Name, RunKey
from reconciler.explorer.client import Login, Secret, explorer_at
from reconciler.store.rows import columns_of
from reconciler.store.statements import insert, key_columns
from tests.engine.stage import Stage, now_ms, play
from tests.walk.other_explorer import Job, OtherExplorer

JOBS, WORKFLOWS, MOST_REQUESTS = 5_000, 50, 60
SPREAD = {
    "evenly": [JOBS // WORKFLOWS] * WORKFLOWS,
    "nearly all in one": [JOBS - WORKFLOWS + 1, *[1] * (WORKFLOWS - 1)],
    "two large ones": [2_000, 2_000, *[20] * 48, 40],
}


def make_jobs(explorer: OtherExplorer, counts: Sequence[int]) -> list[Job]:
    """So many running jobs in each workflow, those of all workflows among each other."""
    left = {str(number): count for number, count in enumerate(counts, start=1)}
    while any(left.values()):
        for workflow in [workflow for workflow, count in left.items() if count]:
            left[workflow] -= 1
            explorer.jobs.append(
                Job(explorer.first_id + len(explorer.jobs), workflow, b"{}", now_ms() / 1000)
            )
    return explorer.jobs


def put_runs(connection: sqlite3.Connection, jobs: Sequence[Job]) -> None:
    for workflow in {job.workflow for job in jobs}:
        insert(connection, "workflows", {"workflow_id": workflow, "highest": 0, "is_guarded": 0})
    for job in jobs:
        state = Accepted(JobId(job.id), JobStatus.RUNNING, now_ms())
        facts = {"workflow_id": job.workflow, "digest": "d", "claimed_ms": 1, "updated_ms": 1}
        key = RunKey(Name(f"n{job.id}"), 1, 1)
        insert(connection, "runs", key_columns(key) | columns_of(state) | facts)


async def prepare(stage: Stage, explorer: OtherExplorer, counts: Sequence[int]) -> None:
    """Follow them all, from the state, as a daemon does that starts."""
    jobs = make_jobs(explorer, counts)
    await stage.store._writer.write(lambda connection: put_runs(connection, jobs))
    login = Login("root", Secret("nebula-password"), "graphd", 9669)
    client = explorer_at(explorer.url, login, timeout_s=30)
    follower = replace(stage.parts.follower, explorer=client)
    stage.parts.follower = follower
    await follower.start()
    assert len(follower.jobs) == JOBS
    await client.log_in()


async def requests_of_a_round(stage: Stage, explorer: OtherExplorer) -> int:
    """Look at all of them once; gives how many requests that took."""
    follower = stage.parts.follower
    follower._asked_s.update(dict.fromkeys(follower._groups(), 0.0))
    before = len(explorer.requests)
    await follower.look()
    return len(explorer.requests) - before


@pytest.mark.parametrize("counts", SPREAD.values(), ids=SPREAD)
def test_five_thousand_jobs_in_fifty_workflows_take_at_most_sixty_requests_a_round(
    tmp_path: Path, counts: Sequence[int]
) -> None:
    assert (sum(counts), len(counts)) in {(JOBS, WORKFLOWS), (JOBS, WORKFLOWS + 1)}

    async def scene(stage: Stage) -> None:
        await prepare(stage, explorer, counts)
        first = await requests_of_a_round(stage, explorer)
        commits = stage.commits["done"]
        [before] = await stage.store._read(lambda reader: [_contents(reader._connection)])
        stage.parts.follower._highest.clear()  # as after a restart
        second = await requests_of_a_round(stage, explorer)
        [after] = await stage.store._read(lambda reader: [_contents(reader._connection)])
        assert max(first, second) <= MOST_REQUESTS
        assert stage.commits["done"] == commits
        assert before == after
        assert not stage.told.of("job_transition")

    with OtherExplorer(job_s=3600.0) as explorer:
        explorer.status_of = lambda _: 1  # type: ignore[method-assign]
        play(tmp_path, scene)


def test_jobs_that_end_together_are_recorded_together(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await prepare(stage, explorer, SPREAD["evenly"])
        explorer.status_of = lambda _: 2  # type: ignore[method-assign]
        commits = stage.commits["done"]
        await requests_of_a_round(stage, explorer)
        assert not stage.parts.follower.jobs
        assert stage.commits["done"] - commits < JOBS / 50

    with OtherExplorer(job_s=3600.0) as explorer:
        play(tmp_path, scene)


def test_one_old_job_behind_thousands_is_asked_for_by_itself(tmp_path: Path) -> None:
    """The first round learns how deep it lies; from then on one request is cheaper than the pages."""

    async def scene(stage: Stage) -> None:
        old = make_jobs(explorer, [1])
        await stage.store._writer.write(lambda connection: put_runs(connection, old))
        make_jobs(explorer, [900])
        login = Login("root", Secret("nebula-password"), "graphd", 9669)
        stage.parts.follower = replace(
            stage.parts.follower, explorer=explorer_at(explorer.url, login, timeout_s=30)
        )
        await stage.parts.follower.start()
        await requests_of_a_round(stage, explorer)
        assert await requests_of_a_round(stage, explorer) <= 2

    with OtherExplorer(job_s=3600.0) as explorer:
        play(tmp_path, scene)


def _contents(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
    tables = ("names", "runs", "intents", "workflows", "events", "meta", "tasks", "jobs_seen")
    return [tuple(row) for table in tables for row in connection.execute(f"SELECT * FROM {table}")]
