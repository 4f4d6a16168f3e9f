"""Jobs out of JSON: strict about what decisions depend on, lenient about what people only look at."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.model import JobId, JobStatus, WorkflowId
from reconciler.core.outcome import Faulty
from reconciler.explorer.jobs import Job, JobDetail, Listing, Task, detail_in, is_success_in, listing_in

ITEM = {
    "id": 107,
    "name": "w_20240801",
    "workflowId": "4216617528",
    "workflowName": "w",
    "status": 1,
    "runBeginTime": 1722470400500,
    "runEndTime": 0,
    "createTime": 1722470400000,
}
JOB = Job(
    JobId(107),
    WorkflowId("4216617528"),
    "w_20240801",
    JobStatus.RUNNING,
    1722470400000,
    1722470400500,
    None,
)


def listed(*items: object, **more: object) -> bytes:
    return json.dumps({"items": list(items), "total": len(items), "Page": 1, "PageSize": 100} | more).encode()


def one_job(**changes: object) -> Job | Faulty:
    found = listing_in(listed(ITEM | changes), 1, 100)
    return found if isinstance(found, Faulty) else found.jobs[0]


def test_a_listing_is_what_the_server_shows() -> None:
    data = listed(ITEM, total=250, Page=2, PageSize=50)
    assert listing_in(data, 2, 100) == Listing((JOB,), 250, 2, 50)


def test_a_listing_that_does_not_repeat_the_question_answers_it() -> None:
    assert listing_in(b'{"items":[],"total":0}', 3, 20) == Listing((), 0, 3, 20)


def test_no_jobs_may_come_as_null() -> None:
    assert listing_in(b'{"items":null,"total":0}', 1, 10) == Listing((), 0, 1, 10)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "107"},
        {"workflowId": 4216617528},
        {"new": {"field": [1]}},
        {"runEndTime": None},
        {"runEndTime": ""},
        {"runEndTime": -5},
        {"runEndTime": "never"},
        {"runEndTime": 1e300},
        {"createTime": 1722470400000.0},
        {"createTime": "2024-08-01T00:00:00Z"},
        {"createTime": "2024-08-01T02:00:00+02:00"},
        {"createTime": "2024-08-01T00:00:00"},
    ],
)
def test_another_spelling_of_the_same_is_the_same(changes: dict[str, object]) -> None:
    assert one_job(**changes) == JOB


@pytest.mark.parametrize("number", range(6))
def test_a_status_is_explorers_word_for_its_number(number: int) -> None:
    found = one_job(status=number)
    assert isinstance(found, Job)
    assert found.status is JobStatus.by_number(number)


def test_a_workflow_id_beyond_what_a_float_holds_keeps_its_digits() -> None:
    found = one_job(workflowId=str(2**53 + 1))
    assert isinstance(found, Job)
    assert found.workflow_id == "9007199254740993"


@pytest.mark.parametrize(
    "changes",
    [
        {"id": 0},
        {"id": -1},
        {"id": 1.0},
        {"id": True},
        {"id": None},
        {"id": "x"},
        {"id": "0107"},
        {"id": 2**63},
        {"status": "1"},
        {"status": True},
        {"status": None},
        {"workflowId": "../../connect"},
        {"workflowId": ""},
        {"workflowId": "0"},
        {"workflowId": None},
        {"workflowId": "4216617528\n"},
        {"name": 7},
        {"createTime": [1]},
    ],
)
def test_what_decisions_depend_on_must_be_right(changes: dict[str, object]) -> None:
    found = one_job(**changes)
    assert isinstance(found, Faulty)
    assert found.code == 0, "Explorer answered: it is not down"


@pytest.mark.parametrize("number", [6, -1])
def test_a_status_that_the_reference_does_not_have_hides_no_job(number: int) -> None:
    found = one_job(status=number)
    assert isinstance(found, Job)
    assert (found.job_id, found.status) == (107, None)


@pytest.mark.parametrize(
    "data",
    [
        *(b"null", b"[]", b"{}", b'{"items":[]}', b'{"items":{},"total":0}', b'{"items":[],"total":-1}'),
        *(listed(7), listed(None), listed({}), listed(total="1"), listed(total=1.5), listed(total=2**64)),
    ],
)
def test_another_shape_than_a_listings_is_faulty(data: bytes) -> None:
    assert isinstance(listing_in(data, 1, 100), Faulty)


def test_a_job_is_shown_with_its_tasks() -> None:
    task = {
        "id": "query_1",
        "name": "Query",
        "runBeginTime": "2024-08-01T00:00:00.500Z",
        "runEndTime": None,
        "status": 1,
    }
    data = json.dumps(ITEM | {"tasks": [task]}).encode()
    assert detail_in(data, JobId(107)) == JobDetail(
        JOB, (Task("query_1", "Query", JobStatus.RUNNING, 1722470400500, None),)
    )


@pytest.mark.parametrize("tasks", [[{"id": "q", "status": "1"}], [{"status": 1}], "none", [[]]])
def test_a_job_with_odd_tasks_is_faulty(tasks: object) -> None:
    assert isinstance(detail_in(json.dumps(ITEM | {"tasks": tasks}).encode(), JobId(107)), Faulty)


def test_another_job_than_the_one_asked_for_is_faulty() -> None:
    found = detail_in(json.dumps(ITEM).encode(), JobId(108))
    assert found == Faulty(0, "asked for job 108, the server shows job 107")


@pytest.mark.parametrize(("data", "expected"), [(b'{"success":true}', True), (b'{"success":false}', False)])
def test_a_success_is_said_or_denied(data: bytes, expected: bool) -> None:
    assert is_success_in(data) is expected


def test_a_success_that_is_neither_is_faulty() -> None:
    assert isinstance(is_success_in(b'{"success":1}'), Faulty)


@given(
    st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=5)
)
def test_no_value_in_any_field_makes_the_reader_fall(value: Any) -> None:
    for name in ITEM:
        one_job(**{name: value})
