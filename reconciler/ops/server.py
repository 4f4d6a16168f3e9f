"""Listening for the ops port: uvicorn inside the daemon's event loop, with bounds on what a client may hold.

What is answered is in `http`. Signals stay the daemon's: uvicorn would take SIGTERM for itself, and end the
process before the drain.
"""

from __future__ import annotations

import asyncio
import functools
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from reconciler.errors import ListenFailed
from reconciler.ops.http import MOST_HEAD_BYTES
from reconciler.setting_kinds import Address

MOST_CONNECTIONS = 256
PATIENCE_S = 10.0
LIFE_S = 30.0
IDLE_S = 5
CLOSING_S = 2


@asynccontextmanager
async def serving(app: ASGIApp, listen: Address) -> AsyncIterator[Address]:
    """Serve the app until the block ends; gives the address that it is really at (port 0 took a free one).

    On the way out, answers under way have CLOSING_S seconds. Raises ListenFailed.
    """
    listener = _listener(listen)
    host, port = listener.getsockname()[:2]
    server = _Server(app)
    with listener:
        task = asyncio.create_task(server.serve([listener]), name="ops port")
        try:
            yield Address(host, port)
        finally:
            server.stop()
            await task


def _listener(listen: Address) -> socket.socket:
    try:
        found = socket.getaddrinfo(listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, *_, address = found[0]
        return socket.create_server(address, family=family, backlog=MOST_CONNECTIONS)
    except OSError as error:  # socket.gaierror is one
        raise ListenFailed(str(listen), error.strerror or str(error)) from error


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers, and without its clock: it is told when to stop."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=functools.partial(_BoundedConnection, {}),  # type: ignore[arg-type] # it is called, no more
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                timeout_keep_alive=IDLE_S,
                timeout_graceful_shutdown=CLOSING_S,
                h11_max_incomplete_event_size=MOST_HEAD_BYTES,
            )
        )
        self.config.load()  # now, and not in the task that serves: what cannot be loaded ends the start
        self._is_stopped = asyncio.Event()

    def stop(self) -> None:
        self._is_stopped.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals alone."""
        yield

    async def main_loop(self) -> None:
        """Waits for `stop`, where uvicorn looks ten times a second whether it should exit."""
        await self._is_stopped.wait()

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().serve(sockets)
        finally:
            for server in getattr(self, "servers", []):
                server.close()
            for connection in list(self.server_state.connections):
                connection.transport.abort()  # who was too slow for CLOSING_S


class _BoundedConnection(H11Protocol):
    """A connection that lives only so long, and gives way when there are too many.

    Uvicorn waits for ever for a first request, so that a few thousand silent clients would take every file
    descriptor that the daemon needs for its work. The oldest gives way, not the newest: probes get in.

    `living` are the connections of one server, the oldest first. Uvicorn's own set also has those that were
    told to go and have not gone yet: in a flood, thousands.
    """

    def __init__(self, living: dict[_BoundedConnection, None], **options: Any) -> None:
        super().__init__(**options)
        self._living = living
        self._timers: list[asyncio.TimerHandle] = []

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._timers = [
            self.loop.call_later(PATIENCE_S, self._end_politely),
            self.loop.call_later(LIFE_S, transport.abort),
        ]
        self._living[self] = None
        if len(self._living) > MOST_CONNECTIONS:
            oldest = next(iter(self._living))
            del self._living[oldest]
            oldest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._living.pop(self, None)
        for timer in self._timers:
            timer.cancel()
        super().connection_lost(exc)

    def _end_politely(self) -> None:
        """Close now if no answer is under way, else after it."""
        if not self.transport.is_closing():
            self.shutdown()
