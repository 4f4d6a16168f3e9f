import asyncio

from tests.sandbox.visit import NEIGHBOURS, visit


def test_what_arrives_is_kept_with_its_headers_and_bytes(tmp_path):
    async def scene(it):
        await it.get("/jobs")
        await it.submit(b"not JSON", headers={"X-Odd": "1"})
        await it.get("/nothing")
        assert [arrival.request.method for arrival in it.sandbox.traffic.of("any")] == ["GET", "POST", "GET"]
        (arrival,) = it.sandbox.traffic.of("submit")
        assert arrival.request.body == b"not JSON"
        assert arrival.request.header("x-odd") == "1"
        assert arrival.request.header("idempotency-key") is None
        assert arrival.route.workflow_id == NEIGHBOURS
        assert arrival.at_s == it.clock.now_s

    visit(tmp_path, scene)


def test_who_waits_for_requests_is_woken_by_the_one_that_makes_the_number(tmp_path):
    async def scene(it):
        waiting = asyncio.create_task(it.sandbox.traffic.until("submit", 2))
        await it.submit()
        await it.get("/jobs")
        assert not waiting.done()
        await it.submit()
        assert len(await waiting) == 2

    visit(tmp_path, scene)
