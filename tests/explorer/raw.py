"""A server that says whatever bytes a test wants, on a real socket, and clients that speak with it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.core.model import JobId, WorkflowId
from reconciler.core.outcome import Receipt
from reconciler.explorer.client import Explorer, TokenFile, explorer_at

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJjYW5hcnkiOiJ0b2tlbiJ9.canary-of-the-token"
WORKFLOW = WorkflowId("4216617528")
BODY = '{"input":{"query_1":{"név":"Tim Duncan"}}}'.encode()
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
BASELINE = JobId(100)
CREATED = b'{"code":0,"data":{"id":107},"message":"Success"}'


@dataclass
class Heard:
    """One connection as the server saw it: what it read, and whether it ended by a reset."""

    data: bytes = b""
    was_reset: bool = False
    is_read: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a whole request was read."""

    @property
    def head(self) -> list[str]:
        return self.data.partition(b"\r\n\r\n")[0].decode().split("\r\n")

    @property
    def headers(self) -> dict[str, str]:
        return {line.partition(": ")[0].lower(): line.partition(": ")[2] for line in self.head[1:]}

    @property
    def body(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[2]


@dataclass
class Raw:
    """The running server: where it is, and what it heard, a connection each."""

    url: str
    heard: list[Heard] = field(default_factory=list)
    made: asyncio.Queue[Heard] = field(default_factory=asyncio.Queue)
    """Each connection once it is made."""

    ended: asyncio.Queue[Heard] = field(default_factory=asyncio.Queue)
    """Each connection once it is over."""

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter, Heard], Awaitable[None]]
"""What the server does with one connection."""


@asynccontextmanager
async def serving(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[Raw]:
    """Run a server that does this with every connection, while the block lasts."""
    conversations: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversations.add(asyncio.current_task())  # type: ignore[arg-type]
        heard = Heard()
        raw.heard.append(heard)
        raw.made.put_nowait(heard)
        try:
            await script(reader, writer, heard)
        except OSError:
            heard.was_reset = True
        except asyncio.CancelledError:  # the test is over; Python 3.11 would log a cancelled connection
            pass
        finally:
            raw.ended.put_nowait(heard)
            writer.transport.abort()

    server = await asyncio.start_server(converse, "127.0.0.1", 0, ssl=tls)
    raw = Raw(f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    try:
        yield raw
    finally:
        server.close()
        for conversation in conversations:
            conversation.cancel()
        await asyncio.gather(*conversations)
        await server.wait_closed()


async def read_request(reader: asyncio.StreamReader, heard: Heard) -> None:
    """Read one whole request into `heard`."""
    heard.data += await reader.readuntil(b"\r\n\r\n")
    length = int(heard.headers.get("content-length", "0"))
    heard.data += await reader.readexactly(length)
    heard.is_read.set()


def saying(*pieces: bytes) -> Script:
    """Read a request, say these bytes, and close."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Heard) -> None:
        await read_request(reader, heard)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
        await reader.read()  # until the client has closed too: an abort could overtake what was written

    return script


async def saying_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Heard) -> None:
    """Read a request and whatever follows, until the client goes away."""
    await read_request(reader, heard)
    heard.data += await reader.read()


def http(status: int, body: bytes, *headers: str, length: int | None = None) -> bytes:
    """A reply; `length` lies about its body's length."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body) if length is None else length}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


def client_of(url: str, directory: Path, timeout_s: float = 60.0, ca_file: Path | None = None) -> Explorer:
    """A client with a token of its own, which needs no login."""
    path = directory / "token"
    path.write_text(TOKEN + "\n")
    return explorer_at(url, TokenFile(path), timeout_s=timeout_s, ca_file=ca_file)


async def submit(explorer: Explorer) -> Receipt:
    """The submission that these tests make."""
    return await explorer.submit(WORKFLOW, BODY, trace_id=TRACE_ID, baseline=BASELINE)


def receipt_of(script: Script, directory: Path, timeout_s: float = 60.0) -> tuple[Receipt, Raw]:
    """What comes of one submission to a server that follows this script."""

    async def main() -> tuple[Receipt, Raw]:
        async with serving(script) as raw:
            return await submit(client_of(raw.url, directory, timeout_s)), raw

    return asyncio.run(main())
