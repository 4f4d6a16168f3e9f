import asyncio

import pytest

from reconciler.sandbox.connection import BODY_LIMIT
from tests.sandbox.visit import API, code, raw, said, visit

LIST = f"GET {API}/jobs HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    "text",
    [
        b"hello\r\n\r\n",
        b"GET / HTTP/x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 100_000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_not_http_gets_400_and_no_traceback(tmp_path, text):
    async def scene(it):
        answer = await said(it.sandbox.base_url, text)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b'"code":40004000' in answer
        assert b"Traceback" not in answer
        assert code(await it.get("/jobs")) == (200, 0)

    visit(tmp_path, scene)


def test_a_body_beyond_the_limit_gets_400_and_makes_no_job(tmp_path):
    async def scene(it):
        body = b'{"input":{}}' + b" " * (BODY_LIMIT - 12)
        assert code(await it.submit(body, workflow="2718281828")) == (200, 0)
        assert code(await it.submit(body + b" ", workflow="2718281828")) == (400, 40004000)
        assert code(await it.submit(body * 8, workflow="2718281828")) == (400, 40004000)
        assert len(it.sandbox.ledger.jobs) == 1

    visit(tmp_path, scene)


def test_a_connection_serves_many_requests_until_its_client_wants_it_closed(tmp_path):
    async def scene(it):
        requests = f"{LIST}\r\n{LIST}Connection: close\r\n\r\n"
        answer = await said(it.sandbox.base_url, requests.encode())
        assert answer.count(b"HTTP/1.1 401 ") == 2
        assert answer.lower().count(b"connection: close") == 1

    visit(tmp_path, scene)


def test_an_old_client_gets_its_answer_and_a_close(tmp_path):
    async def scene(it):
        answer = await said(it.sandbox.base_url, f"GET {API}/jobs HTTP/1.0\r\n\r\n".encode())
        assert b'"code":40104001' in answer

    visit(tmp_path, scene)


def test_a_head_request_gets_no_body(tmp_path):
    async def scene(it):
        assert (await it.http.head(f"{API}/jobs")).content == b""
        assert code(await it.get("/jobs")) == (200, 0)

    visit(tmp_path, scene)


def test_a_client_that_asks_before_it_sends_its_body_is_told_to_go_on(tmp_path):
    async def scene(it):
        reader, writer = await raw(it.sandbox.base_url)
        head = f"POST {API}/connect HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        writer.write(head.encode())
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 \r\n\r\n"
        writer.write(b"{}")
        assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")
        writer.close()

    visit(tmp_path, scene)


def test_a_client_that_leaves_in_the_middle_of_its_request_makes_no_job(tmp_path):
    async def scene(it):
        reader, writer = await raw(it.sandbox.base_url)
        writer.write(
            f"POST {API}/workflows/7/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n{{".encode()
        )
        writer.write_eof()
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
        writer.close()
        assert it.sandbox.ledger.jobs == ()

    visit(tmp_path, scene)


def test_three_hundred_connections_are_served_at_once(tmp_path):
    async def scene(it):
        idle = [await raw(it.sandbox.base_url) for _ in range(300)]
        for _, writer in idle:
            writer.write(f"{LIST}Connection: close\r\n\r\n".encode())
        answers = await asyncio.gather(*(reader.read() for reader, _ in idle))
        assert all(b"40104001" in answer for answer in answers)
        for _, writer in idle:
            writer.close()

    visit(tmp_path, scene)
