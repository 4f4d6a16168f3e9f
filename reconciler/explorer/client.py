"""The Explorer client: the operations of the API that this project uses, each sent at most once.

A submission always ends in a `Receipt`; reads and cancels give what was asked for, or raise `ExplorerError`.
What an answer means is decided in `core.outcome`, how it travels in `transport`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlencode

from reconciler.core.model import Job, JobId, Task, WorkflowId
from reconciler.core.outcome import (
    Failure,
    Faulty,
    LoginFailed,
    NotCreated,
    Receipt,
    Refused,
    Reply,
    SessionLost,
    Throttled,
    Unreachable,
    WorkflowMissing,
    answer,
    receipt,
)
from reconciler.explorer.credential import Login, NoToken, TokenFile
from reconciler.explorer.jobs import (
    JobDetail,
    Listing,
    detail_in,
    is_success_in,
    is_workflow_id,
    listing_in,
)
from reconciler.explorer.results import Rows, rows_in
from reconciler.explorer.secret import Secret
from reconciler.explorer.session import Session
from reconciler.explorer.tls import Identity
from reconciler.explorer.transport import LARGE_REPLY, TIMEOUT_S, Observe, Pace, Request, Transport, no_pace

__all__ = [
    "Explorer",
    "ExplorerError",
    "Identity",
    "Job",
    "JobDetail",
    "Listing",
    "Login",
    "Pace",
    "Secret",
    "Task",
    "TokenFile",
    "explorer_at",
]

PAGE_SIZE = 100
_Answer = TypeVar("_Answer")


class ExplorerError(Exception):
    """Explorer did not give what was asked for; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure

    def __str__(self) -> str:
        match self.failure:
            case Unreachable(detail=detail):
                return f"Explorer cannot be reached: {detail}"
            case LoginFailed(detail=detail):
                return f"there is no session with Explorer: {detail}"
            case SessionLost(code=code, message=message):
                return f"Explorer does not know the session: {code} {message}"
            case Throttled(retry_after_s=None):
                return "Explorer asks for fewer requests"
            case Throttled(retry_after_s=seconds):
                return f"Explorer asks to wait {seconds:g} s"
            case WorkflowMissing(code=code, message=message):
                return f"the workflow does not exist: {code} {message}"
            case Refused(code=code, message=message):
                return f"Explorer refused: {code} {message}"
            case Faulty(detail=detail):
                return f"Explorer gave no usable answer: {detail}"


def explorer_at(
    base_url: str,
    credential: TokenFile | Login,
    *,
    timeout_s: float = TIMEOUT_S,
    ca_file: Path | None = None,
    identity: Identity | None = None,
    observe: Observe = lambda *_: None,
    pace: Pace = no_pace,
) -> Explorer:
    """A client for the Explorer at this URL. The arguments, and what is raised, are those of `Transport`."""
    transport = Transport(
        base_url, timeout_s=timeout_s, ca_file=ca_file, identity=identity, observe=observe, pace=pace
    )
    return Explorer(transport, Session(credential, transport))


class Explorer:
    """One Explorer, as one user. Any number of operations may be under way at once."""

    def __init__(self, transport: Transport, session: Session) -> None:
        self._transport = transport
        self._session = session

    async def submit(
        self, workflow_id: WorkflowId, body: bytes, *, trace_id: str, baseline: JobId
    ) -> Receipt:
        """Ask for one job, with exactly this body, and say what came of it. Sends at most once, ever.

        `trace_id` is 32 hex digits; a job of ours has an ID above `baseline`. Nothing that the network or the
        server does raises; a cancelled submission may have created a job. A session that turns out to be lost
        is renewed for whatever comes next, and not for a second try: that takes a new intent.
        """
        path = f"workflows/{_digits(workflow_id)}/jobs"
        token = await self._session.token()
        if not isinstance(token, Secret):
            return NotCreated(token)
        request = Request("submit", "POST", path, body, "application/json", trace_id)
        came_of_it = receipt(await self._transport.exchange(request, token), baseline)
        if isinstance(came_of_it, NotCreated) and isinstance(came_of_it.cause, SessionLost):
            self._session.lost(token, came_of_it.cause)
        return came_of_it

    async def log_in(self) -> NoToken | None:
        """Have a session for what is sent next; gives why there is none. Sends nothing if there is one."""
        token = await self._session.token()
        return None if isinstance(token, Secret) else token

    async def jobs(
        self, workflow_id: WorkflowId | None, *, page: int = 1, page_size: int = PAGE_SIZE
    ) -> Listing:
        """One page of a workflow's jobs, or of all, newest first; `page` is from 1. Raises ExplorerError."""
        whose = "jobs" if workflow_id is None else f"workflows/{_digits(workflow_id)}/jobs"
        query = urlencode({"page": page, "pageSize": page_size})
        request = Request("list", "GET", f"{whose}?{query}", limit=LARGE_REPLY)
        return await self._ask(request, lambda data: listing_in(data, page, page_size, workflow_id))

    async def job(self, job_id: JobId) -> JobDetail:
        """One job with its tasks. Raises ExplorerError, also for a job that does not exist."""
        request = Request("detail", "GET", f"jobs/{int(job_id)}", limit=LARGE_REPLY)
        return await self._ask(request, lambda data: detail_in(data, job_id))

    async def sample_result(self, job_id: JobId, task_id: str, limit: int) -> Rows:
        """The first rows of a task's result, at most `limit`. Raises ExplorerError."""
        path = f"jobs/{int(job_id)}/tasks/{quote(task_id, safe='')}/sample_result?limit={int(limit)}"
        found = await self._ask(Request("sample", "GET", path, limit=LARGE_REPLY), rows_in)
        return found[:limit]  # whatever the server thinks of limits

    async def cancel(self, job_id: JobId) -> bool:
        """Ask for a job to be stopped; False if the server says that it was not. Raises ExplorerError."""
        request = Request(
            "cancel", "PUT", f"jobs/{int(job_id)}/cancel", b"", "application/x-www-form-urlencoded"
        )
        return await self._ask(request, is_success_in)

    async def clock_ms(self) -> int | None:
        """What the server's clock says, to the second; None if it does not. Raises ExplorerError.

        It takes a session and one small listing, so it shows as well that both are to be had.
        """
        token = await self._session.token()
        if not isinstance(token, Secret):
            raise ExplorerError(token)
        exchange = await self._transport.exchange(Request("list", "GET", "jobs?page=1&pageSize=1"), token)
        found = answer(exchange)
        if not isinstance(found, bytes):
            raise ExplorerError(found)
        return exchange.date_ms if isinstance(exchange, Reply) else None

    async def aclose(self) -> None:
        """End the use of this client. Nothing stays open between exchanges, so nothing needs to be closed."""

    async def _ask(self, request: Request, read: Callable[[bytes], _Answer | Faulty]) -> _Answer:
        """The answer to a request that may be repeated: once, if it turns out that the session was lost."""
        found = await self._once(request)
        if isinstance(found, SessionLost):
            found = await self._once(request)
        if not isinstance(found, bytes):
            raise ExplorerError(found)
        asked_for = read(found)
        if isinstance(asked_for, Faulty):
            raise ExplorerError(asked_for)
        return asked_for

    async def _once(self, request: Request) -> bytes | Failure:
        token = await self._session.token()
        if not isinstance(token, Secret):
            return token
        found = answer(await self._transport.exchange(request, token))
        if isinstance(found, SessionLost):
            self._session.lost(token, found)
        return found


def _digits(workflow_id: WorkflowId) -> str:
    """The ID as a part of a path. Raises ValueError for anything else, since it could lead elsewhere."""
    if not is_workflow_id(workflow_id):
        raise ValueError(f"{workflow_id!r} is not a workflow ID")
    return workflow_id
