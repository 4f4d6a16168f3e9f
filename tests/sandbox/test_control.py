import pytest

from tests.sandbox.visit import NEIGHBOURS, code, visit


def test_faults_are_switched_by_a_request_without_a_session(tmp_path):
    async def scene(it):
        faults = [{"kind": "answer", "operation": "submit", "status": 503, "times": 2}]
        del it.http.headers["Cookie"]
        shown = await it.http.put("/sandbox/faults", json=faults)
        assert shown.json()["data"]["faults"] == [
            {"kind": "answer", "operation": "submit", "workflow": None, "times": 2, "nth": []}
            | {"moment": "before", "status": 503, "headers": {}, "body": ""}
        ]
        assert (await it.submit()).status_code == 503
        assert (await it.http.get("/sandbox/faults")).json() == shown.json()
        assert (await it.http.delete("/sandbox/faults")).json()["data"] == {"faults": []}
        assert (await it.submit()).status_code == 401

    visit(tmp_path, scene)


@pytest.mark.parametrize("body", ["", "{}", '[{"kind": "explode"}]', "[" * 100_000])
def test_faults_that_say_nothing_sensible_are_refused_and_change_nothing(tmp_path, body):
    async def scene(it):
        await it.http.put("/sandbox/faults", json=[{"kind": "text-id"}])
        assert code(await it.http.put("/sandbox/faults", content=body)) == (400, 40004001)
        assert len(it.sandbox.faults.active) == 1

    visit(tmp_path, scene)


def test_a_foreign_job_looks_like_any_other_to_the_api(tmp_path):
    async def scene(it):
        own = await it.new_job()
        order = {"workflowId": NEIGHBOURS, "input": {"query_1": {"name": "Tony Parker"}}}
        made = await it.http.post("/sandbox/jobs", json=order)
        assert made.json()["data"] == {"id": own + 1}
        assert (await it.sandbox.add_foreign_job(NEIGHBOURS)).id == own + 2
        items = (await it.listed())["items"]
        assert [item["id"] for item in items] == [own + 2, own + 1, own]
        assert len({(item["name"], item["createTime"]) for item in items}) == 1
        assert [job.is_foreign for job in it.sandbox.ledger.jobs] == [False, True, True]
        assert it.sandbox.ledger.jobs[1].input == order["input"]

    visit(tmp_path, scene)


@pytest.mark.parametrize(
    ("order", "answer"),
    [
        ({"workflowId": "42"}, (404, 40404000)),
        ({"workflowId": 42}, (400, 40004001)),
        ({}, (400, 40004001)),
    ],
)
def test_a_foreign_job_needs_a_workflow_that_exists(tmp_path, order, answer):
    async def scene(it):
        assert code(await it.http.post("/sandbox/jobs", json=order)) == answer
        assert it.sandbox.ledger.jobs == ()

    visit(tmp_path, scene)


def test_sessions_are_forgotten_on_request(tmp_path):
    async def scene(it):
        await it.http.post("/sandbox/forget-sessions")
        assert code(await it.get("/jobs")) == (401, 40104001)

    visit(tmp_path, scene)


def test_the_ledger_is_shown(tmp_path):
    async def scene(it):
        await it.submit()
        (job,) = (await it.http.get("/sandbox/ledger")).json()["data"]["jobs"]
        assert (job["id"], job["workflow_id"], job["is_foreign"]) == (101, NEIGHBOURS, False)
        assert job["input"] == {"query_1": {"name": "Tim Duncan"}}

    visit(tmp_path, scene)


def test_no_fault_touches_the_controls_and_they_are_not_counted(tmp_path):
    async def scene(it):
        await it.http.put("/sandbox/faults", json=[{"kind": "drop", "times": None}])
        await it.http.get("/sandbox/ledger")
        await it.http.delete("/sandbox/faults")
        assert it.sandbox.traffic.of("any") == ()

    visit(tmp_path, scene)


def test_what_the_sandbox_does_not_have_is_not_found(tmp_path):
    async def scene(it):
        assert code(await it.http.get("/sandbox/nothing")) == (404, 40404000)
        assert code(await it.http.get("/sandbox/jobs")) == (404, 40404000)

    visit(tmp_path, scene)
