import json

import pytest

from tests.sandbox.visit import ANYTHING, NEIGHBOURS, code, visit


def test_an_item_has_exactly_the_documented_fields_and_no_input(tmp_path):
    async def scene(it):
        await it.submit()
        item = (await it.listed())["items"][0]
        assert item == {
            "id": 101,
            "name": "basketball_neighbours_20231114221320",
            "workflowId": NEIGHBOURS,
            "workflowName": "basketball_neighbours",
            "status": 0,
            "runBeginTime": 0,
            "runEndTime": 0,
            "createTime": 1_700_000_000_000,
        }
        it.clock.advance(10)
        item = (await it.listed())["items"][0]
        assert (item["runBeginTime"], item["runEndTime"]) == (1_700_000_001_000, 1_700_000_003_000)

    visit(tmp_path, scene)


def test_a_listing_is_newest_first_ten_to_a_page(tmp_path):
    async def scene(it):
        for _ in range(13):
            await it.submit()
        first, second = await it.listed(), await it.listed(page=2)
        assert (first["total"], first["Page"], first["PageSize"]) == (13, 1, 10)
        assert [item["id"] for item in first["items"]] == list(range(113, 103, -1))
        assert [item["id"] for item in second["items"]] == [103, 102, 101]
        assert second["Page"] == 2
        assert await it.listed_ids(page=3) == []

    visit(tmp_path, scene)


def test_a_page_is_no_larger_than_the_cap_and_says_so(tmp_path):
    async def scene(it):
        for _ in range(4):
            await it.submit()
        page = await it.listed(pageSize=1000)
        assert (page["PageSize"], len(page["items"]), page["total"]) == (3, 3, 4)
        assert await it.listed_ids(pageSize=1000, page=2) == [101]

    visit(tmp_path, scene, page_size_cap=3)


def test_a_workflow_lists_its_own_jobs_only(tmp_path):
    async def scene(it):
        await it.submit()
        await it.submit({}, workflow=ANYTHING)
        await it.submit()
        assert await it.listed_ids(f"/workflows/{NEIGHBOURS}/jobs") == [103, 101]
        assert await it.listed_ids(f"/workflows/{ANYTHING}/jobs") == [102]
        assert await it.listed_ids() == [103, 102, 101]

    visit(tmp_path, scene)


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({"orderByCreateTime": "asc"}, [101, 102, 103]),
        ({"orderByCreateTime": "desc"}, [103, 102, 101]),
        ({"status": 2}, [101]),
        ({"status": 0}, [103, 102]),
        ({"fromCreateTime": 1_700_000_060_000}, [103, 102]),
        ({"toCreateTime": 1_700_000_059_999}, [101]),
        ({"name": "anything_"}, [102]),
        ({"name": "anything_", "status": 2}, []),
        ({"some": "thing else"}, [103, 102, 101]),
    ],
)
def test_a_filter_narrows_and_orders(tmp_path, wanted, ids):
    async def scene(it):
        await it.submit()
        it.clock.advance(60)
        await it.submit({}, workflow=ANYTHING)
        await it.submit()
        assert await it.listed_ids(filter=json.dumps(wanted)) == ids

    visit(tmp_path, scene)


@pytest.mark.parametrize(
    "query",
    [
        {"filter": "{"},
        {"filter": "[]"},
        {"filter": '{"status": "done"}'},
        {"filter": '{"orderByCreateTime": "up"}'},
        {"page": "0"},
        {"page": "-1"},
        {"pageSize": "ten"},
        {"pageSize": "9" * 5000},
    ],
)
def test_a_question_that_cannot_be_read_is_a_parameter_error(tmp_path, query):
    async def scene(it):
        assert code(await it.get("/jobs", **query)) == (400, 40004001)

    visit(tmp_path, scene)
