"""A listing of a whole workflow, from a real server that gives pages as it likes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.model import WorkflowId
from reconciler.core.outcome import Faulty
from reconciler.engine import listing as module
from reconciler.engine.listing import WholeListing, list_workflow
from reconciler.explorer.client import ExplorerError, Listing
from reconciler.sandbox.faults import Answer, html_page
from tests.engine.stage import QUICK, SLOW, Stage, play


async def listed(stage: Stage, explorer: Any = None) -> WholeListing:
    gate = stage.parts.gate
    return await list_workflow(explorer or stage.explorer, gate, WorkflowId(SLOW))


async def made(stage: Stage, count: int, workflow: str = SLOW) -> list[int]:
    return [(await stage.sandbox.add_foreign_job(workflow)).id for _ in range(count)]


@pytest.mark.parametrize(("count", "requests"), [(0, 1), (1, 1), (2, 1), (3, 2), (7, 4)])
def test_pages_are_turned_to_the_last_and_no_further(tmp_path: Path, count: int, requests: int) -> None:
    async def scene(stage: Stage) -> None:
        jobs = await made(stage, count)
        await made(stage, 2, QUICK)
        found = await listed(stage)
        assert (sorted(found.ids), found.is_whole) == (jobs, True)
        assert len(stage.sandbox.traffic.of("list")) == requests

    play(tmp_path, scene, page_size_cap=2)


class Growing:
    """An Explorer in whose workflow somebody makes a job after each page that was read."""

    def __init__(self, stage: Stage, count: int) -> None:
        self.stage, self.count = stage, count

    async def jobs(self, workflow_id: WorkflowId, page: int) -> Listing:
        found = await self.stage.explorer.jobs(workflow_id, page=page)
        if self.count:
            self.count -= 1
            await made(self.stage, 1)
        return found


def test_a_job_that_was_there_is_found_once_however_many_come_meanwhile(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        jobs = await made(stage, 6)
        found = await listed(stage, Growing(stage, 3))
        assert found.is_whole
        assert sorted(set(found.ids) & set(jobs)) == jobs
        assert len(found.ids) == len(set(found.ids))
        assert len(stage.sandbox.traffic.of("list")) > 3, "no page was shown twice in part"

    play(tmp_path, scene, page_size_cap=2)


def page_of(*ids: int, total: int) -> Answer:
    items = [{"id": job_id, "workflowId": 2, "name": "n", "status": 1} for job_id in ids]
    body = json.dumps({"code": 0, "data": {"items": items, "total": total}, "message": "Success"})
    return Answer(operation="list", status=200, body=body)


def test_a_total_that_is_never_reached_is_told(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.explorer.jobs(None)
        stage.sandbox.faults.switch_on(page_of(7, 8, total=4), page_of(9, total=4), page_of(total=4))
        found = await listed(stage)
        assert (found.ids, found.is_whole) == ((7, 8, 9), False)

    play(tmp_path, scene)


def test_pages_that_overlap_make_no_whole_listing_however_much_they_show(tmp_path: Path) -> None:
    """Jobs of one moment may change places between two pages: one is shown twice, and another one never."""

    async def scene(stage: Stage) -> None:
        await stage.explorer.jobs(None)
        pages = [page_of(9, 8, total=4), page_of(8, 7, total=4), page_of(total=4)]
        stage.sandbox.faults.switch_on(*pages)
        found = await listed(stage)
        assert (found.ids, found.is_whole) == ((9, 8, 7), False)

    play(tmp_path, scene)


def test_a_job_that_goes_between_two_pages_makes_no_whole_listing(tmp_path: Path) -> None:
    """It pulls another one from the next page to the one that was read."""

    async def scene(stage: Stage) -> None:
        await stage.explorer.jobs(None)
        stage.sandbox.faults.switch_on(page_of(9, 8, total=4), page_of(6, total=3), page_of(total=3))
        found = await listed(stage)
        assert (found.ids, found.is_whole) == ((9, 8, 6), False)

    play(tmp_path, scene)


def test_a_listing_without_an_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGES", 3)

    async def scene(stage: Stage) -> None:
        await stage.explorer.jobs(None)
        stage.sandbox.faults.switch_on(*(page_of(number, total=900) for number in range(7, 12)))
        found = await listed(stage)
        assert (found.ids, found.is_whole) == ((7, 8, 9), False)
        assert len(stage.sandbox.traffic.of("list")) == 1 + 3

    play(tmp_path, scene)


@pytest.mark.parametrize("total", [2, 3, 900])
def test_a_page_that_repeats_one_before_makes_no_whole_listing(tmp_path: Path, total: int) -> None:
    """A server that does not know of pages shows the first for ever; the jobs behind it are not seen."""

    async def scene(stage: Stage) -> None:
        await stage.explorer.jobs(None)
        stage.sandbox.faults.switch_on(page_of(7, total=total), page_of(7, total=total))
        found = await listed(stage)
        assert (found.ids, found.is_whole) == ((7,), False)
        assert len(stage.sandbox.traffic.of("list")) == 1 + 2

    play(tmp_path, scene)


def test_more_jobs_than_can_be_kept_make_no_whole_listing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_JOBS", 3)

    async def scene(stage: Stage) -> None:
        await stage.explorer.jobs(None)
        pages = [range(start, start + 2) for start in (1, 3, 5)]
        stage.sandbox.faults.switch_on(*(page_of(*page, total=6) for page in pages))
        found = await listed(stage)
        assert (len(found.ids), found.is_whole) == (4, False)

    play(tmp_path, scene)


class Counting:
    """A gate that counts whom it admits, and notes how it went."""

    def __init__(self) -> None:
        self.admitted = 0
        self.noted: list[object] = []

    async def admit(self) -> None:
        self.admitted += 1

    def went(self, trouble: object) -> None:
        self.noted.append(trouble and type(trouble))


def test_a_page_that_fails_fails_the_listing_and_each_page_is_told_to_the_gate(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await made(stage, 5)
        stage.sandbox.faults.switch_on(Answer(operation="list", nth=(2,), status=502, body=html_page().body))
        gate: Any = Counting()
        with pytest.raises(ExplorerError):
            await list_workflow(stage.explorer, gate, WorkflowId(SLOW))
        assert gate.noted == [None, Faulty]

    play(tmp_path, scene, page_size_cap=2)


@pytest.mark.parametrize(("is_admitted", "count"), [(False, 3), (True, 2)])
def test_each_page_is_admitted_once(tmp_path: Path, is_admitted: bool, count: int) -> None:
    async def scene(stage: Stage) -> None:
        await made(stage, 5)
        gate: Any = Counting()
        await list_workflow(stage.explorer, gate, WorkflowId(SLOW), is_admitted=is_admitted)
        assert gate.admitted == count

    play(tmp_path, scene, page_size_cap=2)
