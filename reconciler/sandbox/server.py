"""The sandbox as a running server: it listens, reads requests, and has each answered and delivered.

`serve` runs it inside another program's event loop (tests, `run --sandbox`), `run_until_stopped` on its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from ssl import SSLContext, SSLError
from typing import Any

from reconciler.sandbox.api import Explorer
from reconciler.sandbox.catalogue import Catalogue
from reconciler.sandbox.connection import Connection
from reconciler.sandbox.control import PREFIX, Control
from reconciler.sandbox.delivery import deliver
from reconciler.sandbox.faults import Conditions, Faults
from reconciler.sandbox.ledger import Job, Ledger
from reconciler.sandbox.routes import Route, route
from reconciler.sandbox.sessions import LIFETIME_S, Sessions
from reconciler.sandbox.traffic import Arrival, Traffic
from reconciler.sandbox.wire import RefusedError, Reply, Request

USER = PASSWORD = "sandbox"  # noqa: S105 - guards nothing
PAGE_SIZE_CAP = 100

URL_FILE = "url"
"""Where, in its directory, a sandbox says at which address it listens, for as long as it does."""


class Sandbox:
    """One running stand-in for Explorer, with what tests steer and look at. Made by `serve`.

    `faults` switches faults on, `ledger` knows every job, `traffic` every request of this run, `sessions` who
    is logged in. `base_url` is what a client is configured with.
    """

    def __init__(
        self,
        ledger: Ledger,
        faults: Faults,
        sessions: Sessions,
        explorer: Explorer,
        clock: Callable[[], float],
    ) -> None:
        self.base_url = ""
        self.ledger = ledger
        self.faults = faults
        self.sessions = sessions
        self.traffic = Traffic()
        self._explorer = explorer
        self._control = Control(explorer, ledger, sessions, faults)
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()

    def issue_token(self) -> str:
        """A token for a user who brings their own."""
        return self.sessions.issue(self._clock())

    async def add_foreign_job(self, workflow_id: str, body: bytes = b'{"input":{}}') -> Job:
        """Make a job as somebody else would, in Explorer's own page say; durable once this returns.

        Raises RefusedError for a workflow that does not exist.
        """
        job = self._explorer.add_foreign_job(workflow_id, body, self._clock())
        await self.ledger.settle()
        return job

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection that has just been made, for as long as it lasts."""
        self._spawn(self._converse(Connection(reader, writer)))

    async def close(self) -> None:
        """End all connections and what is still to come late. Raises what went wrong in one of them."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    async def _converse(self, connection: Connection) -> None:
        try:
            await self._answer_all(connection)
            await connection.close()
        except (ConnectionError, TimeoutError, SSLError):
            pass  # The client is gone, or the network gave up on it: nobody is there to be told.
        finally:
            connection.reset()

    async def _answer_all(self, connection: Connection) -> None:
        try:
            while request := await connection.next_request():
                await self._answer(request, connection)
                if not connection.can_go_on:
                    return
        except RefusedError as refusal:
            await connection.refuse(refusal)

    async def _answer(self, request: Request, connection: Connection) -> None:
        if request.path.startswith(PREFIX):
            await connection.send(await self._steer(request))
            return
        asked = route(request.method, request.path)
        self.traffic.note(Arrival(request, asked, self._clock()))
        due = self.faults.due(asked)

        async def perform() -> Reply:
            return await self._perform(request, asked, due.conditions)

        await deliver(due.delivery, connection, perform, self._spawn)

    async def _perform(self, request: Request, asked: Route | None, conditions: Conditions) -> Reply:
        reply = self._explorer.answer(request, asked, conditions, self._clock())
        await self.ledger.settle()
        return reply

    async def _steer(self, request: Request) -> Reply:
        reply = self._control.answer(request, self._clock())
        await self.ledger.settle()
        return reply

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        """Drop a task that ended well; one that did not stays, so that `close` tells of it."""
        if task.cancelled() or task.exception() is None:
            self._tasks.discard(task)


@asynccontextmanager
async def serve(
    directory: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    clock: Callable[[], float] = time.time,
    user: str = USER,
    password: str = PASSWORD,
    legacy: bool = False,
    page_size_cap: int = PAGE_SIZE_CAP,
    session_s: int = LIFETIME_S,
    tls: SSLContext | None = None,
) -> AsyncIterator[Sandbox]:
    """Run a sandbox on this directory while the block lasts. Port 0 takes a free one; see `base_url`.

    `clock` gives seconds since the epoch. `legacy` makes it a server of 3.2 or older: credentials as
    `user:password`, and 200 as the code of success. Raises OSError if it cannot listen, LedgerInUseError,
    LedgerDamagedError, and ValueError for a `workflows.json` or `faults.json` that says nothing sensible.
    """
    with Ledger(directory) as ledger:
        faults, sessions = Faults(directory), Sessions(user, password, legacy=legacy, lifetime_s=session_s)
        explorer = Explorer(
            Catalogue(directory), ledger, sessions, legacy=legacy, page_size_cap=page_size_cap
        )
        sandbox = Sandbox(ledger, faults, sessions, explorer, clock)
        async with _listening(sandbox, host, port, tls):
            with _announced(directory / URL_FILE, sandbox.base_url):
                yield sandbox


@asynccontextmanager
async def _listening(sandbox: Sandbox, host: str, port: int, tls: SSLContext | None) -> AsyncIterator[None]:
    server = await asyncio.start_server(sandbox.accept, host, port, ssl=tls, backlog=1024)
    scheme = "https" if tls else "http"
    bound = server.sockets[0].getsockname()
    sandbox.base_url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{bound[1]}"
    try:
        yield
    finally:
        server.close()
        await sandbox.close()
        await server.wait_closed()


@contextmanager
def _announced(file: Path, url: str) -> Iterator[None]:
    file.write_text(f"{url}\n")
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


async def run_until_stopped(
    directory: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    stop: asyncio.Event,
    announce: Callable[[Sandbox], None],
    **settings: Any,
) -> None:
    """Run a sandbox until `stop` is set; `announce` is called once, as soon as it listens.

    `settings` are those of `serve`, which also says what is raised.
    """
    async with serve(directory, host=host, port=port, **settings) as sandbox:
        announce(sandbox)
        await stop.wait()
