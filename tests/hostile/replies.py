"""Bad replies, by name: what a server, or whoever answers in its place, may put on the wire.

A `Wire` says how any answer travels, an `Answer` what one operation is answered. Each knows how it must end:

- `taken`: odd, but whole and clear; it counts.
- `refused`: refused for good, and nothing was made.
- `retried`: nothing was made, and it is asked again.
- `unknown`: nobody can tell; a submission is looked for, a reading is asked again.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from reconciler.explorer.transport import LARGE_REPLY
from tests.explorer.bombs import bomb
from tests.explorer.raw import CREATED, TOKEN, Heard, Script, http, read_request, saying

End = Literal["taken", "refused", "retried", "unknown"]
NEW_TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJjYW5hcnkiOiJuZXcifQ.canary-of-the-new"

GOOD: dict[str, bytes] = {
    "submit": CREATED,
    "list": b'{"code":0,"data":{"items":[],"total":0,"Page":1,"PageSize":100},"message":"Success"}',
    "detail": b'{"code":0,"data":{"id":107,"workflowId":"4216617528","status":1,"name":"n"}}',
    "cancel": b'{"code":0,"data":{"success":true}}',
    "connect": b'{"code":0,"data":{"success":true},"message":"Success"}',
}
"""What each operation is well answered."""


@dataclass(frozen=True, slots=True)
class Wire:
    """How an answer travels: from a good body, and the headers that belong to it, to what the server does."""

    name: str
    end: End
    script: Callable[[bytes, tuple[str, ...]], Script]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one operation is answered: a whole HTTP reply."""

    operation: str
    name: str
    end: End
    reply: bytes


def _bytes(make: Callable[[bytes, tuple[str, ...]], bytes]) -> Callable[[bytes, tuple[str, ...]], Script]:
    return lambda body, headers: saying(make(body, headers))


def _head(*lines: str) -> bytes:
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _chunked(headers: tuple[str, ...], *rest: bytes) -> bytes:
    return _head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", *headers) + b"".join(rest)


def _chunk(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)


def _dripping(pause_s: float, make: Callable[[bytes, tuple[str, ...]], bytes]) -> Any:
    def script_of(body: bytes, headers: tuple[str, ...]) -> Script:
        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Heard) -> None:
            await read_request(reader, heard)
            for byte in make(body, headers):
                writer.write(bytes([byte]))
                await asyncio.sleep(pause_s)  # the drip itself

        return script

    return script_of


def _flooding(piece: bytes, start: bytes = b"") -> Any:
    def script_of(_: bytes, __: tuple[str, ...]) -> Script:
        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Heard) -> None:
            await read_request(reader, heard)
            writer.write(start)
            while True:
                writer.write(piece)
                await writer.drain()

        return script

    return script_of


def _early(body: bytes, headers: tuple[str, ...]) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Heard) -> None:
        writer.write(http(200, body, *headers))
        await read_request(reader, heard)
        await reader.read()

    return script


def _hanging_up(_: bytes, __: tuple[str, ...]) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Heard) -> None:
        await read_request(reader, heard)

    return script


def _silent(_: bytes, __: tuple[str, ...]) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Heard) -> None:
        await read_request(reader, heard)
        await reader.read()

    return script


_TOO_LONG = b'{"code":0,"data":{"id":107},"x":"' + b"x" * LARGE_REPLY + b'"}'
_HTML = b"<html><body>Please stand by</body></html>"

WIRES: tuple[Wire, ...] = (
    # sizes
    Wire("a body longer than any answer", "unknown", _bytes(lambda b, h: http(200, _TOO_LONG, *h))),
    Wire("a body without an end", "unknown", _flooding(b" " * 65536, b"HTTP/1.1 200 OK\r\n\r\n{")),
    Wire(
        "chunks without an end",
        "unknown",
        _flooding(_chunk(b" " * 65536), _chunked((), b"")),
    ),
    Wire("a promise of 300 MiB", "unknown", _bytes(lambda b, h: http(200, b, *h, length=300 * 2**20))),
    Wire("a promise of 2^63 bytes", "unknown", _bytes(lambda b, h: http(200, b, *h, length=2**63))),
    Wire(
        "a promise with 5000 digits",
        "unknown",
        _bytes(lambda b, h: _head("HTTP/1.1 200 OK", f"Content-Length: {'9' * 5000}", *h) + b),
    ),
    Wire("headers without an end", "unknown", _flooding(b"X: y\r\n" * 1000, b"HTTP/1.1 200 OK\r\n")),
    Wire("a header line without an end", "unknown", _flooding(b"y" * 65536, b"HTTP/1.1 200 OK\r\nX: ")),
    Wire("a status line without an end", "unknown", _flooding(b"y" * 65536, b"HTTP/1.1 200 ")),
    Wire(
        "a header line of 300 KiB",
        "unknown",
        _bytes(lambda b, h: http(200, b, *h, f"X: {'y' * 300_000}")),
    ),
    Wire("40,000 headers", "unknown", _bytes(lambda b, h: http(200, b, *h, *(["X: y"] * 40_000)))),
    Wire("trailers without an end", "unknown", _flooding(b"X: y\r\n" * 1000, _chunked((), b"0\r\n"))),
    Wire(
        "a chunk's extension without an end",
        "unknown",
        _flooding(b"y" * 65536, _chunked((), b"1;")),
    ),
    Wire("blanks behind the answer", "taken", _bytes(lambda b, h: http(200, b + b" \r\n\t" * 1000, *h))),
    # drips, silence
    Wire("a byte at a time", "unknown", _dripping(0.02, lambda b, h: http(200, b + b" " * 1000, *h))),
    Wire("silence", "unknown", _silent),
    Wire("hanging up", "unknown", _hanging_up),
    Wire("nothing but an end", "unknown", _bytes(lambda b, h: b"")),
    Wire("1xx for ever", "unknown", _flooding(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)),
    Wire(
        "fifty 103s before the answer",
        "taken",
        _bytes(lambda b, h: b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 50 + http(200, b, *h)),
    ),
    # encodings
    Wire(
        "a gzip bomb of 300 MiB",
        "unknown",
        _bytes(lambda b, h: http(200, bomb(*([bytes(2**20)] * 300)), "Content-Encoding: gzip", *h)),
    ),
    Wire("gzip", "unknown", _bytes(lambda b, h: http(200, gzip.compress(b), "Content-Encoding: gzip", *h))),
    Wire(
        "deflate",
        "unknown",
        _bytes(lambda b, h: http(200, zlib.compress(b), "Content-Encoding: deflate", *h)),
    ),
    Wire("gzip in name only", "unknown", _bytes(lambda b, h: http(200, b, "Content-Encoding: GZip", *h))),
    Wire(
        "two encodings in two headers",
        "unknown",
        _bytes(lambda b, h: http(200, b, "Content-Encoding: identity", "Content-Encoding: br", *h)),
    ),
    Wire("gzip that nobody names", "unknown", _bytes(lambda b, h: http(200, gzip.compress(b), *h))),
    Wire("identity by name", "taken", _bytes(lambda b, h: http(200, b, "Content-Encoding: identity", *h))),
    Wire("UTF-16", "unknown", _bytes(lambda b, h: http(200, b.decode().encode("utf-16"), *h))),
    Wire("a byte order mark", "unknown", _bytes(lambda b, h: http(200, b"\xef\xbb\xbf" + b, *h))),
    Wire(
        "bytes that are no UTF-8",
        "unknown",
        _bytes(lambda b, h: http(200, b[:-1] + b',"x":"\xff\xfe"}', *h)),
    ),
    Wire("half a surrogate", "unknown", _bytes(lambda b, h: http(200, b[:-1] + b',"x":"\\ud800"}', *h))),
    # lengths
    Wire("a body that is cut", "unknown", _bytes(lambda b, h: http(200, b[:-5], *h, length=len(b)))),
    Wire("half a JSON", "unknown", _bytes(lambda b, h: http(200, b[:-5], *h))),
    Wire("a length that is too short", "unknown", _bytes(lambda b, h: http(200, b, *h, length=len(b) - 5))),
    Wire("two lengths", "unknown", _bytes(lambda b, h: http(200, b, "Content-Length: 7", *h))),
    Wire("a length below zero", "unknown", _bytes(lambda b, h: http(200, b, *h, length=-1))),
    Wire(
        "a length in other digits",
        "unknown",
        _bytes(lambda b, h: b"HTTP/1.1 200 OK\r\nContent-Length: \xd9\xa3\xd9\xa0\r\n\r\n" + b),
    ),
    Wire("a chunk that is no number", "unknown", _bytes(lambda b, h: _chunked(h, b"zz\r\n", b))),
    Wire("a chunk below zero", "unknown", _bytes(lambda b, h: _chunked(h, b"-1\r\n", b))),
    Wire("a chunk that is too large", "unknown", _bytes(lambda b, h: _chunked(h, b"f" * 16 + b"\r\n", b))),
    Wire("chunks without the last", "unknown", _bytes(lambda b, h: _chunked(h, _chunk(b)))),
    Wire(
        "chunks of one byte",
        "taken",
        _bytes(lambda b, h: _chunked(h, *(_chunk(bytes([byte])) for byte in b), b"0\r\n\r\n")),
    ),
    Wire("gzip as a transfer", "unknown", _bytes(lambda b, h: http(200, b, "Transfer-Encoding: gzip", *h))),
    Wire(
        "gzip and chunks as a transfer",
        "unknown",
        _bytes(lambda b, h: _head("HTTP/1.1 200 OK", "Transfer-Encoding: gzip, chunked", *h) + _chunk(b)),
    ),
    Wire("bytes behind the answer", "taken", _bytes(lambda b, h: http(200, b, *h) + b"and so on")),
    Wire(
        "a second answer behind the first",
        "taken",
        _bytes(lambda b, h: http(200, b, *h) + http(400, b'{"code":40004001}')),
    ),
    Wire("an answer before the request was read", "taken", _early),
    # what is not HTTP
    Wire("HTTP/0.9", "unknown", _bytes(lambda b, h: b)),
    Wire("HTTP/2's preface", "unknown", _bytes(lambda b, h: b"\0\0\x12\4\0\0\0\0\0" + b)),
    Wire("HTTP/9.9", "taken", _bytes(lambda b, h: _head("HTTP/9.9 200 OK", *h) + b)),
    Wire("another protocol", "unknown", _bytes(lambda b, h: b"SSH-2.0-OpenSSH_9.6\r\n")),
    Wire("zeros", "unknown", _bytes(lambda b, h: b"\0" * 1000)),
    Wire("a header without a colon", "unknown", _bytes(lambda b, h: http(200, b, "no header", *h))),
    Wire("a header with a zero byte", "unknown", _bytes(lambda b, h: http(200, b, "A: \0", *h))),
    Wire(
        "a header with a lone carriage return",
        "unknown",
        _bytes(lambda b, h: http(200, b, "A: b\rC: d", *h)),
    ),
    # statuses
    Wire("status 99", "unknown", _bytes(lambda b, h: http(99, b, *h))),
    Wire("status 600", "unknown", _bytes(lambda b, h: http(600, b, *h))),
    Wire("status 999", "unknown", _bytes(lambda b, h: http(999, b, *h))),
    Wire("status 2000", "unknown", _bytes(lambda b, h: http(2000, b, *h))),
    Wire("status -200", "unknown", _bytes(lambda b, h: http(-200, b, *h))),
    Wire("a status in words", "unknown", _bytes(lambda b, h: _head("HTTP/1.1 OK OK", *h) + b)),
    Wire("101 and another protocol", "unknown", _bytes(lambda b, h: http(101, b, "Upgrade: h2c", *h))),
    Wire("204 with a body", "unknown", _bytes(lambda b, h: http(204, b, *h))),
    Wire("304", "unknown", _bytes(lambda b, h: http(304, b"", *h))),
    Wire("success with status 500", "unknown", _bytes(lambda b, h: http(500, b, *h))),
    Wire("success with status 404", "unknown", _bytes(lambda b, h: http(404, b, *h))),
    *(
        Wire(
            f"a redirect ({status})",
            "unknown",
            _bytes(lambda b, h, status=status: http(status, b"", "Location: http://127.0.0.1:9/x", *h)),  # type: ignore[misc]
        )
        for status in (301, 302, 303, 307, 308)
    ),
    # proxies
    Wire("a page instead", "unknown", _bytes(lambda b, h: http(200, _HTML, "Content-Type: text/html", *h))),
    Wire("a proxy's 502", "unknown", _bytes(lambda b, h: http(502, _HTML))),
    Wire("a proxy's 403", "unknown", _bytes(lambda b, h: http(403, _HTML))),
    Wire("a proxy's 407", "unknown", _bytes(lambda b, h: http(407, b"", "Proxy-Authenticate: Basic"))),
    Wire("a proxy's 429", "retried", _bytes(lambda b, h: http(429, _HTML, "Retry-After: 3"))),
    Wire(
        "a 429 that asks for a million years",
        "retried",
        _bytes(lambda b, h: http(429, b"", f"Retry-After: {'9' * 40}")),
    ),
    # shapes
    Wire("nothing in it", "unknown", _bytes(lambda b, h: http(200, b"", *h))),
    Wire("null", "unknown", _bytes(lambda b, h: http(200, b"null", *h))),
    Wire("a list", "unknown", _bytes(lambda b, h: http(200, b"[" + b + b"]", *h))),
    Wire("two answers in one", "unknown", _bytes(lambda b, h: http(200, b + b, *h))),
    Wire("a comment in the JSON", "unknown", _bytes(lambda b, h: http(200, b"/**/" + b, *h))),
    Wire("NaN", "unknown", _bytes(lambda b, h: http(200, b[:-1] + b',"x":NaN}', *h))),
    Wire("30,000 brackets", "unknown", _bytes(lambda b, h: http(200, b[:-1] + _deep(30_000), *h))),
    Wire("900 brackets", "unknown", _bytes(lambda b, h: http(200, b"[" * 900 + b"]" * 900, *h))),
    Wire("a code as a text", "unknown", _bytes(lambda b, h: http(200, _coded(b, b'"0"'), *h))),
    Wire("a code as a fraction", "unknown", _bytes(lambda b, h: http(200, _coded(b, b"0.0"), *h))),
    Wire("a code that is null", "unknown", _bytes(lambda b, h: http(200, _coded(b, b"null"), *h))),
    Wire("a code below zero", "unknown", _bytes(lambda b, h: http(200, _coded(b, b"-1"), *h))),
    Wire("a code of 30 digits", "unknown", _bytes(lambda b, h: http(200, _coded(b, b"9" * 30), *h))),
    Wire("a code that is no code", "unknown", _bytes(lambda b, h: http(200, _coded(b, b"7"), *h))),
    Wire(
        "a refusal's code with status 200",
        "unknown",
        _bytes(lambda b, h: http(200, _coded(b, b"40004001"), *h)),
    ),
    Wire(
        "another status than its code",
        "unknown",
        _bytes(lambda b, h: http(403, b'{"code":40004001,"message":"no"}', *h)),
    ),
)


def _deep(levels: int) -> bytes:
    return b',"x":' + b"[" * levels + b"]" * levels + b"}"


def _coded(body: bytes, code: bytes) -> bytes:
    return body.replace(b'"code":0', b'"code":' + code, 1)


def _says(code: int, message: str, **more: object) -> bytes:
    body = json.dumps({"code": code, "message": message, **more}, ensure_ascii=False)
    return http(code // 100_000, body.encode("utf-8", "surrogatepass"))


def _job(data: bytes) -> bytes:
    return http(200, b'{"code":0,"data":' + data + b',"message":"Success"}')


_SPELT = "".join(f"\\u{ord(letter):04x}" for letter in TOKEN).encode()
_COOKIE = f"explorer_token={NEW_TOKEN}"

SUBMISSIONS: tuple[Answer, ...] = tuple(
    Answer("submit", *case)
    for case in (
        # lies about IDs
        ("no data", "unknown", http(200, b'{"code":0,"message":"Success"}')),
        ("data that is null", "unknown", _job(b"null")),
        ("data that is a list", "unknown", _job(b"[107]")),
        ("no ID", "unknown", _job(b"{}")),
        ("an ID that is null", "unknown", _job(b'{"id":null}')),
        ("an ID that is true", "unknown", _job(b'{"id":true}')),
        ("an ID below zero", "unknown", _job(b'{"id":-107}')),
        ("an ID of zero", "unknown", _job(b'{"id":0}')),
        ("an ID of minus zero", "unknown", _job(b'{"id":-0}')),
        ("an ID of 2^63", "unknown", _job(b'{"id":9223372036854775808}')),
        ("an ID of 2^64 + 107", "unknown", _job(b'{"id":18446744073709551723}')),
        ("an ID of 5000 digits", "unknown", _job(b'{"id":' + b"9" * 5000 + b"}")),
        ("an ID as a fraction", "unknown", _job(b'{"id":107.0}')),
        ("an ID as an exponent", "unknown", _job(b'{"id":1.07e2}')),
        ("an ID that is infinite", "unknown", _job(b'{"id":1e999}')),
        ("an ID with a leading zero", "unknown", _job(b'{"id":0107}')),
        ("an ID with a leading zero as text", "unknown", _job(b'{"id":"0107"}')),
        ("an ID with blanks", "unknown", _job(b'{"id":" 107 "}')),
        ("an ID with a newline", "unknown", _job(b'{"id":"107\\n"}')),
        ("an ID with a sign", "unknown", _job(b'{"id":"+107"}')),
        ("an ID with an underscore", "unknown", _job(b'{"id":"1_07"}')),
        ("an ID in hexadecimal", "unknown", _job(b'{"id":"0x107"}')),
        ("an ID in Arabic digits", "unknown", _job('{"id":"١٠٧"}'.encode())),
        ("an ID in wide digits", "unknown", _job('{"id":"１０７"}'.encode())),
        ("an ID as a path", "unknown", _job(b'{"id":"../../connect"}')),
        ("an ID in a list", "unknown", _job(b'{"id":[107]}')),
        ("an ID that was known before", "unknown", _job(b'{"id":100}')),
        ("an ID from long ago", "unknown", _job(b'{"id":1}')),
        ("two IDs", "unknown", _job(b'{"id":107,"id":108}')),
        ("two codes", "unknown", http(200, b'{"code":40004001,"code":0,"data":{"id":107}}')),
        ("two codes of a refusal", "unknown", http(400, b'{"code":0,"code":40004001,"message":"no"}')),
        ("two data", "unknown", http(200, b'{"code":0,"data":{"id":107},"data":{"id":108}}')),
        (
            "two codes, one of them spelt",
            "unknown",
            http(200, b'{"code":40004001,"c\\u006fde":0,"data":{"id":107}}'),
        ),
        ("the highest ID that there is", "taken", _job(b'{"id":9223372036854775807}')),
        ("an ID as a text", "taken", _job(b'{"id":"107"}')),
        # refusals, and what they say
        ("a refusal", "refused", _says(40004001, "ErrParam")),
        ("a refusal with a list for a message", "refused", http(400, b'{"code":40004001,"message":[1]}')),
        ("a refusal of 30,000 characters", "refused", _says(40004001, "x" * 30_000)),
        ("a refusal that steers a terminal", "refused", _says(40004001, "\x1b[2J\x9b31m\r\n\0\x07")),
        ("a refusal from right to left", "refused", _says(40004001, "\u202egnp.exe\u2066")),
        ("a refusal with markup", "refused", _says(40004001, "[/x][link=http://x]<script>{{7*7}}%s")),
        ("a refusal that repeats the token", "refused", _says(40004001, f"bad cookie {TOKEN}")),
        (
            "a refusal that spells the token",
            "refused",
            http(400, b'{"code":40004001,"message":"' + _SPELT + b'"}'),
        ),
        ("a refusal with another's token", "refused", _says(40004001, "no", debugInfo=f"x{NEW_TOKEN}")),
        ("a session that is lost", "retried", _says(40104001, "ErrSession")),
        ("a workflow that is missing", "retried", _says(40404000, "ErrNotFound")),
        ("not implemented", "refused", _says(50104000, "ErrNotImplemented")),
        ("an internal error", "unknown", _says(50004002, "ErrInternalController")),
        ("an error of its own kind", "unknown", http(500, b'{"code":90004000,"message":"ErrUnknown"}')),
    )
)  # fmt: skip


def _page(*items: str, total: str = "1", more: str = "") -> bytes:
    return http(200, f'{{"code":0,"data":{{"items":[{",".join(items)}],"total":{total}{more}}}}}'.encode())


def _item(job_id: str = "107", workflow: str = '"4216617528"', status: str = "1", more: str = "") -> str:
    return f'{{"id":{job_id},"workflowId":{workflow},"status":{status}{more}}}'


def _ended(time: str) -> str:
    return f',"runEndTime":"{time}"'


READINGS: tuple[Answer, ...] = tuple(
    Answer(*case)
    for case in (
        ("list", "no total", "unknown", http(200, b'{"code":0,"data":{"items":[]}}')),
        ("list", "no items", "unknown", http(200, b'{"code":0,"data":{"total":1}}')),
        ("list", "items that are a text", "unknown", http(200, b'{"code":0,"data":{"items":"","total":1}}')),
        ("list", "a total below zero", "unknown", _page(total="-1")),
        ("list", "a total of 2^63", "unknown", _page(total="9223372036854775808")),
        ("list", "a total as a text", "unknown", _page(total='"1"')),
        ("list", "a total as a fraction", "unknown", _page(total="1.5")),
        ("list", "a total that is NaN", "unknown", _page(total="NaN")),
        ("list", "a job without an ID", "unknown", _page('{"workflowId":"4216617528","status":1}')),
        ("list", "an ID below zero", "unknown", _page(_item("-7"))),
        ("list", "an ID of zero", "unknown", _page(_item("0"))),
        ("list", "an ID of 2^63", "unknown", _page(_item("9223372036854775808"))),
        ("list", "an ID as a fraction", "unknown", _page(_item("107.0"))),
        ("list", "an ID with blanks", "unknown", _page(_item('" 107"'))),
        ("list", "an ID in Arabic digits", "unknown", _page(_item('"١٠٧"'))),
        ("list", "a job of another workflow", "unknown", _page(_item(workflow='"7"'))),
        ("list", "a job of no workflow", "unknown", _page(_item(workflow='""'))),
        ("list", "a workflow as a path", "unknown", _page(_item(workflow='"../../connect"'))),
        ("list", "one job of another workflow among ours", "unknown", _page(_item(), _item("108", "7"))),
        ("list", "a status as a word", "unknown", _page(_item(status='"Running"'))),
        ("list", "a status that is null", "unknown", _page(_item(status="null"))),
        ("list", "a status that does not exist", "taken", _page(_item(status="77"))),
        ("list", "a status below zero", "taken", _page(_item(status="-1"))),
        ("list", "a name that is a number", "unknown", _page(_item(more=',"name":7'))),
        ("list", "a name that steers a terminal", "taken", _page(_item(more=',"name":"\\u001b[2J\\u202e"'))),
        ("list", "a name that is a token", "taken", _page(_item(more=f',"name":"{NEW_TOKEN}"'))),
        ("list", "a time in the year 300 million", "taken", _page(_item(more=',"createTime":9e18'))),
        ("list", "a time that is infinite", "unknown", _page(_item(more=',"createTime":1e999'))),
        ("list", "a time that is no time", "taken", _page(_item(more=',"createTime":"0001-13-99T"'))),
        ("list", "the first time there is", "taken", _page(_item(more=_ended("0001-01-01T00:00:00+23:59")))),
        ("list", "the last time there is", "taken", _page(_item(more=_ended("9999-12-31T23:59:59-23:59")))),
        ("list", "a time that is a list", "unknown", _page(_item(more=',"createTime":[]'))),
        ("list", "a page that is a text", "unknown", _page(more=',"Page":"1"')),
        ("list", "a page below zero", "taken", _page(more=',"Page":-1,"PageSize":-1')),
        ("list", "20,000 jobs on a page", "taken", _page(*map(_item, map(str, range(1, 20_001))))),
        ("detail", "another job", "unknown", http(200, GOOD["detail"].replace(b"107", b"108"))),
        ("detail", "no job", "unknown", http(200, b'{"code":0,"data":null}')),
        ("detail", "tasks that are no list", "unknown", http(200, GOOD["detail"][:-2] + b',"tasks":7}}')),
        ("detail", "a job that does not exist", "unknown", _says(50004001, "ErrInternalDatabase")),
        ("cancel", "success that is a text", "unknown", http(200, b'{"code":0,"data":{"success":"true"}}')),
        ("cancel", "success that is 1", "unknown", http(200, b'{"code":0,"data":{"success":1}}')),
        ("cancel", "no success", "unknown", http(200, b'{"code":0,"data":{}}')),
        ("cancel", "a refusal", "refused", _says(40004001, "ErrParam")),
    )
)  # fmt: skip


def _cookie(*cookies: str, body: bytes = GOOD["connect"]) -> bytes:
    return http(200, body, *(f"Set-Cookie: {cookie}" for cookie in cookies))


CONNECTIONS: tuple[Answer, ...] = tuple(
    Answer("connect", *case)
    for case in (
        ("no cookie", "refused", _cookie()),
        ("a cookie without a value", "refused", _cookie("explorer_token=")),
        ("a cookie without a name", "refused", _cookie(f"={NEW_TOKEN}")),
        ("another cookie", "refused", _cookie(f"explorer_token2={NEW_TOKEN}")),
        ("a cookie in capitals", "refused", _cookie(f"EXPLORER_TOKEN={NEW_TOKEN}")),
        ("a cookie with a blank in its value", "refused", _cookie("explorer_token=a b")),
        ("a cookie in quotes", "refused", _cookie(f'explorer_token="{NEW_TOKEN}"')),
        ("a cookie with a comma", "refused", _cookie("explorer_token=a,b")),
        ("a cookie in other letters", "refused", _cookie("explorer_token=größe")),
        ("a cookie of 9,000 letters", "refused", _cookie(f"explorer_token={'a' * 9000}")),
        ("a cookie that adds a header", "unknown", _cookie("explorer_token=a\rX-Spy: 1")),
        ("a cookie and no success", "refused", _cookie(_COOKIE, body=b'{"code":0,"data":{"success":false}}')),
        ("a cookie with a refusal", "refused", http(403, b'{"code":40304000}', f"Set-Cookie: {_COOKIE}")),
        ("two cookies, the last good", "taken", _cookie("explorer_token=", f"explorer_token={NEW_TOKEN}")),
        ("a thousand other cookies", "taken", _cookie(*(["spy=1"] * 1000), _COOKIE)),
        ("a cookie for another host", "taken", _cookie(f"{_COOKIE}; Domain=evil.example; Max-Age=-1")),
    )
)  # fmt: skip

ANSWERS = (*SUBMISSIONS, *READINGS, *CONNECTIONS)
