import asyncio
import time

import httpx
import msgspec
import pytest

from reconciler.sandbox.faults import (
    Answer,
    Cut,
    Drip,
    Drop,
    Hang,
    Late,
    Pad,
    error,
    html_page,
    redirect,
    throttled,
)
from tests.sandbox.visit import API, NEIGHBOURS, code, elapsed_since, raw, visit

RESET = (httpx.ReadError, None)
CLOSED = (httpx.RemoteProtocolError, "without sending a response")


def made(it):
    return len(it.sandbox.ledger.jobs)


async def raw_submission(it):
    """A submission on a connection of its own: its reader and writer."""
    body = b'{"input":{"query_1":{"name":"Tim Duncan"}}}'
    head = (
        f"POST {API}/workflows/{NEIGHBOURS}/jobs HTTP/1.1\r\nHost: x\r\n"
        f"Cookie: {it.http.headers['Cookie']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    reader, writer = await raw(it.sandbox.base_url)
    writer.write(head.encode() + body)
    return reader, writer


@pytest.mark.parametrize(("moment", "jobs"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize(("by", "ending"), [("reset", RESET), ("close", CLOSED)])
def test_a_dropped_submission_made_a_job_only_if_it_was_dropped_after(tmp_path, moment, jobs, by, ending):
    async def scene(it):
        it.sandbox.faults.switch_on(Drop(operation="submit", moment=moment, by=by))
        kind, message = ending
        with pytest.raises(kind, match=message):
            await it.submit()
        assert made(it) == jobs
        assert code(await it.submit()) == (200, 0)

    visit(tmp_path, scene)


def test_a_reset_reaches_the_client_as_a_reset(tmp_path):
    async def scene(it):
        it.sandbox.faults.switch_on(Drop(by="reset"))
        reader, writer = await raw_submission(it)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()

    visit(tmp_path, scene)


def test_a_late_job_appears_after_its_connection_was_dropped(tmp_path):
    async def scene(it):
        it.sandbox.faults.switch_on(Late(operation="submit", seconds=2.0))
        begin = time.monotonic()
        with pytest.raises(httpx.ReadError):
            await it.submit()
        assert made(it) == 0
        assert await it.new_job() == 101
        await it.sandbox.ledger.until(lambda ledger: len(ledger.jobs) == 2)
        assert elapsed_since(begin) >= 2.0
        assert await it.listed_ids() == [102, 101]

    visit(tmp_path, scene)


def test_a_late_job_may_wait_for_its_client_to_give_up(tmp_path):
    async def scene(it):
        it.sandbox.faults.switch_on(Late(operation="submit", seconds=0, trigger="client-gone"))
        _, writer = await raw_submission(it)
        await it.sandbox.traffic.until("submit", 1)
        assert await it.listed_ids() == []
        writer.close()
        await it.sandbox.ledger.until(lambda ledger: len(ledger.jobs) == 1)

    visit(tmp_path, scene)


@pytest.mark.parametrize(("moment", "jobs"), [("before", 0), ("after", 1)])
def test_a_request_may_hang_until_its_client_gives_up(tmp_path, moment, jobs):
    async def scene(it):
        it.sandbox.faults.switch_on(Hang(operation="submit", moment=moment))
        with pytest.raises(httpx.ReadTimeout):
            await it.submit(timeout=httpx.Timeout(60.0, read=1.5))
        assert made(it) == jobs

    visit(tmp_path, scene)


@pytest.mark.parametrize(("moment", "jobs"), [("before", 0), ("after", 1)])
def test_a_request_may_hang_for_a_while_and_be_answered_then(tmp_path, moment, jobs):
    async def scene(it):
        it.sandbox.faults.switch_on(Hang(operation="submit", moment=moment, seconds=2.0))
        begin = time.monotonic()
        pending = asyncio.create_task(it.submit())
        await it.sandbox.traffic.until("submit", 1)
        await it.listed()
        assert made(it) == jobs
        assert (await pending).json()["data"] == {"id": 101}
        assert elapsed_since(begin) >= 2.0
        assert made(it) == 1

    visit(tmp_path, scene)


@pytest.mark.parametrize(("moment", "jobs"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        (error(50004000), 500, '"code":50004000'),
        (error(90004000), 500, '"code":90004000'),
        (Answer(status=503, body="no upstream"), 503, "no upstream"),
        (Answer(status=502), 502, ""),
        (html_page(200), 200, "<html>"),
        (html_page(), 502, "<html>"),
        (throttled(7), 429, "slow down"),
        (redirect("http://127.0.0.1:1/elsewhere"), 302, ""),
        (Answer(status=204), 204, ""),
        (Answer(status=200, body={"code": 0, "data": {"id": None}}), 200, '"id":null'),
    ],
)
def test_any_other_reply_may_stand_in_for_the_true_one(tmp_path, fault, status, body, moment, jobs):
    async def scene(it):
        it.sandbox.faults.switch_on(msgspec.structs.replace(fault, operation="submit", moment=moment))
        reply = await it.submit()
        assert reply.status_code == status
        assert body in reply.text
        assert made(it) == jobs
        assert code(await it.submit()) == (200, 0)

    visit(tmp_path, scene)


def test_the_headers_of_a_false_reply_arrive(tmp_path):
    async def scene(it):
        it.sandbox.faults.switch_on(throttled(7), redirect("http://127.0.0.1:1/x"), html_page())
        assert (await it.submit()).headers["retry-after"] == "7"
        assert (await it.submit()).headers["location"] == "http://127.0.0.1:1/x"
        assert (await it.submit()).headers["content-type"] == "text/html"

    visit(tmp_path, scene)


def test_a_reply_may_be_shorter_than_it_says(tmp_path):
    async def scene(it):
        it.sandbox.faults.switch_on(Cut(operation="submit"))
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message"):
            await it.submit()
        assert made(it) == 1

    visit(tmp_path, scene)


def test_a_reply_of_the_right_length_may_be_half_a_json(tmp_path):
    async def scene(it):
        it.sandbox.faults.switch_on(Cut(operation="submit", announced="sent"))
        reply = await it.submit()
        assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json")
        assert len(reply.content) == int(reply.headers["content-length"])
        with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
            reply.json()
        assert made(it) == 1

    visit(tmp_path, scene)


def test_a_reply_may_drip(tmp_path):
    async def scene(it):
        it.sandbox.faults.switch_on(Drip(operation="submit", interval_s=0.001))
        begin = time.monotonic()
        assert code(await it.submit()) == (200, 0)
        assert elapsed_since(begin) > 0.2
        assert code(await it.submit()) == (200, 0)

    visit(tmp_path, scene)


def test_a_drip_stops_once_its_client_is_gone(tmp_path):
    async def scene(it):
        it.sandbox.faults.switch_on(Drip(interval_s=0.001))
        reader, writer = await raw_submission(it)
        assert await reader.readexactly(5) == b"HTTP/"
        writer.close()
        assert len(await it.listed_ids()) == 1

    visit(tmp_path, scene)


def test_a_reply_may_be_compressed_and_far_larger_than_it_looks(tmp_path):
    async def scene(it):
        it.sandbox.faults.switch_on(Pad(padding=3_000_000, encoding="gzip"))
        reply = await it.submit()
        assert reply.headers["content-encoding"] == "gzip"
        assert int(reply.headers["content-length"]) < 10_000
        assert len(reply.content) > 3_000_000
        assert reply.json()["data"] == {"id": 101}

    visit(tmp_path, scene)


def test_a_reply_may_be_oversized(tmp_path):
    async def scene(it):
        it.sandbox.faults.switch_on(Pad(padding=3_000_000))
        reply = await it.submit()
        assert int(reply.headers["content-length"]) > 3_000_000
        assert reply.json()["data"] == {"id": 101}

    visit(tmp_path, scene)


@pytest.mark.parametrize(
    ("operation", "method", "path"),
    [
        ("connect", "POST", "/connect"),
        ("list", "GET", "/jobs"),
        ("list", "GET", f"/workflows/{NEIGHBOURS}/jobs"),
        ("detail", "GET", "/jobs/101"),
        ("cancel", "PUT", "/jobs/101/cancel"),
        ("results", "GET", "/jobs/101/tasks/query_1/sample_result"),
    ],
)
def test_each_operation_can_be_made_to_fail(tmp_path, operation, method, path):
    async def scene(it):
        it.sandbox.faults.switch_on(Answer(operation=operation, status=503))
        assert code(await it.submit()) == (200, 0)
        assert (await it.http.request(method, API + path)).status_code == 503

    visit(tmp_path, scene)
