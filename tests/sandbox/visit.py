"""A client on a real socket and a sandbox with a clock to move: what the tests of this directory stand on."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from reconciler.sandbox.server import Sandbox, serve

API = "/api-open/v1"
NEIGHBOURS = "4216617528"
ANYTHING = "1000000007"
TIM = {"input": {"query_1": {"name": "Tim Duncan"}}}


class Clock:
    """Seconds since the epoch, moved by hand."""

    def __init__(self) -> None:
        self.now_s = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now_s

    def advance(self, seconds: float) -> None:
        self.now_s += seconds


@dataclass
class Visit:
    """A sandbox, its clock, and a client that is logged in."""

    sandbox: Sandbox
    http: httpx.AsyncClient
    clock: Clock

    async def get(self, path: str, **query: Any) -> httpx.Response:
        return await self.http.get(API + path, params=query)

    async def submit(self, body: Any = TIM, workflow: str = NEIGHBOURS, **more: Any) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **more.pop("headers", {})}
        return await self.http.post(
            f"{API}/workflows/{workflow}/jobs", content=content, headers=headers, **more
        )

    async def new_job(self, **more: Any) -> int:
        return int((await self.submit(**more)).json()["data"]["id"])

    async def cancel(self, job_id: int) -> httpx.Response:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return await self.http.put(f"{API}/jobs/{job_id}/cancel", headers=headers)

    async def listed(self, path: str = "/jobs", **query: Any) -> dict[str, Any]:
        data: dict[str, Any] = (await self.get(path, **query)).json()["data"]
        return data

    async def listed_ids(self, path: str = "/jobs", **query: Any) -> list[int]:
        return [item["id"] for item in (await self.listed(path, **query))["items"]]

    async def status(self, job_id: int) -> int:
        return int((await self.get(f"/jobs/{job_id}")).json()["data"]["status"])


@asynccontextmanager
async def visiting(directory: Path, **settings: Any):
    clock = settings.pop("clock", None) or Clock()
    async with serve(directory, clock=clock, **settings) as sandbox, client(sandbox.base_url) as http:
        http.headers["Cookie"] = f"explorer_token={sandbox.issue_token()}"
        yield Visit(sandbox, http, clock)


def visit(directory: Path, scene: Callable[[Visit], Awaitable[None]], **settings: Any) -> None:
    """Play a scene on a sandbox in this directory."""

    async def play() -> None:
        async with asyncio.timeout(120), visiting(directory, **settings) as it:
            await scene(it)

    asyncio.run(play())


def client(base_url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=base_url, trust_env=False, timeout=60)


def bearer(credential: str) -> dict[str, str]:
    return {"Authorization": "Bearer " + base64.b64encode(credential.encode()).decode()}


async def log_in(http: httpx.AsyncClient, credential: str = '["sandbox","sandbox"]') -> httpx.Response:
    graphd = {"address": "127.0.0.1", "port": 9669}
    return await http.post(f"{API}/connect", json=graphd, headers=bearer(credential))


async def raw(base_url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A plain TCP connection to the sandbox."""
    place = urlsplit(base_url)
    return await asyncio.open_connection(place.hostname, place.port)


async def said(base_url: str, text: bytes) -> bytes:
    """All that the sandbox says to these bytes until it closes the connection."""
    reader, writer = await raw(base_url)
    try:
        writer.write(text)
        return await reader.read()
    finally:
        writer.close()


def code(response: httpx.Response) -> tuple[int, int]:
    """HTTP status and Explorer's code."""
    return response.status_code, response.json()["code"]


def elapsed_since(begin: float) -> float:
    return time.monotonic() - begin
