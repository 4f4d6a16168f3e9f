"""Another implementation of the Explorer API, written from its reference alone and sharing nothing with the sandbox.

Plain threads and blocking sockets from the standard library. It remembers every request that it got, and can
be told to lose sessions, to drop replies after creating a job, and to refuse.
"""

from __future__ import annotations

import base64
import itertools
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

ROOT = "/api-open/v1"


@dataclass
class Job:
    """One job as this server knows it, with what it was asked for."""

    id: int
    workflow: str
    body: bytes
    headers: dict[str, str]
    made_s: float

    @property
    def input(self) -> Any:
        return json.loads(self.body).get("input", {})


@dataclass
class OtherExplorer:
    """The server. Used as a context manager; `url` is what a client is configured with."""

    user: str = "root"
    password: str = "nebula-password"
    first_id: int = 5000
    job_s: float = 0.4
    missing_workflows: set[str] = field(default_factory=set)
    before_create: Callable[[str, bytes], tuple[int, Any] | None] = lambda workflow, body: None
    """May answer a submission instead of creating a job."""

    lose_reply: Callable[[Job], bool] = lambda job: False
    """Whether the connection is cut after this job was created."""

    def __post_init__(self) -> None:
        self.jobs: list[Job] = []
        self.requests: list[tuple[float, str, str]] = []
        self.tokens: set[str] = set()
        self.logins = 0
        self._ids = itertools.count(self.first_id)
        self._lock = threading.Lock()
        server = self

        class Handler(_Handler):
            explorer = server

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> OtherExplorer:
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def forget_sessions(self) -> None:
        self.tokens.clear()

    def add_job(self, workflow: str, body: bytes = b'{"input":{}}', headers: dict[str, str] | None = None) -> Job:
        with self._lock:
            job = Job(next(self._ids), workflow, body, headers or {}, time.time())
            self.jobs.append(job)
            return job

    def jobs_of(self, workflow: str) -> list[Job]:
        return [job for job in list(self.jobs) if job.workflow == workflow]

    def login(self, credential: str) -> str | None:
        try:
            user, password = json.loads(base64.b64decode(credential))
        except ValueError:
            return None
        if (user, password) != (self.user, self.password):
            return None
        self.logins += 1
        payload = base64.urlsafe_b64encode(json.dumps({"user": user, "password": password}).encode())
        token = f"eyJhbGciOiJIUzI1NiJ9.{payload.decode().rstrip('=')}.{self.logins}signature"
        self.tokens.add(token)
        return token

    def shown(self, job: Job) -> dict[str, Any]:
        age_s = time.time() - job.made_s
        status = 0 if age_s < self.job_s / 4 else 1 if age_s < self.job_s else 2
        made_ms = int(job.made_s * 1000)
        return {
            "id": job.id,
            "name": f"job {job.id}",
            "workflowId": job.workflow,
            "workflowName": "w",
            "status": status,
            "createTime": made_ms,
            "runBeginTime": made_ms if status else 0,
            "runEndTime": made_ms + int(self.job_s * 1000) if status == 2 else 0,
        }


class _Handler(BaseHTTPRequestHandler):
    explorer: OtherExplorer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = urlsplit(self.path).path
        self.explorer.requests.append((time.time(), "POST", path))
        if path == f"{ROOT}/connect":
            return self._connect()
        if not self._has_session():
            return self._say(401, {"code": 40104001, "message": "ErrSession"})
        workflow = path.removeprefix(f"{ROOT}/workflows/").removesuffix("/jobs")
        return self._create(workflow, body)

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self.explorer.requests.append((time.time(), "GET", url.path))
        if not self._has_session():
            return self._say(401, {"code": 40104001, "message": "ErrSession"})
        query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        parts = url.path.removeprefix(ROOT).strip("/").split("/")
        if parts[0] == "workflows":
            return self._list(self.explorer.jobs_of(parts[1]), query)
        if len(parts) == 1:
            return self._list(list(self.explorer.jobs), query)
        return self._detail(parts[1])

    def _connect(self) -> None:
        scheme, _, credential = self.headers.get("Authorization", "").partition(" ")
        token = self.explorer.login(credential) if scheme == "Bearer" else None
        if token is None:
            return self._say(401, {"code": 40104000, "message": "ErrUnauthorized"})
        cookie = f"explorer_token={token}; Path=/; Max-Age=259200; HttpOnly"
        return self._say(200, {"code": 0, "data": {"success": True}, "message": "Success"}, cookie=cookie)

    def _create(self, workflow: str, body: bytes) -> None:
        if workflow in self.explorer.missing_workflows:
            return self._say(404, {"code": 40404000, "message": "ErrNotFound"})
        instead = self.explorer.before_create(workflow, body)
        if instead is not None:
            return self._say(*instead)
        job = self.explorer.add_job(workflow, body, dict(self.headers))
        if self.explorer.lose_reply(job):
            self.close_connection = True
            return None
        return self._say(200, {"code": 0, "data": {"id": job.id}, "message": "Success"})

    def _list(self, jobs: list[Job], query: dict[str, str]) -> None:
        size, page = int(query.get("pageSize", 10)), int(query.get("page", 1))
        newest = sorted(jobs, key=lambda job: -job.id)[(page - 1) * size : page * size]
        items = [self.explorer.shown(job) for job in newest]
        data = {"items": items, "total": len(jobs), "Page": page, "PageSize": size}
        self._say(200, {"code": 0, "data": data, "message": "Success"})

    def _detail(self, job_id: str) -> None:
        for job in list(self.explorer.jobs):
            if str(job.id) == job_id:
                return self._say(200, {"code": 0, "data": {**self.explorer.shown(job), "tasks": []}})
        return self._say(500, {"code": 50004001, "message": "ErrInternalDatabase"})

    def _has_session(self) -> bool:
        cookie = self.headers.get("Cookie", "")
        return cookie.removeprefix("explorer_token=") in self.explorer.tokens

    def _say(self, status: int, answer: Any, cookie: str | None = None) -> None:
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response_only(status)
        self.send_header("Date", formatdate(usegmt=True))
        self.send_header("Traceparent", f"00-{'1' * 32}-{'2' * 16}-00")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if cookie:
            self.send_header("Set-Cookie", cookie)
        self.end_headers()
        self.wfile.write(body)
