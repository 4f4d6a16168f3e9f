"""Another implementation of the Explorer API, written from its reference alone: no relative of the sandbox.

Plain threads and blocking sockets from the standard library. It remembers every request that it got, and can
be told to lose sessions, to refuse, to answer something else, and to keep or drop replies once a job is made.
"""

from __future__ import annotations

import base64
import itertools
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

ROOT = "/api-open/v1"
PATIENCE_S = 120.0


@dataclass(frozen=True)
class Seen:
    """One request as it arrived; `at_s` is of a clock that only goes forward."""

    at_s: float
    method: str
    path: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Job:
    """One job as this server knows it, with what it was asked for."""

    id: int
    workflow: str
    body: bytes
    made_s: float

    @property
    def input(self) -> Any:
        return json.loads(self.body).get("input", {})


@dataclass(frozen=True)
class Reply:
    """What is answered: a body that is not bytes is sent as JSON."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Cut:
    """No answer: the connection is closed."""


Answer = Reply | Cut
HTML = Reply(200, b"<html><body>Please stand by</body></html>", {"Content-Type": "text/html"})


def refusal(code: int, message: str = "no") -> Reply:
    """Explorer's own refusal: the HTTP status is the code's first three digits."""
    return Reply(code // 100_000, {"code": code, "message": message})


def no_instead(_workflow: str, _body: bytes) -> Answer | None:
    return None


@dataclass
class OtherExplorer:
    """The server. Used as a context manager; `url` is what a client is configured with."""

    user: str = "root"
    password: str = "nebula-password"
    first_id: int = 5000
    job_s: float = 0.3
    bound: socket.socket | None = None
    """A socket to listen at, for who has told its address before."""

    tls: ssl.SSLContext | None = None
    is_old: bool = False
    """Whether it knows only the credentials of servers before 3.3."""

    missing_workflows: set[str] = field(default_factory=set)
    instead_of_job: Callable[[str, bytes], Answer | None] = no_instead
    """May answer a submission instead of creating a job."""

    before_reply: Callable[[Job], Answer | None] = lambda _job: None
    """Called once a job was created, in the request's own thread: may wait, and may answer something else."""

    before_cancel: Callable[[Job], Answer | None] = lambda _job: None
    """Called when a cancel arrives, in the request's own thread: may wait, and may answer instead of it."""

    after_cancel: Callable[[Job], Answer | None] = lambda _job: None
    """Called once a job is cancelled, before that is answered."""

    ends_as: Callable[[Job], int] = lambda _job: 2
    """With which status a job ends by itself."""

    runs_s: Callable[[Job], float] | None = None
    """How long a job runs, if not `job_s`."""

    stops_s: float = 0.1
    """How long a job is `Stopping`."""

    tasks_of: Callable[[Job], dict[str, str]] = lambda _job: {
        "query_1": "Query",
        "analytics_pagerank_1": "PageRank",
    }
    """The tasks of a job: ID and name."""

    rows: dict[str, list[list[str]]] = field(default_factory=dict)
    """What each task found, whichever job it belongs to."""

    instead_of_login: Callable[[str], Answer | None] = lambda _authorization: None
    instead_of_reading: Callable[[str, str], Answer | None] = lambda _path, _cookie: None

    def __post_init__(self) -> None:
        self.jobs: list[Job] = []
        self.requests: list[Seen] = []
        self.cancelled_s: dict[int, float] = {}
        self.lost: set[int] = set()
        """Jobs that are shown no more, as if they had never been."""

        self.tokens: set[str] = set()
        self.logins = 0
        self._ids = itertools.count(self.first_id)
        self._news = threading.Condition(threading.RLock())
        server = self

        class Handler(_Handler):
            explorer = server

        self._http = _Server(("127.0.0.1", 0), Handler, bind_and_activate=self.bound is None)
        if self.bound is not None:
            self._http.socket.close()
            self._http.socket, self._http.server_address = self.bound, self.bound.getsockname()
            self._http.server_activate()
        if self.tls:
            self._http.socket = self.tls.wrap_socket(
                self._http.socket, server_side=True, do_handshake_on_connect=False
            )
        scheme = "https" if self.tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> OtherExplorer:
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def wait_until(self, condition: Callable[[], bool], deadline_s: float = PATIENCE_S) -> bool:
        """Whether this became true within the deadline; looked at again after each request and each job."""
        with self._news:
            return self._news.wait_for(condition, deadline_s)

    def wait_for_jobs(self, count: int, deadline_s: float = PATIENCE_S) -> None:
        assert self.wait_until(lambda: len(self.jobs) >= count, deadline_s), f"{len(self.jobs)} jobs came"

    def submissions(self) -> list[Seen]:
        return [seen for seen in list(self.requests) if seen.method == "POST" and seen.path.endswith("/jobs")]

    def cancels(self) -> list[int]:
        """The jobs that somebody asked to cancel, once for each request."""
        puts = [seen.path for seen in list(self.requests) if seen.method == "PUT"]
        return [int(path.split("/")[-2]) for path in puts]

    def jobs_of(self, workflow: str) -> list[Job]:
        return [job for job in list(self.jobs) if job.workflow == workflow]

    def listed(self, workflow: str | None) -> list[Job]:
        """The jobs that a listing shows now; of all workflows for None."""
        jobs = list(self.jobs) if workflow is None else self.jobs_of(workflow)
        return [job for job in jobs if job.id not in self.lost]

    def job(self, job_id: str) -> Job | None:
        found = [job for job in self.listed(None) if str(job.id) == job_id]
        return found[0] if found else None

    def cancel(self, job: Job) -> bool:
        """Stop a job that has not ended; says whether it is stopping now."""
        with self._news:
            if self.status_of(job) in (2, 3, 4):
                return False
            self.cancelled_s.setdefault(job.id, time.time())
            self._news.notify_all()
            return True

    def status_of(self, job: Job) -> int:
        now_s = time.time()
        if job.id in self.cancelled_s:
            return 5 if now_s < self.cancelled_s[job.id] + self.stops_s else 4
        job_s = self.runs_s(job) if self.runs_s else self.job_s
        age_s = now_s - job.made_s
        return 0 if age_s < min(job_s / 4, 0.2) else 1 if age_s < job_s else self.ends_as(job)

    def page_size(self, workflow: str | None, asked: int) -> int:
        """How many jobs a page has at most."""
        return asked

    def forget_sessions(self) -> None:
        self.tokens.clear()

    def add_job(self, workflow: str, body: bytes = b'{"input":{}}') -> Job:
        with self._news:
            job = Job(next(self._ids), workflow, body, time.time())
            self.jobs.append(job)
            self._news.notify_all()
            return job

    def remember(self, seen: Seen) -> None:
        with self._news:
            self.requests.append(seen)
            self._news.notify_all()

    def login(self, credential: str) -> str | None:
        try:
            text = base64.b64decode(credential).decode()
            user, password = text.split(":", 1) if self.is_old else json.loads(text)
        except ValueError:
            return None
        if (user, password) != (self.user, self.password):
            return None
        with self._news:
            self.logins += 1
            payload = base64.urlsafe_b64encode(json.dumps({"user": user, "password": password}).encode())
            token = f"eyJhbGciOiJIUzI1NiJ9.{payload.decode().rstrip('=')}.{self.logins}signature"
            self.tokens.add(token)
            return token

    def shown(self, job: Job) -> dict[str, Any]:
        status = self.status_of(job)
        made_ms = int(job.made_s * 1000)
        return {
            "id": job.id,
            "name": f"job {job.id}",
            "workflowId": job.workflow,
            "workflowName": "w",
            "status": status,
            "createTime": made_ms,
            "runBeginTime": made_ms if status else 0,
            "runEndTime": made_ms + 100 if status in (2, 3, 4) else 0,
        }

    def shown_tasks(self, job: Job) -> list[dict[str, Any]]:
        times = {"runBeginTime": "2024-05-01T10:00:00.000Z", "runEndTime": "2024-05-01T10:00:07.000Z"}
        names, status = self.tasks_of(job), self.status_of(job)
        return [{"id": task, "name": name, "status": status, **times} for task, name in names.items()]


class KeptReply:
    """Keeps the reply to each submission back, once its job is made, until it is let go."""

    def __init__(self, explorer: OtherExplorer) -> None:
        self.go = threading.Event()
        explorer.before_reply = self._keep

    def _keep(self, _: Job) -> Cut | None:
        return None if self.go.wait(PATIENCE_S) else Cut()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """A client that hangs up, or does not trust our certificate, is nothing to print."""


class _Handler(BaseHTTPRequestHandler):
    explorer: OtherExplorer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = urlsplit(self.path).path
        self._remember(path)
        if path == f"{ROOT}/connect":
            return self._connect()
        if not self._has_session():
            return self._say(refusal(40104001, "ErrSession"))
        workflow = path.removeprefix(f"{ROOT}/workflows/").removesuffix("/jobs")
        return self._create(workflow, body)

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = urlsplit(self.path).path
        self._remember(path)
        if not self._has_session():
            return self._say(refusal(40104001, "ErrSession"))
        if self.headers.get("Content-Type") != "application/x-www-form-urlencoded":
            return self._say(refusal(40004000, "ErrBadRequest"))
        job = self.explorer.job(path.removeprefix(f"{ROOT}/jobs/").removesuffix("/cancel"))
        if job is None:
            return self._say(refusal(50004001, "ErrInternalDatabase"))
        instead = self.explorer.before_cancel(job)
        if instead is not None:
            return self._say(instead)
        is_stopping = self.explorer.cancel(job)
        usual = Reply(200, {"code": 0, "data": {"success": is_stopping}, "message": "Success"})
        return self._say(self.explorer.after_cancel(job) or usual)

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self._remember(url.path)
        instead = self.explorer.instead_of_reading(url.path, self.headers.get("Cookie", ""))
        if instead is not None:
            return self._say(instead)
        if not self._has_session():
            return self._say(refusal(40104001, "ErrSession"))
        query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        parts = url.path.removeprefix(ROOT).strip("/").split("/")
        if parts[0] == "workflows":
            return self._list(parts[1], query)
        if len(parts) == 1:
            return self._list(None, query)
        if len(parts) == 5 and (parts[2], parts[4]) == ("tasks", "sample_result"):
            return self._sample(parts[1], unquote(parts[3]), int(query.get("limit", 10)))
        return self._detail(parts[1])

    def _remember(self, path: str) -> None:
        headers = {key.lower(): value for key, value in self.headers.items()}
        self.explorer.remember(Seen(time.monotonic(), self.command, path, headers))

    def _connect(self) -> None:
        authorization = self.headers.get("Authorization", "")
        instead = self.explorer.instead_of_login(authorization)
        if instead is not None:
            return self._say(instead)
        scheme, _, credential = authorization.partition(" ")
        token = self.explorer.login(credential) if scheme == "Bearer" else None
        if token is None:
            return self._say(refusal(40104000, "ErrUnauthorized"))
        cookie = {"Set-Cookie": f"explorer_token={token}; Path=/; Max-Age=259200; HttpOnly"}
        return self._say(Reply(200, {"code": 0, "data": {"success": True}, "message": "Success"}, cookie))

    def _create(self, workflow: str, body: bytes) -> None:
        if workflow in self.explorer.missing_workflows:
            return self._say(refusal(40404000, "ErrNotFound"))
        instead = self.explorer.instead_of_job(workflow, body)
        if instead is not None:
            return self._say(instead)
        job = self.explorer.add_job(workflow, body)
        usual = Reply(200, {"code": 0, "data": {"id": job.id}, "message": "Success"})
        return self._say(self.explorer.before_reply(job) or usual)

    def _list(self, workflow: str | None, query: dict[str, str]) -> None:
        jobs = self.explorer.listed(workflow)
        size = self.explorer.page_size(workflow, int(query.get("pageSize", 10)))
        page = int(query.get("page", 1))
        newest = sorted(jobs, key=lambda job: -job.id)[(page - 1) * size : page * size]
        items = [self.explorer.shown(job) for job in newest]
        data = {"items": items, "total": len(jobs), "Page": page, "PageSize": size}
        self._say(Reply(200, {"code": 0, "data": data, "message": "Success"}))

    def _detail(self, job_id: str) -> None:
        job = self.explorer.job(job_id)
        if job is None:
            return self._say(refusal(50004001, "ErrInternalDatabase"))
        data = {**self.explorer.shown(job), "tasks": self.explorer.shown_tasks(job)}
        return self._say(Reply(200, {"code": 0, "data": data}))

    def _sample(self, job_id: str, task_id: str, limit: int) -> None:
        job = self.explorer.job(job_id)
        if job is None or task_id not in self.explorer.tasks_of(job):
            return self._say(refusal(50004001, "ErrInternalDatabase"))
        items = self.explorer.rows.get(task_id, [])[:limit]
        return self._say(Reply(200, {"code": 0, "data": {"items": items}, "message": "Success"}))

    def _has_session(self) -> bool:
        cookie = self.headers.get("Cookie", "")
        return cookie.removeprefix("explorer_token=") in self.explorer.tokens

    def _say(self, answer: Answer) -> None:
        if isinstance(answer, Cut):
            self.close_connection = True
            return
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        self.send_response_only(answer.status)
        headers = {
            "Date": formatdate(usegmt=True),
            "Traceparent": f"00-{'1' * 32}-{'2' * 16}-00",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
        }
        for key, value in (headers | answer.headers).items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)
