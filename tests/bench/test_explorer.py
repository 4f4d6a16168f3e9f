"""The benchmark's own Explorer answers as the API says, late if it is told so, and says what it got."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest

from bench.server import Server

ROOT = "/api-open/v1"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def connection(server: Server) -> Iterator[http.client.HTTPConnection]:
    server.forget()
    server.set(latency_s=0, status=2)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    yield connection
    connection.close()


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: str = "") -> Any:
    connection.request(method, ROOT + path, body)
    said = json.loads(connection.getresponse().read())
    assert said["code"] == 0
    return said["data"]


def submit(connection: http.client.HTTPConnection, workflow: int) -> int:
    made: int = ask(connection, "POST", f"/workflows/{workflow}/jobs", '{"input":{}}')["id"]
    return made


def test_a_session_has_a_token(connection: http.client.HTTPConnection) -> None:
    connection.request("POST", f"{ROOT}/connect", '{"address":"graphd","port":9669}')
    response = connection.getresponse()
    assert json.loads(response.read())["data"] == {"success": True}
    assert response.headers["Set-Cookie"].startswith("explorer_token=ey")


def test_jobs_get_growing_numbers_and_are_listed_newest_first(connection: http.client.HTTPConnection) -> None:
    made = [submit(connection, workflow) for workflow in (7, 8, 7)]
    assert made == sorted(set(made))
    listed = ask(connection, "GET", "/workflows/7/jobs?pageSize=100&page=1")
    assert [item["id"] for item in listed["items"]] == [made[2], made[0]]
    assert (listed["total"], listed["Page"], listed["PageSize"]) == (2, 1, 100)
    everywhere = ask(connection, "GET", "/jobs?pageSize=2&page=2")
    assert [item["id"] for item in everywhere["items"]] == [made[0]]
    assert ask(connection, "GET", f"/jobs/{made[1]}")["workflowId"] == "8"


def test_a_page_has_a_hundred_jobs_at_most(connection: http.client.HTTPConnection) -> None:
    made = [submit(connection, 7) for _ in range(105)]
    path = "/workflows/7/jobs?pageSize=1000&page="
    pages = [ask(connection, "GET", f"{path}{page}")["items"] for page in (1, 2, 3)]
    assert [len(page) for page in pages] == [100, 5, 0]
    assert [item["id"] for page in pages for item in page] == made[::-1]


def test_it_says_what_arrived(server: Server, connection: http.client.HTTPConnection) -> None:
    for _ in range(3):
        submit(connection, 7)
    ask(connection, "GET", "/jobs?page=1")
    seen = server.wait_for(3, since=1)
    assert (seen.submissions, seen.answers, seen.reads) == (3, 3, 1)
    assert len(seen.submitted_ns) == 2
    assert server.seen(read_since=0).read == [f"{ROOT}/jobs?page=1"]


def test_an_answer_comes_after_the_latency(server: Server, connection: http.client.HTTPConnection) -> None:
    server.set(latency_s=0.05)
    submit(connection, 7)
    seen = server.wait_for(1, since=0)
    assert seen.answered_ns[0] - seen.submitted_ns[0] >= 50_000_000


@pytest.mark.parametrize("status", [1, 2])
def test_jobs_are_in_the_status_that_it_was_told(
    server: Server, connection: http.client.HTTPConnection, status: int
) -> None:
    submit(connection, 7)
    server.set(status=status)
    assert ask(connection, "GET", "/jobs")["items"][0]["status"] == status
