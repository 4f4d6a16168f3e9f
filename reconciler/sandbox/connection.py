"""One TCP connection: bytes to requests and replies to bytes, by h11, with every way to end it.

What is answered is decided elsewhere; here is how it is sent, whole, cut short, byte by byte, or not at all.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress

import h11

from reconciler.sandbox.wire import Code, RefusedError, Reply, Request, refused

BODY_LIMIT = 1_048_576
"""The largest request body in bytes; a larger one is refused with 400."""

_READ_SIZE = 65_536
_FAREWELL_S = 1.0
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Connection:
    """One connection, for as many requests as its client likes to send one after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.SERVER)
        self._answers_head = False

    async def next_request(self) -> Request | None:
        """The next request; None once the client has no more.

        Raises RefusedError for what is not HTTP or has too large a body, OSError if the client is gone.
        """
        try:
            if self._http.our_state is h11.DONE:
                self._http.start_next_cycle()
            head = await self._event()
            if not isinstance(head, h11.Request):
                return None
            self._answers_head = head.method == b"HEAD"
            return _request(head, await self._body())
        except h11.RemoteProtocolError as error:
            raise RefusedError(Code.ERR_BAD_REQUEST, str(error)) from error

    @property
    def can_go_on(self) -> bool:
        """Whether another request may follow on this connection."""
        is_done = self._http.our_state is h11.DONE and self._http.their_state is h11.DONE
        return is_done and not self._writer.is_closing()

    async def send(self, reply: Reply) -> None:
        """Send the whole reply."""
        await self._write(b"".join(self._pieces(reply)))

    async def send_half(self, reply: Reply) -> None:
        """Announce the whole reply, send the first half of its body, and close."""
        head, body, *_ = self._pieces(reply)
        await self._write(head + body[: len(body) // 2])
        await self.close()

    async def send_slowly(self, reply: Reply, interval_s: float) -> None:
        """Send the reply one byte an interval, for as long as the client bears it."""
        for byte in b"".join(self._pieces(reply)):
            await self._write(bytes([byte]))
            await asyncio.sleep(interval_s)

    async def refuse(self, refusal: RefusedError) -> None:
        """Answer a request that could not be read, and close. The client sees the answer first."""
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            await self.send(refused(refusal).with_headers(("Connection", "close")))
        await self._hear_out()
        await self.close()

    async def client_is_gone(self) -> None:
        """Return once the client has closed or lost the connection; what it still sends is dropped."""
        with suppress(OSError):
            while await self._reader.read(_READ_SIZE):
                pass

    async def close(self) -> None:
        """Send what is still to be sent, then close in the orderly way."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    def reset(self) -> None:
        """End the connection with a TCP reset: what was not sent yet never is."""
        # The linger time of zero makes the kernel send RST instead of FIN (socket(7), SO_LINGER).
        raw = self._writer.get_extra_info("socket")
        with suppress(OSError):  # It may be closed already.
            if raw is not None:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._writer.transport.abort()

    async def _event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                await self._write(self._http.send(go_on) or b"")
            self._http.receive_data(await self._reader.read(_READ_SIZE))
        return event

    async def _body(self) -> bytes:
        body = bytearray()
        while isinstance(event := await self._event(), h11.Data):
            body += event.data
            if len(body) > BODY_LIMIT:
                raise RefusedError(Code.ERR_BAD_REQUEST, f"the body is larger than {BODY_LIMIT} bytes")
        return bytes(body)

    def _pieces(self, reply: Reply) -> Iterator[bytes]:
        """Head, body and end as bytes. HEAD gets no body, and 204 and 304 have none (RFC 9110, 6.4.1)."""
        headers = [*reply.headers, ("Content-Length", str(len(reply.body)))]
        if reply.status in (204, 304):
            headers.pop()
        yield self._http.send(h11.Response(status_code=reply.status, headers=headers)) or b""
        is_bodiless = reply.status in (204, 304) or self._answers_head
        yield b"" if is_bodiless else self._http.send(h11.Data(data=reply.body)) or b""
        yield self._http.send(h11.EndOfMessage()) or b""

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def _hear_out(self) -> None:
        """Take what the client still sends, for a moment: a close with unread bytes would be a reset."""
        if self._writer.can_write_eof():
            with suppress(OSError):
                self._writer.write_eof()
        with suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                await self.client_is_gone()


def _request(head: h11.Request, body: bytes) -> Request:
    path, _, query = head.target.decode("latin-1").partition("?")
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers)
    return Request(head.method.decode("latin-1"), path, query, headers, body)
