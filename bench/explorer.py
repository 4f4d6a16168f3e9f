"""A server that speaks Explorer's API as fast as asyncio can, and counts: the other end of every figure.

It runs as a process of its own (`python -m bench.explorer`), so that it shares no interpreter lock with what
is measured. Jobs are accepted and listed; what it is told under `/bench/` sets how long an answer takes and
which status all jobs have, and says what arrived when, on the clock that all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

ROOT = "/api-open/v1"
CAP = 100
HEADERS = "Content-Type: application/json\r\nTraceparent: 00-" + "1" * 32 + "-" + "2" * 16 + "-00\r\n"
TOKEN = "Set-Cookie: explorer_token=eyJhbGciOiJub25lIn0.e30.bench; Path=/; Max-Age=259200; HttpOnly\r\n"


@dataclass(slots=True)
class World:
    """What the server knows and was told."""

    ids: itertools.count[int]
    latency_s: float = 0.0
    status: int = 2
    jobs: list[tuple[int, str, int]] = field(default_factory=list)
    by_workflow: dict[str, list[tuple[int, str, int]]] = field(default_factory=dict)
    submitted_ns: list[int] = field(default_factory=list)
    answered_ns: list[int] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    requests: int = 0
    waiting: list[tuple[int, asyncio.Future[None]]] = field(default_factory=list)

    def add_job(self, workflow: str, arrived_ns: int) -> int:
        """A new job; wakes whoever waits for so many."""
        job = (next(self.ids), workflow, int(time.time() * 1000))
        self.jobs.append(job)
        self.by_workflow.setdefault(workflow, []).append(job)
        self.submitted_ns.append(arrived_ns)
        return job[0]

    def tell(self) -> None:
        """Wake those who wait for no more answers than were given."""
        due = [future for count, future in self.waiting if count <= len(self.answered_ns)]
        self.waiting = [one for one in self.waiting if one[0] > len(self.answered_ns)]
        for future in due:
            if not future.done():
                future.set_result(None)

    def forget(self) -> None:
        """No job was ever made, and nothing arrived; IDs go on growing."""
        for told in (self.jobs, self.submitted_ns, self.answered_ns, self.targets):
            told.clear()
        self.by_workflow.clear()
        self.requests = 0


class Connection(asyncio.Protocol):
    """One connection: requests one after the other, each answered after the latency that was set."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request that has come whole."""
        arrived_ns = time.monotonic_ns()
        self.buffer += data
        while True:
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            if not end:
                return
            lines = head.decode("latin-1").split("\r\n")
            headers = {
                key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines[1:])
            }
            length = int(headers.get("content-length", 0))
            if len(rest) < length:
                return
            body, self.buffer = rest[:length], rest[length:]
            method, target, _ = lines[0].split(" ", 2)
            self.answer(
                method, target, body, arrived_ns, is_last=headers.get("connection", "").lower() == "close"
            )

    def answer(self, method: str, target: str, body: bytes, arrived_ns: int, *, is_last: bool) -> None:
        """Answer one request, now or after the latency."""
        url = urlsplit(target)
        query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        if url.path.startswith("/bench/"):
            task = asyncio.ensure_future(steered(self.world, url.path[len("/bench/") :], query, body))
            task.add_done_callback(lambda done: self.send(json.dumps(done.result()), is_last=is_last))
            return
        self.world.requests += 1
        is_job = method == "POST" and url.path.endswith("/jobs")
        if is_job:
            workflow = url.path.split("/")[-2]
            text = (
                f'{{"code":0,"data":{{"id":{self.world.add_job(workflow, arrived_ns)}}},"message":"Success"}}'
            )
        else:
            text = self.found(method, target, query)
        extra = TOKEN if url.path == f"{ROOT}/connect" else ""
        if self.world.latency_s:
            loop = asyncio.get_running_loop()
            loop.call_later(
                self.world.latency_s, lambda: self.send(text, extra, is_last=is_last, is_job=is_job)
            )
        else:
            self.send(text, extra, is_last=is_last, is_job=is_job)

    def found(self, method: str, target: str, query: dict[str, str]) -> str:
        """The answer to all that makes no job."""
        parts = urlsplit(target).path.removeprefix(ROOT).strip("/").split("/")
        world = self.world
        if method != "GET":
            return '{"code":0,"data":{"success":true},"message":"Success"}'
        world.targets.append(target)
        if parts[-1] != "jobs":
            job = next((it for it in reversed(world.jobs) if str(it[0]) == parts[1]), None)
            return json.dumps({"code": 0, "data": {**shown(world, job), "tasks": []} if job else {}})
        jobs = world.jobs if len(parts) == 1 else world.by_workflow.get(parts[1], [])
        size, page = min(CAP, int(query.get("pageSize", 10))), int(query.get("page", 1))
        end = max(0, len(jobs) - (page - 1) * size)
        newest = jobs[max(0, end - size) : end][::-1]
        data = {
            "items": [shown(world, job) for job in newest],
            "total": len(jobs),
            "Page": page,
            "PageSize": size,
        }
        return json.dumps({"code": 0, "data": data, "message": "Success"})

    def send(self, text: str, extra: str = "", *, is_last: bool = False, is_job: bool = False) -> None:
        """Write an answer, if anybody is still there to read it."""
        body = text.encode()
        connection = "Connection: close\r\n" if is_last else ""
        head = f"HTTP/1.1 200 OK\r\n{HEADERS}{extra}{connection}Content-Length: {len(body)}\r\n\r\n"
        if not self.transport.is_closing():
            self.transport.write(head.encode() + body)
            if is_last:
                self.transport.close()
        if is_job:
            self.world.answered_ns.append(time.monotonic_ns())
            self.world.tell()


def shown(world: World, job: tuple[int, str, int]) -> dict[str, Any]:
    """A job as a listing shows it."""
    number, workflow, made_ms = job
    is_final = world.status in (2, 3, 4)
    return {
        "id": number,
        "name": f"job {number}",
        "workflowId": workflow,
        "workflowName": "w",
        "status": world.status,
        "createTime": made_ms,
        "runBeginTime": made_ms if world.status else 0,
        "runEndTime": made_ms + 100 if is_final else 0,
    }


async def steered(world: World, word: str, query: dict[str, str], body: bytes) -> dict[str, Any]:
    """What the benchmark asks of its own server: `set`, `forget`, `wait`, `seen`."""
    match word:
        case "set":
            told = json.loads(body)
            world.latency_s = told.get("latency_s", world.latency_s)
            world.status = told.get("status", world.status)
        case "forget":
            world.forget()
        case "wait":
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            world.waiting.append((int(query["submissions"]), future))
            world.tell()
            await asyncio.wait([future], timeout=float(query["deadline_s"]))
        case _:
            pass
    since = int(query.get("since", 0))
    return {
        "submissions": len(world.submitted_ns),
        "answers": len(world.answered_ns),
        "reads": len(world.targets),
        "requests": world.requests,
        "submitted_ns": world.submitted_ns[since:] if "since" in query else [],
        "answered_ns": world.answered_ns[since:] if "since" in query else [],
        "read": world.targets[int(query["read_since"]) :] if "read_since" in query else [],
    }


async def serve(port: int) -> None:
    """Serve on loopback until the process is ended; says the port, which is another one if this is taken."""
    # Job IDs grow, as Explorer's do, from one run of the benchmark to the next as well.
    world = World(itertools.count(int(time.time()) * 1000))
    listen = partial(asyncio.get_running_loop().create_server, lambda: Connection(world), "127.0.0.1")
    try:
        server = await listen(port, backlog=1024)
    except OSError:
        server = await listen(0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
