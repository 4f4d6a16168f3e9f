"""Bad requests to the ops port, by name: what each is answered, and that nothing else comes of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from reconciler.core.model import State
from reconciler.ops.http import ops_app
from reconciler.ops.metrics import Metrics
from reconciler.ops.server import serving
from reconciler.ops.templating import CONTENT_SECURITY_POLICY
from reconciler.setting_kinds import Address
from tests.ops.fakes import FakeView, item

DEADLINE_S = 120
VIEW = FakeView(known=[item("pagerank"), item("sssp", State.HELD)])


@dataclass(frozen=True, slots=True)
class Bad:
    """One request as bytes, and the status of the answer.

    431 may be 400 as well: that depends on whether the request comes in one piece.
    """

    name: str
    request: bytes
    status: int


def get(target: str, *headers: str, host: str | None = "localhost", method: str = "GET") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", *([f"Host: {host}"] if host is not None else []), *headers]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")


_UPGRADE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x", "Sec-WebSocket-Version: 13")

BAD = (
    # what only reads
    *(
        Bad(f"{method}, which changes something", get("/api/v1/manifests/pagerank", method=method), 405)
        for method in ("POST", "PUT", "PATCH", "DELETE")
    ),
    Bad("OPTIONS, which asks for leave to", get("/", "Origin: http://evil.example", method="OPTIONS"), 405),
    Bad("TRACE, which repeats a cookie to a script", get("/", "Cookie: a=b", method="TRACE"), 405),
    Bad("CONNECT, which makes a proxy", get("127.0.0.1:22", method="CONNECT"), 405),
    Bad("PROPFIND", get("/", method="PROPFIND"), 405),
    Bad("a method in small letters", get("/", method="get"), 405),
    Bad("a method that is overridden", get("/", "X-HTTP-Method-Override: GET", method="DELETE"), 405),
    Bad("a body", get("/livez", "Content-Length: 5") + b"xxxxx", 400),
    Bad("a body in chunks", get("/livez", "Transfer-Encoding: chunked") + b"5\r\nxxxxx\r\n0\r\n\r\n", 400),
    Bad("a body of 2^63 bytes", get("/livez", f"Content-Length: {2**63}"), 400),
    Bad("a body and a continuation", get("/livez", "Content-Length: 5", "Expect: 100-continue"), 400),
    # whose name it is
    Bad("a name of somebody else", get("/api/v1/manifests", host="evil.example"), 421),
    Bad("a name that begins like ours", get("/", host="localhost.evil.example"), 421),
    Bad("a name that begins like an address", get("/", host="127.0.0.1.evil.example"), 421),
    Bad("a name with a user", get("/", host="localhost@evil.example"), 421),
    Bad("an address in other digits", get("/", host="0x7f.1"), 421),
    Bad("no name", get("/", host=None), 400),
    Bad("an empty name", get("/", host=""), 421),
    Bad("two names", get("/", "Host: evil.example"), 400),
    Bad("a forwarded name", get("/", "X-Forwarded-Host: localhost", host="evil.example"), 421),
    Bad("HTTP/1.0 without a name", b"GET / HTTP/1.0\r\n\r\n", 421),
    Bad("a proxy's request for somebody else", get("http://evil.example/", host="localhost"), 404),
    # paths
    Bad("a path out of the tree", get("/../../etc/passwd"), 404),
    Bad("a path out of the tree, encoded", get("/api/v1/manifests/..%2f..%2fetc%2fpasswd"), 404),
    Bad("a zero byte in a name", get("/api/v1/manifests/%00"), 404),
    Bad("a newline in a name", get("/api/v1/manifests/a%0d%0aX-Spy:%201"), 404),
    Bad("a name that is no UTF-8", get("/api/v1/manifests/%ff%fe"), 404),
    Bad("a name that is SQL", get("/api/v1/manifests/'%20OR%201=1--"), 404),
    Bad("a name that is a template", get("/api/v1/manifests/%7B%7B7*7%7D%7D"), 404),
    Bad("a name of 15,000 letters", get(f"/api/v1/manifests/{'a' * 15_000}"), 404),
    Bad("a state that is a script", get("/?state=<script>alert(1)</script>".replace("<", "%3C")), 200),
    Bad("a state that is not there", get("/?state=Held%00"), 200),
    Bad("10,000 parameters", get("/livez?" + "a&" * 5_000), 200),
    Bad("a star", get("*"), 404),
    # what is no HTTP
    Bad("zeros", b"\0" * 100 + b"\r\n\r\n", 400),
    Bad("a TLS handshake", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    Bad("HTTP/2's preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 421),
    Bad("HTTP/0.9", b"GET /\r\n\r\n", 400),
    Bad("a blank in the path", get("/a b"), 400),
    Bad("letters that are no ASCII in the path", get("/größe"), 400),
    Bad("a header without a colon", get("/livez", "no header"), 400),
    Bad("a header with a zero byte", get("/livez", "A: \0"), 400),
    Bad("a header that goes on in the next line", get("/livez", "A: b", " c"), 200),
    Bad("a header of 40,000 letters", get("/livez", f"X: {'x' * 40_000}"), 431),
    Bad("10,000 headers", get("/livez", *(["X: y"] * 10_000)), 431),
    Bad("a path of 40,000 letters", get("/" + "a" * 40_000), 431),
    Bad("a websocket", get("/", *_UPGRADE), 200),
    Bad("two lengths", get("/livez", "Content-Length: 0", "Content-Length: 5"), 400),
    Bad("a length and chunks", get("/livez", "Content-Length: 5", "Transfer-Encoding: chunked"), 400),
    Bad("a length below zero", get("/livez", "Content-Length: -1"), 400),
    Bad("another encoding of the transfer", get("/livez", "Transfer-Encoding: gzip"), 400),
)


async def answered(address: Address, request: bytes) -> bytes:
    """All that comes back until the other side closes."""
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(request)
    try:
        async with asyncio.timeout(DEADLINE_S):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_a_bad_request_is_answered_briefly_and_hurts_nobody(bad: Bad) -> None:
    async def main() -> tuple[bytes, bytes]:
        app = ops_app(VIEW, Metrics("1"))
        async with serving(app, Address("127.0.0.1", 0)) as address:
            return await answered(address, bad.request), await answered(address, get("/livez"))

    answer, afterwards = asyncio.run(main())
    assert afterwards.startswith(b"HTTP/1.1 200 ")
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split()[1])
    assert status == bad.status or (status, bad.status) == (400, 431)
    headers = head.lower()
    assert b"server:" not in headers
    assert b"x-spy" not in headers
    assert b"access-control" not in headers
    assert b"<script" not in body.lower().replace(b'<script>"use strict";', b""), "but for the page's own"
    assert b"Traceback" not in answer
    if bad.status != 200:
        assert b"pagerank" not in answer
        assert len(body) < 200
    if status != 400:
        assert f"content-security-policy: {CONTENT_SECURITY_POLICY}".encode() in head
        assert b"x-content-type-options: nosniff" in head


def test_what_is_pipelined_behind_a_bad_request_is_not_answered() -> None:
    async def main() -> bytes:
        async with serving(ops_app(VIEW, Metrics("1")), Address("127.0.0.1", 0)) as address:
            smuggled = get("/livez", "Content-Length: 60") + get("/api/v1/manifests")
            return await answered(address, smuggled)

    answer = asyncio.run(main())
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"pagerank" not in answer


def test_there_are_as_many_bad_requests_as_the_documents_say() -> None:
    assert len({bad.name for bad in BAD}) == len(BAD) >= 50
    print(f"\n{len(BAD)} bad requests by name")
