"""The ops port's answers, asked over real sockets."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import httpx
import pytest

from reconciler.core.item import as_json
from reconciler.core.model import State
from reconciler.engine.standing import Standing
from reconciler.engine.status import Check
from reconciler.errors import StateUnwritable
from reconciler.ops.http import ops_app
from reconciler.ops.metrics import Metrics
from reconciler.ops.server import serving
from reconciler.ops.templating import CONTENT_SECURITY_POLICY
from reconciler.setting_kinds import Address
from tests.ops.fakes import NOW_MS, FakeView, dossier, item

ROUTES = ("/", "/metrics", "/livez", "/readyz", "/api/v1/manifests", "/api/v1/manifests/pagerank")
DAMAGED = Standing(is_open=False, troubles=("the state is damaged",))
VIEW = FakeView(known=[item("pagerank"), item("sssp", State.HELD)])


def asked(
    ask: Callable[[httpx.AsyncClient], Awaitable[httpx.Response]],
    view: FakeView = VIEW,
    names: Sequence[str] = (),
) -> httpx.Response:
    async def serve_and_ask() -> httpx.Response:
        app = ops_app(view, Metrics("1"), names=names, now_ms=lambda: NOW_MS)
        async with (
            serving(app, Address("127.0.0.1", 0)) as address,
            httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as client,
        ):
            return await ask(client)

    return asyncio.run(serve_and_ask())


def got(path: str, view: FakeView = VIEW, **headers: str) -> httpx.Response:
    return asked(lambda client: client.get(path, headers=headers), view)


def test_the_items_are_those_that_get_prints() -> None:
    answer = got("/api/v1/manifests")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"items": [as_json(one) for one in VIEW.known]}
    assert got("/api/v1/manifests/sssp").json() == {"items": [as_json(VIEW.known[1])]}


@pytest.mark.parametrize("path", ["/api/v1/manifests", "/api/v1/manifests/pagerank"])
def test_while_the_state_cannot_be_opened_nobody_is_told_that_there_are_no_manifests(path: str) -> None:
    answer = got(path, FakeView(stands=DAMAGED))
    assert answer.status_code == 503
    why = "what is known cannot be read: the state is damaged"
    assert answer.json() == {"items": [], "error": why}


def test_the_page_shows_what_keeps_the_daemon_from_its_work() -> None:
    answer = got("/", FakeView(stands=DAMAGED))
    assert (answer.status_code, "the state is damaged" in answer.text) == (200, True)


@pytest.mark.parametrize("name", ["nobody", "..%2f..", "%00", "a" * 300])
def test_a_name_that_nobody_knows_is_not_found_as_json(name: str) -> None:
    answer = got(f"/api/v1/manifests/{name}")
    assert answer.status_code == 404
    if "2f" not in name:
        assert answer.json() == {"error": "nothing is known by this name"}


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_a_probe_is_ok_if_every_check_is(path: str) -> None:
    answer = got(path)
    assert (answer.status_code, answer.text) == (200, "ok\n")
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_a_probe_says_what_is_not_well(path: str) -> None:
    view = FakeView(checks=[Check("store", True), Check("first pass", False, "the tree is missing")])
    answer = got(path, view)
    assert (answer.status_code, answer.text) == (
        503,
        "[+] store: ok\n[-] first pass: the tree is missing\nnot ok\n",
    )


def test_a_probe_lists_its_checks_on_request() -> None:
    assert got("/readyz?verbose").text == "[+] store: ok\nok\n"


def test_metrics_come_in_the_format_that_was_asked_for() -> None:
    assert got("/metrics").headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    answer = got("/metrics", accept="application/openmetrics-text")
    assert answer.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert answer.text.endswith("# EOF\n")


def test_the_page_is_html_and_one_state_can_be_asked_for() -> None:
    assert "pagerank" in got("/").text
    assert "pagerank" not in got("/?state=Held").text
    assert got("/").headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    "query",
    [
        *("page=-1", "page=9e9", "page=0", "page=" + "9" * 5000, "page=%00", "page=1&page=x", "page="),
        *("state=<script>", "state=held", "state=Held&state=Held&state=Running&state=x", "sort=;DROP"),
        *("sort=--age", "q=%ff%fe%00", "q=" + "a+" * 4000, "q[]=1", "q=%22%3E%3Cscript%3E", "é=ü"),
        *("&&&=&", "a=b;c=d", "state=&q=&sort=&page="),
    ],
)
def test_whatever_is_asked_a_page_comes_back_and_says_what_it_did_not_understand(query: str) -> None:
    answer = got(f"/?{query}")
    assert answer.status_code == 200
    assert "</html>" in answer.text
    assert answer.text.count("<script>") == 1, "its own"


def test_an_address_that_is_too_long_is_refused() -> None:
    assert got("/?q=" + "a" * 60_000).status_code in (400, 431)


def test_a_manifest_has_a_page_and_a_name_that_nobody_knows_has_one_that_says_so() -> None:
    view = FakeView(known=[item("pagerank")], dossiers={"pagerank": dossier(item("pagerank"))})
    assert "It is wanted. It is known. It goes on." in got("/manifests/pagerank", view).text
    answer = got("/manifests/%3Cb%3Enobody", view)
    assert answer.status_code == 404
    assert "Nothing is known by the name &lt;b&gt;nobody" in answer.text


@pytest.mark.parametrize("path", ["/nothing-here", "/manifests/", "/manifests/a/b"])
def test_what_is_not_there_is_told_on_a_page(path: str) -> None:
    answer = got(path, accept="text/html,*/*")
    assert (answer.status_code, "There is no such page" in answer.text) == (404, True)
    answer = got(path)
    assert (answer.status_code, answer.text) == (404, "Not Found"), "programs have no use for a page"


def test_a_state_that_cannot_be_read_is_told_on_the_page() -> None:
    view = FakeView(refusal=StateUnwritable("the state cannot be read: disk I/O error"))
    answer = got("/", view)
    assert (answer.status_code, "disk I/O error" in answer.text) == (200, True)
    answer = got("/manifests/pagerank", view)
    assert (answer.status_code, "disk I/O error" in answer.text) == (503, True)
    assert got("/manifests/pagerank", FakeView(stands=DAMAGED)).status_code == 503


@pytest.mark.parametrize("path", [*ROUTES, "/nothing-here", "/readyz/"])
def test_every_answer_keeps_a_browser_out_of_mischief(path: str) -> None:
    headers = got(path).headers
    assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "server" not in headers
    assert headers["date"].endswith("GMT")


@pytest.mark.parametrize("path", ROUTES)
def test_head_gives_the_headers_of_get_without_a_body(path: str) -> None:
    answer = asked(lambda client: client.head(path))
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 0


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW"])
@pytest.mark.parametrize("path", ["/", "/api/v1/manifests/pagerank", "/nothing-here"])
def test_nothing_but_get_and_head_is_answered(method: str, path: str) -> None:
    answer = asked(lambda client: client.request(method, path))
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "body", ["Content-Length: 5\r\n\r\nxxxxx", "Transfer-Encoding: chunked\r\n\r\n5\r\nxxxxx\r\n0\r\n\r\n"]
)
def test_a_request_with_a_body_is_refused_and_its_connection_closed(body: str) -> None:
    async def ask() -> bytes:
        async with serving(ops_app(VIEW, Metrics("1")), Address("127.0.0.1", 0)) as address:
            reader, writer = await asyncio.open_connection(address.host, address.port)
            writer.write(f"GET /livez HTTP/1.1\r\nHost: localhost\r\n{body}".encode())
            answer = await reader.read()  # to its end, which comes only if the other side closes
            writer.close()
            return answer

    answer = asyncio.run(asyncio.wait_for(ask(), 120))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close" in answer


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:9469",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "",
        "[::1",
        "a@b",
    ],
)
def test_a_name_that_is_not_ours_is_refused_so_that_nobody_can_rebind_theirs(host: str) -> None:
    answer = got("/api/v1/manifests", host=host)
    assert answer.status_code == 421
    assert "pagerank" not in answer.text


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1:9", "[::1]:9469", "10.1.2.3", "ops.example."]
)
def test_our_names_and_every_ip_address_are_answered(host: str) -> None:
    answer = asked(lambda client: client.get("/livez", headers={"host": host}), names=["OPS.example"])
    assert answer.status_code == 200


def test_a_fault_inside_shows_no_trace_of_itself() -> None:
    @dataclass(slots=True)
    class Broken(FakeView):
        async def items(self) -> Sequence[object]:  # type: ignore[override]
            raise RuntimeError("secret detail")

    answer = got("/api/v1/manifests", Broken())
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY


def test_the_json_of_many_items_can_be_read_by_programs() -> None:
    view = FakeView(known=[item(f"n{number}", reason='"\\\n\u2028') for number in range(2_000)])
    assert len(json.loads(got("/api/v1/manifests", view).content)["items"]) == 2_000


def test_no_answer_mentions_the_library_that_gives_it() -> None:
    for path in (*ROUTES, "/nothing-here"):
        assert not re.search("uvicorn|starlette", got(path).text, re.IGNORECASE)
