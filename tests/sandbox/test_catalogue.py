import json

import pytest

from reconciler.sandbox.catalogue import Catalogue, accepted_input, built_in
from reconciler.sandbox.wire import RefusedError
from tests.sandbox.visit import ANYTHING, NEIGHBOURS, code, visit

JACCARD = "6180339887"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "an empty body"),
        (b'""', "an empty string as body"),
        (b"[]", "a list as body"),
        (b'{"input": {"query_1": {"name": "Tim"', "half a JSON"),
        (b'{"input": {"query_1": {"name": NaN}}}', "what JSON has not"),
        (b'{"input": "\xff"}', "bytes that are not UTF-8"),
        (b"[" * 100_000, "brackets without end"),
        (b'{"input": ""}', "an empty string as input"),
        (b'{"input": null}', "null as input"),
        (b'{"input": {"query_1": "Tim"}}', "a task that is not an object"),
        (b'{"input": {"query_1": {"name": "Tim"}, "query_9": {}}}', "an unknown task"),
        (b'{"input": {"query_1": {"name": "Tim", "limit": 3}}}', "an extra parameter"),
        (b'{"input": {"query_1": {"name": true}}}', "a boolean"),
        (b'{"input": {"query_1": {"name": null}}}', "null"),
        (b'{"input": {"query_1": {"name": ["Tim"]}}}', "a list"),
        (b'{"input": {"query_1": {"name": {}}}}', "an object"),
    ],
)
def test_a_bad_submission_is_a_parameter_error_and_makes_no_job(tmp_path, body, why):
    async def scene(it):
        assert code(await it.submit(body)) == (400, 40004001), why
        assert it.sandbox.ledger.jobs == ()

    visit(tmp_path, scene)


@pytest.mark.parametrize("body", [{}, {"input": {}}, {"input": {"query_1": {}}}])
def test_a_missing_parameter_answers_500_although_the_caller_is_at_fault(tmp_path, body):
    async def scene(it):
        assert code(await it.submit(body)) == (500, 50004002)
        assert it.sandbox.ledger.jobs == ()

    visit(tmp_path, scene)


def test_a_submission_that_is_not_sent_as_json_is_a_parameter_error(tmp_path):
    async def scene(it):
        assert code(await it.submit(headers={"Content-Type": "text/plain"})) == (400, 40004001)

    visit(tmp_path, scene)


@pytest.mark.parametrize("body", [{}, {"input": {}}])
def test_a_workflow_without_parameters_takes_no_input(tmp_path, body):
    async def scene(it):
        assert code(await it.submit(body, workflow="2718281828")) == (200, 0)

    visit(tmp_path, scene)


def test_an_unknown_workflow_is_not_found_and_what_is_no_number_a_parameter_error(tmp_path):
    async def scene(it):
        assert code(await it.submit(workflow="42")) == (404, 40404000)
        assert code(await it.submit(workflow="forty-two")) == (400, 40004001)
        assert code(await it.get("/workflows/42/jobs")) == (404, 40404000)

    visit(tmp_path, scene)


@pytest.mark.parametrize(
    ("workflow_id", "tasks"),
    [
        (NEIGHBOURS, {"query_1": {"name": "Tim Duncan"}}),
        ("3992429968", {"query_1": {"team": "Spurs", "limit": 3}, "query_2": {"season": 2022}}),
        (
            "5310284417",
            {"analytics_pagerank_1": {"damping": 0.85}, "analytics_sssp_1": {"source": "player100"}},
        ),
        (
            JACCARD,
            {"analytics_jaccard_similarity_4": {"ids1": 'player101", "player102', "ids2": "player103"}},
        ),
        ("1414213562", {"query_1": {"姓名": "蒂姆·邓肯", "größe": 2.11}}),
        ("18446744073709551629", {"analytics_louvain_1": {}}),
        (ANYTHING, {"any_task": {"1.0000000000000001": 1, "": "x"}}),
    ],
)
def test_the_built_in_workflows_take_strings_and_numbers(workflow_id, tasks):
    body = json.dumps({"input": tasks}).encode()
    assert accepted_input(built_in()[workflow_id], body) == tasks


def test_the_directory_may_have_a_catalogue_of_its_own_that_changes_while_the_sandbox_runs(tmp_path):
    (tmp_path / "workflows.json").write_text('{"7": {"name": "seven", "any": true}}')

    async def scene(it):
        assert code(await it.submit(workflow=NEIGHBOURS)) == (404, 40404000)
        assert code(await it.submit(workflow="7")) == (200, 0)
        (tmp_path / "workflows.json").write_text('{"*": {"name": "any of them", "any": true}}')
        assert code(await it.submit(workflow=NEIGHBOURS)) == (200, 0)

    visit(tmp_path, scene)


def test_a_catalogue_that_says_nothing_sensible_is_told_at_start(tmp_path):
    (tmp_path / "workflows.json").write_text('{"7": {"name": "seven", "ends": "Badly"}}')
    with pytest.raises(ValueError, match="Badly"):
        Catalogue(tmp_path)


def test_a_catalogue_that_goes_wrong_later_keeps_the_former_one(tmp_path, caplog):
    path = tmp_path / "workflows.json"
    path.write_text('{"7": {"name": "seven"}}')
    catalogue = Catalogue(tmp_path)
    path.write_text('{"7": ')
    assert catalogue.workflow("7").name == "seven"
    assert "was not taken over" in caplog.text
    path.unlink()
    with pytest.raises(RefusedError):
        catalogue.workflow("7")


def test_an_input_arrives_in_the_ledger_as_it_was_sent(tmp_path):
    text = '{"input": {"t": {"1.0000000000000001": 1.10, "ключ": "\\u0000\\ud83d\\ude00"}} }'

    async def scene(it):
        await it.submit(
            text.encode(), workflow=ANYTHING, headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
        )
        job = it.sandbox.ledger.jobs[0]
        assert job.body == text
        assert job.input == {"t": {"1.0000000000000001": 1.1, "ключ": "\0😀"}}
        assert job.traceparent == f"00-{'a' * 32}-{'b' * 16}-01"
        assert (job.workflow_id, job.is_foreign) == (ANYTHING, False)
        assert job.created_ms == 1_700_000_000_000

    visit(tmp_path, scene)
