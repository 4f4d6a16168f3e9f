"""One request and its reply on a TCP connection of their own: h11's HTTP/1.1 on one of asyncio's sockets.

Nothing here can send twice: a conversation is connected once, asks once, and is closed. Where it stands is
known at first hand: until `ask` is called, no byte of the request has left. What a reply means is not known
here, nor how long one may wait for it (`transport`).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import cast

import h11
import httpx

from reconciler.core.outcome import NoReply

RESET_ON_CLOSE = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
"""Without this, the kernel still delivers a request after the process that sent it has died (socket(7))."""

LONGEST_HEAD = 100 * 1024
"""How many bytes of a reply may come before its head, or the size of a chunk, is whole."""

EYEBALLS_S = 0.25
"""After how long a host's next address is tried beside the one before (RFC 8305, 5)."""

BROKE_OFF = "the reply broke off, or was not HTTP"
"""What is said in place of a reply that h11 cannot make sense of, or whose end never came."""


@dataclass(frozen=True, slots=True)
class Received:
    """A whole reply, its body as it came over the wire."""

    status: int
    headers: httpx.Headers
    body: bytes


class Conversation(asyncio.Protocol):
    """A connection that asks for one thing. `longest` is the most that a reply's body may have, in bytes.

    `close` belongs at its end, whatever came of it.
    """

    def __init__(self, request: httpx.Request, longest: int) -> None:
        """Raises h11.LocalProtocolError for a request that cannot be said in HTTP."""
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=LONGEST_HEAD)
        self._request = _encoded(self._http, request)
        self._longest = longest
        self._transport: asyncio.Transport | None = None
        self._head: h11.Response | None = None
        self._body = bytearray()
        self._came: asyncio.Future[Received | NoReply] = asyncio.get_running_loop().create_future()
        self.has_asked = False
        """Whether anything may have been sent. False is certain."""

    async def connect(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        """Make the connection, with TLS if there is a context. Raises OSError, UnicodeError."""
        loop = asyncio.get_running_loop()
        # An address needs no race, in which asyncio drops a socket unclosed if it is cancelled.
        race_s = None if _is_address(host) else EYEBALLS_S
        await loop.create_connection(lambda: self, host, port, happy_eyeballs_delay=race_s)
        if context is not None:
            plain = self._open_transport()
            secure = await loop.start_tls(plain, self, context, server_hostname=host)
            self._transport = cast("asyncio.Transport", secure)

    async def ask(self) -> Received | NoReply:
        """Send the request, and give the reply. Raises OSError only if nothing was sent."""
        self._send(self._open_transport())
        return await self._came

    async def close(self) -> None:
        """Drop the connection, and with it what is on its way."""
        self._drop()
        await asyncio.sleep(0)  # asyncio closes a socket in the loop's next turn: the last, it may be

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Before anything can be sent, and before a handshake."""
        self._transport = cast("asyncio.Transport", transport)
        transport.get_extra_info("socket").setsockopt(*RESET_ON_CLOSE)

    def data_received(self, data: bytes) -> None:
        """Take in what has come, up to the end of the reply."""
        if not self.has_asked:  # before TLS, it may be, or with its last word: that is no reply to us
            self._end(NoReply("the server spoke before it was asked"))
            self._drop()
        if self._came.done():
            return
        self._http.receive_data(data)
        try:
            while not self._came.done() and (event := self._http.next_event()) is not h11.NEED_DATA:
                self._take(event)
        except h11.RemoteProtocolError:  # its own words quote the reply, and a reply may quote our secrets
            self._end(NoReply(BROKE_OFF))

    def eof_received(self) -> None:
        """The server says no more: the end of a reply that has no length of its own."""
        self.data_received(b"")

    def connection_lost(self, _error: Exception | None) -> None:
        """Whatever had come was taken in before."""
        self._end(NoReply("the connection broke before the reply was whole"))

    def _open_transport(self) -> asyncio.Transport:
        """The connection as it was made. One whose TLS was lost at once does not say itself that it is."""
        if self._came.done() or self._transport is None or self._transport.is_closing():
            raise ConnectionAbortedError("the server spoke before it was asked, or closed the connection")
        return self._transport

    def _drop(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _send(self, transport: asyncio.Transport) -> None:
        self.has_asked = True
        transport.write(self._request)

    def _take(self, event: object) -> None:
        match event:
            case h11.Response():
                self._take_head(event)
            case h11.Data(data=data):
                self._body += data
                if len(self._body) > self._longest:
                    self._end(NoReply(f"the reply is longer than {self._longest} bytes"))
            case h11.InformationalResponse():
                pass  # the reply proper follows
            case h11.EndOfMessage() if self._head is not None:
                self._take_end(self._head)
            case _:  # a connection that changed its protocol
                self._end(NoReply(BROKE_OFF))

    def _take_head(self, head: h11.Response) -> None:
        self._head = head
        codings = httpx.Headers(head.headers.raw_items()).get("content-encoding", "")
        if codings.strip().lower() not in ("", "identity"):
            self._end(NoReply("the reply is compressed, although that was not asked for"))

    def _take_end(self, head: h11.Response) -> None:
        headers = httpx.Headers(head.headers.raw_items())
        self._end(Received(head.status_code, headers, bytes(self._body)))

    def _end(self, came: Received | NoReply) -> None:
        if not self._came.done():
            self._came.set_result(came)


@lru_cache(maxsize=8)
def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _encoded(http: h11.Connection, request: httpx.Request) -> bytes:
    """The whole request as it is sent: at once, so that there is no half of it to be delivered."""
    head = h11.Request(
        method=request.method,
        target=request.url.raw_path,
        headers=request.headers.raw,
    )
    parts = [http.send(head)]
    if request.content:
        parts.append(http.send(h11.Data(data=request.content)))
    parts.append(http.send(h11.EndOfMessage()))
    return b"".join(part for part in parts if part)
