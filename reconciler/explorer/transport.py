"""One HTTP exchange with Explorer, as a value: sent at most once, on a connection of its own.

Here are sockets, TLS, deadlines and limits. What is asked is the business of `client` and `session`, what an
exchange means that of `core.outcome`. httpx's transport is used without its client: it is the client that
follows redirects, keeps cookies, reads proxies and `.netrc` from the environment, and decompresses.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import struct
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import httpx

from reconciler.core.outcome import Exchange, NoReply, NotSent, Reply, code_of
from reconciler.explorer.headers import COOKIE, date_ms, retry_after_s, token_in
from reconciler.explorer.secret import Secret, without_tokens
from reconciler.explorer.tls import Identity, NoTrust, Trust

ROOT = "/api-open/v1/"
TIMEOUT_S = 30.0
SMALL_REPLY = 64 * 1024
LARGE_REPLY = 4 * 1024 * 1024
"""A hundred jobs take about 30 KiB; a server that ignores the page size may send some ten thousand."""

Observe = Callable[[str, str, float], None]
"""Told of each exchange: the operation, how it ended (see `code_of`), and how many seconds it took."""

Pace = Callable[[], Awaitable[None]]
"""Returns once the limit on requests has room for one more."""

RESET_ON_CLOSE = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
"""Without this, the kernel still delivers a request after the process that sent it has died (socket(7))."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of Explorer. `path` stands below `/api-open/v1/`; `limit` is the longest reply in bytes.

    `operation` is a word to count by. `trace_id` is 32 hex digits; without one the request gets its own.
    """

    operation: str
    method: str
    path: str
    body: bytes | None = None
    content_type: str | None = None
    trace_id: str | None = None
    limit: int = SMALL_REPLY


@dataclass(slots=True)
class _Progress:
    """How far an exchange has got, as httpcore tells while it works.

    Whatever is not known to belong to connecting counts as sending: if a version of httpcore named its steps
    otherwise, requests would count as possibly sent, never as certainly unsent.
    """

    is_connecting: bool = False
    may_be_sent: bool = False
    stream: Any = None

    async def __call__(self, step: str, info: Mapping[str, Any]) -> None:
        if step.startswith("connection."):
            self.is_connecting = True
        else:
            self.may_be_sent = True
        if step == "connection.connect_tcp.complete":
            self.stream = info["return_value"]

    def came_to(self, unsent: str, sent: str) -> Exchange:
        """An exchange that ended here without a reply, for either reason."""
        is_unsent = self.is_connecting and not self.may_be_sent
        return NotSent(unsent) if is_unsent else NoReply(sent)

    async def close(self) -> None:
        """Drop the connection: httpcore forgets it if it is cancelled during the TLS handshake."""
        if self.stream is not None:
            await self.stream.aclose()


async def no_pace() -> None:
    """No limit."""


class Transport:
    """Carries requests to one Explorer. Nothing is kept between exchanges but the settings.

    `base_url` is an http or https URL, with a path if Explorer lies below one; `timeout_s` is the longest
    that an exchange may take as a whole. `ca_file` replaces the system's certificates, `identity` is shown to
    a server that asks who we are; the server's certificate is always verified. Raises OSError (ssl.SSLError
    is one) for files that cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout_s: float = TIMEOUT_S,
        ca_file: Path | None = None,
        identity: Identity | None = None,
        observe: Observe = lambda *_: None,
        pace: Pace = no_pace,
    ) -> None:
        self._root = base_url.rstrip("/") + ROOT
        self._trust = Trust(ca_file, identity) if self._root.startswith("https:") else NoTrust()
        self._timeout_s = timeout_s
        self._observe = observe
        self._pace = pace
        _silence_libraries()

    async def exchange(self, request: Request, token: Secret) -> Exchange:
        """Send a request within a session, once."""
        exchange, _ = await self._exchange(request, token, "Cookie", f"{COOKIE}={token.reveal()}")
        return exchange

    async def connect(self, request: Request, credential: Secret) -> tuple[Exchange, Secret | None]:
        """Send a request for a session, once, and give the token that came with the reply, if one did.

        It is paced here, since nobody above knows when a session is asked for; all else is paced above.
        """
        await self._pace()
        header = f"Bearer {credential.reveal()}"
        return await self._exchange(request, credential, "Authorization", header)

    async def _exchange(
        self, request: Request, secret: Secret, header: str, value: str
    ) -> tuple[Exchange, Secret | None]:
        began_s = time.monotonic()
        progress = _Progress()
        outgoing = self._outgoing(request, header, value, progress)
        try:
            exchange, token = await self._send(outgoing, request.limit, progress)
        finally:
            await progress.close()
        exchange = _without(secret, exchange)
        self._observe(request.operation, code_of(exchange), time.monotonic() - began_s)
        return exchange, token

    async def _send(
        self, outgoing: httpx.Request, limit: int, progress: _Progress
    ) -> tuple[Exchange, Secret | None]:
        """The exchange with all that the world may do to it as a value. Raises CancelledError only."""
        try:
            async with asyncio.timeout(self._timeout_s), self._connection() as connection:
                return await _received(await connection.handle_async_request(outgoing), limit)
        except TimeoutError:
            limit_s = f"within {self._timeout_s:g} s"
            return progress.came_to(f"no connection {limit_s}", f"no whole reply {limit_s}"), None
        except (httpx.HTTPError, OSError, UnicodeError) as error:  # UnicodeError: a host that is no DNS name
            return progress.came_to(_root_cause(error), _what_broke(error)), None

    def _connection(self) -> httpx.AsyncHTTPTransport:
        """A connection pool for one exchange: cheap, and free of what pools do to each other's requests."""
        return httpx.AsyncHTTPTransport(
            verify=self._trust.context(),
            trust_env=False,
            http2=False,
            retries=0,
            socket_options=[RESET_ON_CLOSE],
        )

    def _outgoing(self, request: Request, header: str, value: str, progress: _Progress) -> httpx.Request:
        trace_id = request.trace_id or secrets.token_hex(16)
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Connection": "close",
            "User-Agent": "explorer-reconciler",
            "traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01",  # www.w3.org/TR/trace-context
            header: value,
        }
        if request.content_type is not None:
            headers["Content-Type"] = request.content_type
        return httpx.Request(
            request.method,
            self._root + request.path,
            headers=headers,
            content=request.body,
            extensions={"trace": progress},
        )


async def _received(response: httpx.Response, limit: int) -> tuple[Exchange, Secret | None]:
    """The whole reply, its body as it came over the wire. Raises httpx.HTTPError, OSError."""
    headers = response.headers
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        return NoReply("the reply is compressed, although that was not asked for"), None
    body = bytearray()
    async with aclosing(cast("AsyncGenerator[bytes]", response.aiter_raw())) as parts:
        async for part in parts:
            body += part
            if len(body) > limit:
                return NoReply(f"the reply is longer than {limit} bytes"), None
    pause_s = retry_after_s(headers.get("retry-after"), time.time(), headers.get("date"))
    token = token_in(headers.get_list("set-cookie"))
    return Reply(response.status_code, bytes(body), pause_s, date_ms(headers.get("date"))), token


def _without(secret: Secret, exchange: Exchange) -> Exchange:
    """The exchange without the secret that went with it, in case the server repeats it to us.

    And without any other token: a server may tell of somebody else's.
    """
    if not isinstance(exchange, Reply):
        return exchange
    text = _spelt_out(exchange.body).decode("latin-1")  # each byte is one letter, and comes back as it was
    covered = without_tokens(secret.masked_in(text)).encode("latin-1")
    return exchange if covered == exchange.body else replace(exchange, body=covered)


def _spelt_out(body: bytes) -> bytes:
    """JSON with its letters as themselves: spelt as escapes a secret would pass unseen (RFC 8259, 7).

    Letter by letter over the whole, and not match by match: an answer may consist of nothing but escapes.
    """
    if b"\\" not in body or b"\0" in body:  # a zero byte stands in no JSON, and here for an escaped backslash
        return body
    body = body.replace(b"\\\\", b"\0")
    for escape, letter in _LETTERS.items():
        body = body.replace(escape, letter)
    return body.replace(b"\0", b"\\\\")


_LETTERS = {b"\\/": b"/"} | {
    b"\\u00" + digits.encode(): bytes([code])
    for code in range(0x20, 0x7F)
    if code not in b'"\\'
    for digits in (f"{code:02x}", f"{code:02X}")
}
"""Each way to escape a letter that needs no escape, and the letter."""


def _root_cause(error: BaseException) -> str:
    """What the system said of a connection that was not made; nobody has seen a secret of ours by then."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    if isinstance(error, BaseExceptionGroup):  # one for each address of the host
        return "; ".join(_root_cause(one) for one in error.exceptions)
    return str(error) or type(error).__name__


def _what_broke(error: Exception) -> str:
    """Fixed words: the libraries' own quote the reply, and a reply may quote our secrets."""
    match error:
        case httpx.ProtocolError():
            return "the reply broke off, or was not HTTP"
        case httpx.WriteError():
            return "the connection broke while the request was sent"
        case _:
            return "the connection broke before the reply was whole"


def _silence_libraries() -> None:
    """Keep the HTTP libraries from logging, whatever levels are set: their debug lines print `Set-Cookie`."""
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("httpx", "httpcore"):
            logging.getLogger(name).disabled = True
