import re
from email.utils import parsedate_to_datetime

import pytest

from tests.sandbox.visit import ANYTHING, API, NEIGHBOURS, code, visit

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def test_ids_are_numbers_that_grow_over_all_workflows(tmp_path):
    async def scene(it):
        first = await it.submit()
        assert first.json() == {"code": 0, "data": {"id": 101}, "message": "Success"}
        assert await it.new_job(body={}, workflow=ANYTHING) == 102
        assert await it.new_job() == 103

    visit(tmp_path, scene)


def test_a_legacy_server_shows_200_as_the_code_of_success(tmp_path):
    async def scene(it):
        assert (await it.submit()).json() == {"code": 200, "data": {"id": 101}, "message": "Success"}

    visit(tmp_path, scene, legacy=True)


def test_every_answer_has_a_date_and_a_traceparent(tmp_path):
    async def scene(it):
        for reply in (
            await it.submit(),
            await it.get("/jobs"),
            await it.get("/jobs/7"),
            await it.get("/nothing"),
        ):
            assert parsedate_to_datetime(reply.headers["date"]).timestamp() == it.clock.now_s
            assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-00", reply.headers["traceparent"])

    visit(tmp_path, scene)


def test_an_answer_stays_in_the_trace_of_its_request(tmp_path):
    async def scene(it):
        reply = await it.submit(headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"})
        assert reply.headers["traceparent"].split("-")[1] == TRACE
        odd = await it.submit(headers={"traceparent": f"00-{TRACE}-oops"})
        assert odd.headers["traceparent"].split("-")[1] != TRACE

    visit(tmp_path, scene)


def test_an_error_has_the_code_its_name_and_the_first_three_digits_as_status(tmp_path):
    async def scene(it):
        reply = await it.submit(workflow="42")
        assert reply.status_code == 404
        assert reply.json()["code"] == 40404000
        assert reply.json()["message"] == "ErrNotFound"
        assert "42" in reply.json()["debugInfo"]

    visit(tmp_path, scene)


def test_a_job_shows_its_tasks_with_iso_times(tmp_path):
    async def scene(it):
        job_id = await it.new_job()
        young = (await it.get(f"/jobs/{job_id}")).json()["data"]
        assert young["tasks"] == [
            {"id": "query_1", "name": "Query", "runBeginTime": None, "runEndTime": None, "status": 0}
        ]
        it.clock.advance(10)
        done = (await it.get(f"/jobs/{job_id}")).json()["data"]
        assert (done["id"], done["workflowId"], done["status"]) == (job_id, NEIGHBOURS, 2)
        assert done["tasks"][0]["runBeginTime"] == "2023-11-14T22:13:21+00:00"
        assert done["tasks"][0]["runEndTime"] == "2023-11-14T22:13:23+00:00"

    visit(tmp_path, scene)


def test_a_job_that_does_not_exist_is_a_database_error(tmp_path):
    async def scene(it):
        assert code(await it.get("/jobs/107")) == (500, 50004001)
        assert code(await it.cancel(107)) == (500, 50004001)
        assert code(await it.get("/jobs/107/tasks/query_1/sample_result")) == (500, 50004001)

    visit(tmp_path, scene)


@pytest.mark.parametrize("job_id", ["x", "-1", "9" * 5000, "1.5"])
def test_what_is_no_job_id_is_a_parameter_error(tmp_path, job_id):
    async def scene(it):
        assert code(await it.get(f"/jobs/{job_id}")) == (400, 40004001)

    visit(tmp_path, scene)


def test_a_cancelled_job_stops_and_ends_interrupted(tmp_path):
    async def scene(it):
        job_id = await it.new_job()
        it.clock.advance(1.5)
        assert (await it.cancel(job_id)).json()["data"] == {"success": True}
        assert await it.status(job_id) == 5
        it.clock.advance(1)
        assert await it.status(job_id) == 4

    visit(tmp_path, scene)


def test_a_job_that_has_ended_is_not_cancelled(tmp_path):
    async def scene(it):
        job_id = await it.new_job()
        it.clock.advance(60)
        assert (await it.cancel(job_id)).json()["data"] == {"success": False}
        assert await it.status(job_id) == 2

    visit(tmp_path, scene)


def test_a_cancel_that_is_not_sent_as_a_form_is_a_bad_request(tmp_path):
    async def scene(it):
        job_id = await it.new_job()
        reply = await it.http.put(f"{API}/jobs/{job_id}/cancel", json={})
        assert code(reply) == (400, 40004000)
        assert await it.status(job_id) == 0

    visit(tmp_path, scene)


def test_results_are_the_first_rows_of_a_task_once_its_job_succeeded(tmp_path):
    async def scene(it):
        path = f"/jobs/{await it.new_job()}/tasks/query_1/sample_result"
        assert (await it.get(path)).json()["data"] == {"items": []}
        it.clock.advance(60)
        rows = (await it.get(path)).json()["data"]["items"]
        assert rows[0] == ["player101", "Tony Parker"]
        assert (await it.get(path, limit=1)).json()["data"]["items"] == rows[:1]
        assert code(await it.get(path, limit="many")) == (400, 40004001)
        assert code(await it.get(path.replace("query_1", "query_2"))) == (404, 40404000)

    visit(tmp_path, scene)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", f"{API}/connect"),
        ("DELETE", f"{API}/jobs/101"),
        ("POST", f"{API}/jobs/101/cancel"),
        ("POST", f"{API}/workflows/../../connect/jobs"),
        ("GET", f"{API}/jobs/"),
    ],
)
def test_what_the_api_does_not_have_is_not_found(tmp_path, method, path):
    async def scene(it):
        assert code(await it.http.request(method, path)) == (404, 40404000)

    visit(tmp_path, scene)
