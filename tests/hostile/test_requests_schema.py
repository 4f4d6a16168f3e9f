"""The ops port under schemathesis: whatever it is asked, it answers as its description says, and goes on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error

from reconciler.core.model import State
from reconciler.ops.http import ops_app
from reconciler.ops.metrics import Metrics
from reconciler.ops.server import serving
from reconciler.setting_kinds import Address
from tests.hostile.openapi import DESCRIPTION
from tests.ops.fakes import FakeView, item

PATIENCE_S = 120

schema = schemathesis.openapi.from_dict(DESCRIPTION)


class OpsPort:
    """A running ops port; a plain class, since hypothesis prints all of a dataclass."""

    def __init__(self, url: str) -> None:
        self.url = url


@pytest.fixture(scope="module")
def ops() -> Iterator[OpsPort]:
    """An ops port in a thread of its own."""
    found: list[OpsPort] = []
    is_up, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        view = FakeView(known=[item("pagerank"), item("sssp", State.HELD, job_id=None)])
        async with serving(ops_app(view, Metrics("1")), Address("127.0.0.1", 0)) as address:
            found.append(OpsPort(f"http://{address}"))
            is_up.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert is_up.wait(PATIENCE_S)
    yield found[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


@schema.parametrize()
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_that_is_described(case: schemathesis.Case, ops: OpsPort) -> None:
    with requests.Session() as session:
        session.trust_env = False
        answer = case.call(base_url=ops.url, session=session, timeout=PATIENCE_S)
        case.validate_response(answer, excluded_checks=[not_a_server_error])  # 503 is what a probe may say
        assert answer.status_code != 500
        assert answer.headers.get("content-security-policy") or answer.status_code == 400
        assert not answer.headers.get("server")


def test_a_description_that_is_wrong_would_be_noticed(ops: OpsPort) -> None:
    found = requests.get(f"{ops.url}/api/v1/manifests", timeout=PATIENCE_S).json()["items"][0]
    described = DESCRIPTION["paths"]["/api/v1/manifests"]["get"]["responses"]["200"]["content"]
    item_of = described["application/json"]["schema"]["properties"]["items"]["items"]
    assert set(item_of["required"]) == set(found) == set(item_of["properties"])
