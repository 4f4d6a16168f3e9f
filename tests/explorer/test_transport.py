"""One exchange: what leaves, and what each kind of reply comes to. On real sockets."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from reconciler.core.model import JobId
from reconciler.core.outcome import (
    Created,
    NotCreated,
    Receipt,
    Refused,
    SessionLost,
    Throttled,
    Unclear,
    WorkflowMissing,
)
from reconciler.explorer.secret import Secret
from reconciler.explorer.transport import SMALL_REPLY, Request, Transport, _spelt_out
from tests.explorer.bombs import bomb
from tests.explorer.raw import (
    BODY,
    CREATED,
    TOKEN,
    TRACE_ID,
    WORKFLOW,
    Heard,
    client_of,
    http,
    read_request,
    receipt_of,
    saying,
    serving,
    submit,
)

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
REFUSED = json.dumps({"code": 40004001, "message": "ErrParam"}).encode()


@pytest.mark.parametrize(
    "reply",
    [
        http(200, CREATED),
        http(200, b'{"code":0,"data":{"id":"107"},"message":"Success"}'),
        http(200, b'{"code":200,"data":{"id":107}}'),
        http(200, CREATED, "Content-Encoding: identity"),
        http(200, CREATED, "Set-Cookie: explorer_token=another; Path=/"),
        http(200, CREATED, *(f"X-{number}: {'x' * 100}" for number in range(100))),
        http(200, CREATED + b" " * 10_000),
        b"HTTP/1.0 200 OK\r\n\r\n" + CREATED,
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + CREATED,
        CHUNKED + b"30\r\n" + CREATED + b"\r\n0\r\n\r\n",
        CHUNKED + b"".join(b"1\r\n%c\r\n" % byte for byte in CREATED) + b"0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + http(200, CREATED),
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 50 + http(200, CREATED),
        http(200, CREATED) + http(400, REFUSED),
        http(200, CREATED) + b"and so on",
    ],
)
def test_a_job_is_created_however_oddly_a_whole_reply_comes(reply: bytes, tmp_path: Path) -> None:
    assert len(CREATED) == 0x30
    assert receipt_of(saying(reply), tmp_path)[0] == Created(JobId(107))


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (http(400, REFUSED), Refused(40004001, "ErrParam")),
        (http(501, b'{"code":50104000}'), Refused(50104000, "")),
        (http(401, b'{"code":40104001,"message":"ErrSession"}'), SessionLost(40104001, "ErrSession")),
        (http(404, b'{"code":40404000,"message":"ErrNotFound"}'), WorkflowMissing(40404000, "ErrNotFound")),
        (http(429, b"slow down"), Throttled(None)),
        (http(429, b"slow down", "Retry-After: 3"), Throttled(3.0)),
        (http(429, b"slow down", "Retry-After: 99999999999999999999"), Throttled(900.0)),
        (http(429, b"slow down", "Retry-After: soon"), Throttled(None)),
        (http(429, b"slow down", "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT"), Throttled(0.0)),
    ],
)
def test_a_refusal_over_the_wire_created_nothing(
    reply: bytes, cause: Refused | SessionLost | WorkflowMissing | Throttled, tmp_path: Path
) -> None:
    assert receipt_of(saying(reply), tmp_path)[0] == NotCreated(cause)


@pytest.mark.parametrize(
    "reply",
    [
        http(502, b"<html>bad gateway</html>"),
        http(200, b"<html>hello</html>"),
        http(500, b'{"code":50004001,"message":"ErrInternalDatabase"}'),
        http(200, CREATED[:20]),
        http(200, CREATED[:20], length=len(CREATED)),
        http(200, CREATED, length=len(CREATED) - 5),
        http(200, CREATED, length=len(CREATED) + 5),
        http(200, CREATED, "Content-Length: 7"),
        http(200, CREATED, "Content-Encoding: gzip"),
        http(200, gzip.compress(CREATED), "Content-Encoding: gzip"),
        http(200, CREATED, "Content-Encoding: deflate, br"),
        http(200, CREATED, "Transfer-Encoding: gzip"),
        http(200, CREATED + b" " * SMALL_REPLY),
        http(200, b"", "Content-Encoding: gzip", length=300 * 2**20),
        http(302, b"", "Location: /elsewhere"),
        http(304, b""),
        http(101, b"", "Upgrade: h2c", "Connection: upgrade"),
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n" + CREATED,
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n" + CREATED,
        b"HTTP/1.1 2000 OK\r\n\r\n" + CREATED,
        b"HTTP/1.1 200 OK\r\nno header\r\n\r\n" + CREATED,
        b"HTTP/1.1 200 OK\r\nA: \0\r\n\r\n" + CREATED,
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 40_000,
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000,
        b"HTTP/1.1 200",
        CREATED,
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\0" * 1000,
        b"\x16\x03\x01\x02\x00",
        CHUNKED + b"zz\r\n" + CREATED,
        CHUNKED + b"30\r\n" + CREATED,
        CHUNKED + b"30\r\n" + CREATED + b"\r\n",
        CHUNKED + b"ffffffffffffffff\r\n" + CREATED,
        CHUNKED + b"-1\r\n" + CREATED,
        b"",
    ],
)
def test_nobody_can_tell_after_a_reply_that_is_broken_strange_or_too_much(
    reply: bytes, tmp_path: Path
) -> None:
    came_of_it, raw = receipt_of(saying(reply), tmp_path)
    assert isinstance(came_of_it, Unclear)
    assert len(raw.heard) == 1


def test_a_pause_may_be_asked_for_as_a_date(tmp_path: Path) -> None:
    in_a_minute = formatdate(time.time() + 60, usegmt=True)
    reply = http(429, b"", f"Retry-After: {in_a_minute}")
    match receipt_of(saying(reply), tmp_path)[0]:
        case NotCreated(Throttled(float(seconds))):
            assert 50 < seconds <= 60
        case other:
            pytest.fail(str(other))


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    unpacked = (b'{"code":0,"data":{"id":107},"x":"', *([b"0" * 1_000_000] * 100), b'"}')
    came_of_it, _ = receipt_of(saying(http(200, bomb(*unpacked), "Content-Encoding: gzip")), tmp_path)
    assert came_of_it == Unclear("the reply is compressed, although that was not asked for")


async def _early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Heard) -> None:
    writer.write(http(400, REFUSED))
    await read_request(reader, heard)


def test_a_refusal_that_comes_before_the_request_was_read_is_one(tmp_path: Path) -> None:
    assert receipt_of(_early, tmp_path)[0] == NotCreated(Refused(40004001, "ErrParam"))


def test_the_request_is_exactly_what_the_api_asks_for(tmp_path: Path) -> None:
    _, raw = receipt_of(saying(http(200, CREATED)), tmp_path)
    heard = raw.heard[0]
    assert heard.head[0] == f"POST /api-open/v1/workflows/{WORKFLOW}/jobs HTTP/1.1"
    assert heard.body == BODY
    headers = heard.headers
    version, trace_id, span_id, flags = headers.pop("traceparent").split("-")
    assert (version, trace_id, len(span_id), flags) == ("00", TRACE_ID, 16, "01")
    assert headers == {
        "host": f"127.0.0.1:{raw.port}",
        "content-type": "application/json",
        "content-length": str(len(BODY)),
        "cookie": f"explorer_token={TOKEN}",
        "accept": "application/json",
        "accept-encoding": "identity",
        "connection": "close",
        "user-agent": "explorer-reconciler",
    }


def test_explorer_may_lie_below_a_path(tmp_path: Path) -> None:
    async def main() -> str:
        async with serving(saying(http(200, CREATED))) as raw:
            await submit(client_of(raw.url + "/tools/explorer/", tmp_path))
            return raw.heard[0].head[0]

    assert asyncio.run(main()) == f"POST /tools/explorer/api-open/v1/workflows/{WORKFLOW}/jobs HTTP/1.1"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int, tmp_path: Path) -> None:
    async def main() -> tuple[Receipt, int]:
        async with serving(saying(http(200, CREATED))) as other:
            redirect = http(status, b"", f"Location: {other.url}/api-open/v1/jobs")
            async with serving(saying(redirect)) as raw:
                return await submit(client_of(raw.url, tmp_path)), len(other.heard)

    came_of_it, heard_elsewhere = asyncio.run(main())
    assert isinstance(came_of_it, Unclear)
    assert heard_elsewhere == 0


def test_a_proxy_in_the_environment_receives_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> int:
        async with serving(saying(http(200, CREATED))) as proxy, serving(saying(http(200, CREATED))) as raw:
            for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
                monkeypatch.setenv(name, proxy.url)
            monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
            (tmp_path / "netrc").write_text("machine 127.0.0.1 login root password nebula\n")
            assert await submit(client_of(raw.url, tmp_path)) == Created(JobId(107))
            assert "authorization" not in raw.heard[0].headers
            return len(proxy.heard)

    assert asyncio.run(main()) == 0


def test_no_cookie_that_a_server_sets_is_sent_back(tmp_path: Path) -> None:
    async def main() -> list[str]:
        reply = http(200, CREATED, "Set-Cookie: spy=1; Path=/", "Set-Cookie: explorer_token=other; Path=/")
        async with serving(saying(reply)) as raw:
            explorer = client_of(raw.url, tmp_path)
            await submit(explorer)
            await submit(explorer)
            return [heard.headers["cookie"] for heard in raw.heard]

    assert asyncio.run(main()) == [f"explorer_token={TOKEN}"] * 2


def test_every_exchange_has_a_connection_of_its_own(tmp_path: Path) -> None:
    async def main() -> list[int]:
        reply = http(200, CREATED, "Connection: keep-alive", "Keep-Alive: timeout=60")
        async with serving(saying(reply)) as raw:
            explorer = client_of(raw.url, tmp_path)
            await asyncio.gather(*(submit(explorer) for _ in range(20)))
            return [heard.data.count(b"POST ") for heard in raw.heard]

    assert asyncio.run(main()) == [1] * 20


def test_the_libraries_log_nothing_at_any_level(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    client_of("http://127.0.0.1:1", tmp_path)
    caplog.set_level(1)
    for name in ("httpx", "httpcore", "httpcore.connection", "httpcore.http11"):
        logging.getLogger(name).setLevel(1)
    try:
        receipt_of(saying(http(200, CREATED, f"Set-Cookie: explorer_token={TOKEN}")), tmp_path)
    finally:
        for name in ("httpx", "httpcore", "httpcore.connection", "httpcore.http11"):
            logging.getLogger(name).setLevel(logging.NOTSET)
    assert [record.name for record in caplog.records if record.name.startswith("http")] == []
    assert TOKEN not in caplog.text


def test_a_server_that_repeats_the_token_does_not_get_it_told_further(tmp_path: Path) -> None:
    echo = json.dumps({"code": 40004001, "message": f"no such header: Cookie: explorer_token={TOKEN}"})
    came_of_it, _ = receipt_of(saying(http(400, echo.encode())), tmp_path)
    assert came_of_it == NotCreated(Refused(40004001, "no such header: Cookie: explorer_token=***"))


def test_a_broken_header_with_the_token_in_it_is_not_quoted(tmp_path: Path) -> None:
    reply = f"HTTP/1.1 200 OK\r\nSet-Cookie explorer_token={TOKEN}\r\n\r\n".encode()
    came_of_it, _ = receipt_of(saying(reply), tmp_path)
    assert came_of_it == Unclear("the reply broke off, or was not HTTP")


def test_every_exchange_is_observed_with_its_code_and_duration(tmp_path: Path) -> None:
    seen: list[tuple[str, str, float]] = []

    async def main() -> None:
        async with serving(saying(http(502, b"<html>"))) as raw:
            transport = Transport(raw.url, observe=lambda *what: seen.append(what))
            await transport.exchange(Request("list", "GET", "jobs"), Secret(TOKEN))

    asyncio.run(main())
    [(operation, code, seconds)] = seen
    assert (operation, code) == ("list", "502")
    assert 0 < seconds < 10


@pytest.mark.parametrize(
    "text",
    [
        b'{"x":"\\u0065\\u0079J\\/"}',
        b'{"x":"\\\\u0065\\\\\\u0065"}',
        b'{"x":"\\u0022\\u005c\\u005C\\\\"}',
        b'{"x":"\\u0000\\u001b\\u007f\\u0080\\u00e9\\n\\t"}',
        b'{"\\u0063ode":0,"x":"\\ud83d\\ude00"}',
    ],
)
def test_an_answer_with_its_letters_spelt_out_says_the_same(text: bytes) -> None:
    assert json.loads(_spelt_out(text)) == json.loads(text)
    assert b"\\u006" not in _spelt_out(text).replace(b"\\\\", b"")
