"""One HTTP exchange with Explorer, as a value: sent at most once, on a connection of its own.

Here are deadlines, limits and secrets; the connection is `conversation`'s. What is asked is the business of
`client` and `session`, what an exchange means that of `core.outcome`. Of httpx the messages are used, and not
its client: it is the client that follows redirects, keeps cookies, reads proxies and `.netrc` from the
environment, and decompresses.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import h11
import httpx

from reconciler.core.outcome import Exchange, NoReply, NotSent, Reply, code_of
from reconciler.explorer.conversation import Conversation, Received
from reconciler.explorer.headers import COOKIE, date_ms, retry_after_s, token_in
from reconciler.explorer.secret import Secret, without_tokens
from reconciler.explorer.tls import Identity, Trust

ROOT = "/api-open/v1/"
TIMEOUT_S = 30.0
SMALL_REPLY = 64 * 1024
LARGE_REPLY = 4 * 1024 * 1024
"""A hundred jobs take about 30 KiB; a server that ignores the page size may send some ten thousand."""

Observe = Callable[[str, str, float], None]
"""Told of each exchange: the operation, how it ended (see `code_of`), and how many seconds it took."""

Pace = Callable[[], Awaitable[None]]
"""Returns once the limit on requests has room for one more."""


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
        self._trust = Trust(ca_file, identity) if self._root.startswith("https:") else None
        self._timeout_s = timeout_s
        self._observe = observe
        self._pace = pace

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
        exchange, token = await self._send(self._outgoing(request, header, value), request.limit)
        exchange = _without(secret, exchange)
        self._observe(request.operation, code_of(exchange), time.monotonic() - began_s)
        return exchange, token

    async def _send(self, outgoing: httpx.Request, limit: int) -> tuple[Exchange, Secret | None]:
        """The exchange with all that the world may do to it as a value. Raises CancelledError only."""
        try:
            conversation = Conversation(outgoing, limit)
        except h11.LocalProtocolError:
            return NotSent("the request cannot be said in HTTP"), None
        deadline = asyncio.timeout(self._timeout_s)
        try:
            async with deadline:
                await self._connect(conversation, outgoing.url)
                came = await conversation.ask()
                return (came, None) if isinstance(came, NoReply) else _read(came)
        except (OSError, UnicodeError) as error:  # UnicodeError: a host that is no DNS name
            is_late = deadline.expired()
            if conversation.has_asked:
                return NoReply(f"no whole reply within {self._timeout_s:g} s"), None
            unsent = f"no connection within {self._timeout_s:g} s" if is_late else _root_cause(error)
            return NotSent(unsent), None
        finally:
            await conversation.close()

    async def _connect(self, conversation: Conversation, url: httpx.URL) -> None:
        context = self._trust.context() if self._trust else None
        default_port = 443 if self._trust else 80
        await conversation.connect(url.raw_host.decode("ascii"), url.port or default_port, context)

    def _outgoing(self, request: Request, header: str, value: str) -> httpx.Request:
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
        )


def _read(received: Received) -> tuple[Reply, Secret | None]:
    """The reply with those of its headers that mean something, and the token that came with it."""
    headers = received.headers
    pause_s = retry_after_s(headers.get("retry-after"), time.time(), headers.get("date"))
    token = token_in(headers.get_list("set-cookie"))
    return Reply(received.status, received.body, pause_s, date_ms(headers.get("date"))), token


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
    return str(error) or type(error).__name__
