"""The ops port's answers: metrics, probes, the status page, and the items as JSON. Read-only.

What is asked of the daemon goes through the narrow `View`; listening and connections are in `server`. Every
request passes the guard first, which lets through GET and HEAD, without a body, to a name that is ours.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import time
from collections.abc import Callable, Sequence
from email.utils import formatdate

import msgspec
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reconciler import __version__
from reconciler.core.item import Item, as_json
from reconciler.engine.status import Check
from reconciler.errors import StateUnwritable
from reconciler.ops.head import head_of
from reconciler.ops.manifest_page import EVENTS, manifest_page
from reconciler.ops.metrics import Metrics
from reconciler.ops.page import missing_page, status_page
from reconciler.ops.query import asked_in
from reconciler.ops.templating import CONTENT_SECURITY_POLICY
from reconciler.ops.view import View

MOST_HEAD_BYTES = 16 * 1024
"""The longest head of a request: what it asks for, and its headers."""

_ALLOWED = {"allow": "GET, HEAD"}
_SAFE_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


def ops_app(
    view: View,
    metrics: Metrics,
    *,
    names: Sequence[str] = (),
    job_url: str | None = None,
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> ASGIApp:
    """The whole ops port as an ASGI application.

    `names` are the host names under which it may be asked, besides `localhost` and every IP address.
    """
    pages = _Pages(view, metrics, job_url, now_ms)
    app = Starlette(
        exception_handlers={404: pages.missing},
        routes=[
            Route("/", pages.status),
            Route("/manifests/{name}", pages.of_manifest),
            Route("/metrics", pages.metrics),
            Route("/livez", pages.livez),
            Route("/readyz", pages.readyz),
            Route("/api/v1/manifests", pages.manifests),
            Route("/api/v1/manifests/{name}", pages.manifest),
        ],
    )
    return Guard(app, names)


class Guard:
    """Stands before the application, and gives every answer the headers that keep a browser out of mischief.

    A page of somebody else can make a browser ask us, under a name of theirs that they let point at us (DNS
    rebinding), and read the answer. So only names that are ours are answered. An IP address is nobody's name.
    """

    def __init__(self, app: ASGIApp, names: Sequence[str]) -> None:
        self._app = app
        self._names = {"localhost", *(name.lower().rstrip(".") for name in names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (the ASGI interface)."""

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update({**_SAFE_HEADERS, "date": formatdate(usegmt=True)})
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, send_safely)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if _head_bytes(scope) > MOST_HEAD_BYTES:  # h11 minds only what does not come in one piece
            text = f"a request's head has {MOST_HEAD_BYTES} bytes here at most\n"
            return PlainTextResponse(text, 431, {"connection": "close"})
        if not self._is_ours(headers.get("host", "")):
            text = "this name is not known here; ask by the IP address or as localhost\n"
            return PlainTextResponse(text, 421, {"connection": "close"})
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse(
                "only GET and HEAD are answered here\n", 405, {**_ALLOWED, "connection": "close"}
            )
        if "transfer-encoding" in headers or headers.get("content-length", "0") != "0":
            return PlainTextResponse("a request has no body here\n", 400, {"connection": "close"})
        return None

    def _is_ours(self, host: str) -> bool:
        bracketed = re.match(r"\[([^\]]*)\]", host)
        name = bracketed[1] if bracketed else host.partition(":")[0]
        return name.lower().rstrip(".") in self._names or _is_ip_address(name)


def _head_bytes(scope: Scope) -> int:
    asked = len(scope["raw_path"]) + len(scope["query_string"])
    return asked + sum(len(name) + len(value) + 4 for name, value in scope["headers"])


def _is_ip_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class _Pages:
    """One method a route."""

    def __init__(self, view: View, metrics: Metrics, job_url: str | None, now_ms: Callable[[], int]) -> None:
        self._view = view
        self._metrics = metrics
        self._job_url = job_url
        self._now_ms = now_ms

    async def status(self, request: Request) -> Response:
        asked, now_ms, trouble, overview = asked_in(request.query_params), self._now_ms(), "", None
        try:
            overview = await self._view.overview(asked.question)
        except StateUnwritable as error:
            trouble = str(error)
        head = head_of(self._view.standing(), now_ms, overview, trouble)
        return HTMLResponse(
            status_page(head, asked, overview, now_ms, job_url=self._job_url, version=__version__)
        )

    async def of_manifest(self, request: Request) -> Response:
        name, now_ms = request.path_params["name"], self._now_ms()
        try:
            dossier = await self._view.dossier(name, EVENTS)
            account = await self._view.account(name) if dossier else None
        except StateUnwritable as error:
            return self._missing("It cannot be shown now", "The manifest is not known now.", 503, str(error))
        if not self._view.standing().is_open:
            return self._missing("It cannot be shown now", "The state is not open, so no name is known.", 503)
        if dossier is None:
            return self._missing("Not found", f"Nothing is known by the name {name[:253]}.")
        head = head_of(self._view.standing(), now_ms, dossier)
        return HTMLResponse(
            manifest_page(head, dossier, account, now_ms, job_url=self._job_url, version=__version__)
        )

    async def missing(self, request: Request, _: Exception) -> Response:
        if "text/html" not in request.headers.get("accept", ""):
            return PlainTextResponse("Not Found", 404)
        return self._missing("Not found", "There is no such page.")

    def _missing(self, title: str, text: str, status: int = 404, trouble: str = "") -> Response:
        now_ms = self._now_ms()
        head = head_of(self._view.standing(), now_ms, trouble=trouble)
        return HTMLResponse(missing_page(head, title, text, now_ms, version=__version__), status)

    async def metrics(self, request: Request) -> Response:
        text, content_type = self._metrics.exposition(request.headers.get("accept", ""))
        return Response(text, headers={"content-type": content_type})

    async def livez(self, request: Request) -> Response:
        return _probe(self._view.live(), is_verbose="verbose" in request.query_params)

    async def readyz(self, request: Request) -> Response:
        return _probe(self._view.ready(), is_verbose="verbose" in request.query_params)

    async def manifests(self, _: Request) -> Response:
        if self._view.is_shut_out():
            return self._unknown()
        items = await self._view.items()
        return await asyncio.to_thread(
            _json_of_items, items
        )  # a hundred thousand take longer than the loop has

    async def manifest(self, request: Request) -> Response:
        if self._view.is_shut_out():
            return self._unknown()
        item = await self._view.item(request.path_params["name"])
        if item is None:
            return _json({"error": "nothing is known by this name"}, 404)
        return _json({"items": [as_json(item)]})

    def _unknown(self) -> Response:
        """To whoever asks for names: an empty list alone would say that there are none."""
        why = "; ".join(self._view.troubles())
        return _json({"items": [], "error": f"what is known cannot be read: {why}"}, 503)


def _probe(checks: Sequence[Check], *, is_verbose: bool) -> Response:
    """`ok`, or what is not; with `is_verbose` each check on a line, marked as Kubernetes marks its own."""
    is_ok = all(check.is_ok for check in checks)
    lines = [
        f"[{'+' if check.is_ok else '-'}] {check.name}: {check.detail or _word(check)}" for check in checks
    ]
    told = lines if is_verbose or not is_ok else []
    return PlainTextResponse("\n".join([*told, "ok" if is_ok else "not ok"]) + "\n", 200 if is_ok else 503)


def _word(check: Check) -> str:
    return "ok" if check.is_ok else "failed"


def _json_of_items(items: Sequence[Item]) -> Response:
    return _json({"items": [as_json(item) for item in items]})


def _json(content: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
