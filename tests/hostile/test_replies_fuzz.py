"""Replies that nobody thought of: what is believed of them is what another reader of JSON finds as well."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.core.model import JobId, WorkflowId
from reconciler.core.outcome import Created, NotCreated, Reply, Throttled, Unclear, code_of, receipt
from reconciler.explorer.jobs import JobDetail, Listing, detail_in, is_success_in, listing_in
from reconciler.explorer.transport import _spelt_out
from tests.explorer.raw import CREATED, http, receipt_of, saying

BASELINE = JobId(100)

_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**64), 2**64),
    st.integers(90, 120),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        ["107", "0107", " 107", "١٠٧", "4216617528", "1e2", 40004001, 40104001, 50004000, 200, 0]
    ),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_JOBS = st.fixed_dictionaries(
    {"id": _VALUES, "workflowId": _VALUES | st.just("4216617528"), "status": _VALUES | st.integers(0, 6)},
    optional=dict.fromkeys(("name", "createTime", "runBeginTime", "runEndTime", "tasks"), _VALUES),
)
_LISTINGS = st.fixed_dictionaries(
    {"items": st.lists(_JOBS, max_size=3) | _VALUES, "total": st.integers(-2, 5) | _VALUES},
    optional={"Page": _VALUES, "PageSize": _VALUES},
)
_DATA = st.fixed_dictionaries({"id": _SCALARS}) | _JOBS | _LISTINGS | _VALUES
_CODES = st.sampled_from([0, 200, 40004001, 40104001, 40404000, 50004002, 50104000]) | _VALUES
_ENVELOPES = st.fixed_dictionaries(
    {"code": _CODES, "data": _DATA}, optional={"message": _VALUES, "debugInfo": _VALUES}
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """An answer of any shape, as JSON, perhaps with some of its bytes changed, doubled or lost."""
    body = bytearray(json.dumps(draw(_ENVELOPES | _VALUES), ensure_ascii=draw(st.booleans())).encode())
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(body)))
        body[at : at + draw(st.integers(0, 3))] = draw(
            st.binary(max_size=3) | st.sampled_from([b'"id":107,', b"\\"])
        )
    return bytes(body)


STATUSES = st.sampled_from([200, 201, 204, 299, 400, 401, 403, 404, 429, 500, 501, 503]) | st.integers(
    100, 999
)


def strictly_read(body: bytes) -> Any:
    """By Python's own reader, which takes neither a key twice nor numbers that JSON does not have."""

    def single(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a key stands twice")
        return found

    def no_constant(name: str) -> None:
        raise ValueError(name)

    return json.loads(body.decode("utf-8"), object_pairs_hook=single, parse_constant=no_constant)


def job_in(answer: Any) -> int | None:
    """The job that an answer names beyond doubt."""
    found = answer["data"]["id"]
    if isinstance(found, str) and re.fullmatch("[1-9][0-9]{0,18}", found):
        found = int(found)
    is_id = isinstance(found, int) and not isinstance(found, bool)
    return found if is_id and BASELINE < found < 2**63 else None


@settings(max_examples=1500, deadline=None)
@given(STATUSES, bodies())
def test_a_job_is_believed_only_where_another_reader_finds_it_too(status: int, body: bytes) -> None:
    match receipt(Reply(status, body), BASELINE):
        case Created(job_id=job_id):
            answer = strictly_read(body)
            assert 200 <= status <= 299
            assert answer["code"] in (0, 200)
            assert not isinstance(answer["code"], bool | float)
            assert job_in(answer) == job_id
        case NotCreated(cause=Throttled()):
            assert status == 429
        case NotCreated():
            code = strictly_read(body)["code"]
            assert code // 100_000 == status
            assert 400 <= status <= 499 or code == 50104000
        case Unclear():
            assert not (status == 200 and _is_beyond_doubt(body))


def _is_beyond_doubt(body: bytes) -> bool:
    """Whether a job is named so that to doubt it would be a fault."""
    try:
        answer = strictly_read(body)
        return (
            type(answer["code"]) is int
            and answer["code"] == 0
            and job_in(answer) is not None
            and body.isascii()
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return False


@settings(max_examples=1000, deadline=None)
@given(STATUSES, bodies())
def test_whatever_a_reading_is_answered_it_is_a_value_or_a_failure(status: int, body: bytes) -> None:
    assert code_of(Reply(status, body))
    assert isinstance(is_success_in(body), bool) or is_success_in(body)
    workflow = WorkflowId("4216617528")
    for data in (body, _data_of(body)):
        listing = listing_in(data, 1, 100, workflow)
        if isinstance(listing, Listing):
            assert listing.total >= 0
            assert all(0 < job.job_id < 2**63 and job.workflow_id == workflow for job in listing.jobs)
        detail = detail_in(data, JobId(107))
        assert not isinstance(detail, JobDetail) or detail.job.job_id == 107


def _data_of(body: bytes) -> bytes:
    try:
        return json.dumps(json.loads(body)["data"]).encode()
    except (ValueError, TypeError, KeyError, RecursionError):
        return body


@given(_ENVELOPES | _VALUES)
def test_spelling_an_answer_out_changes_nothing_of_what_it_says(value: object) -> None:
    text = json.dumps(value)
    assert repr(json.loads(_spelt_out(text.encode()))) == repr(json.loads(text))


@st.composite
def wires(draw: st.DrawFn) -> bytes:
    """A good reply with a few of its bytes changed, doubled or lost."""
    reply = bytearray(http(200, CREATED, "Content-Type: application/json"))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(reply)))
        reply[at : at + draw(st.integers(0, 20))] = draw(st.binary(max_size=20))
    return bytes(reply)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reply=wires())
@pytest.mark.filterwarnings("error")
def test_a_reply_that_was_changed_on_the_way_ends_as_something_and_once(reply: bytes, tmp_path: Path) -> None:
    came_of_it, raw = receipt_of(saying(reply), tmp_path, timeout_s=5.0)
    assert len(raw.heard) == 1
    if isinstance(came_of_it, Created):
        assert b'"id":%d' % came_of_it.job_id in reply
