"""What a reply means: the table of step 5, and that no bytes whatever make it crash or lie."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.model import JobId
from reconciler.core.outcome import (
    Created,
    Exchange,
    Failure,
    Faulty,
    NoReply,
    NotCreated,
    NotSent,
    Receipt,
    Refused,
    Reply,
    SessionLost,
    Throttled,
    Unclear,
    Unreachable,
    WorkflowMissing,
    answer,
    code_of,
    receipt,
)

BASELINE = JobId(100)


def reply(status: int, body: object, retry_after_s: float | None = None) -> Reply:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, text, retry_after_s)


def made(job_id: object, code: object = 0) -> dict[str, object]:
    return {"code": code, "data": {"id": job_id}, "message": "Success"}


def error(code: object, message: object = "Err", debug: object = "why") -> dict[str, object]:
    return {"code": code, "message": message, "debugInfo": debug}


@pytest.mark.parametrize(
    ("exchange", "job_id"),
    [
        (reply(200, made(107)), 107),
        (reply(200, made("107")), 107),
        (reply(200, made(107, code=200)), 107),
        (reply(201, made(107)), 107),
        (reply(200, made(101)), 101),
        (reply(200, made(2**63 - 1)), 2**63 - 1),
        (reply(200, made(str(2**63 - 1))), 2**63 - 1),
        (reply(200, b' {"code":0,"data":{"id":107,"more":[1,{}]},"more":null}\n'), 107),
        (reply(200, {**made(107), "message": None, "debugInfo": 4}), 107),
    ],
)
def test_a_job_was_created_if_a_success_names_an_id_above_the_baseline(
    exchange: Exchange, job_id: int
) -> None:
    assert receipt(exchange, BASELINE) == Created(JobId(job_id))


@pytest.mark.parametrize(
    ("exchange", "cause"),
    [
        (NotSent("refused"), Unreachable("refused")),
        (reply(400, error(40004001)), Refused(40004001, "Err: why")),
        (reply(400, error(40004000, 7, None)), Refused(40004000, "")),
        (reply(403, error(40304000)), Refused(40304000, "Err: why")),
        (reply(404, error(40404001)), Refused(40404001, "Err: why")),
        (reply(422, error(42212345)), Refused(42212345, "Err: why")),
        (reply(501, error(50104000)), Refused(50104000, "Err: why")),
        (reply(404, error(40404000)), WorkflowMissing(40404000, "Err: why")),
        (reply(401, error(40104000)), SessionLost(40104000, "Err: why")),
        (reply(401, error(40104001)), SessionLost(40104001, "Err: why")),
        (reply(429, b"slow down", 2.5), Throttled(2.5)),
        (reply(429, b"slow down"), Throttled(None)),
        (reply(429, error(42904000), 3.0), Throttled(3.0)),
    ],
)
def test_no_job_was_created_if_nothing_was_sent_or_the_api_refused(
    exchange: Exchange, cause: Failure
) -> None:
    assert receipt(exchange, BASELINE) == NotCreated(cause)
    assert answer(exchange) == cause


@pytest.mark.parametrize(
    ("exchange", "code"),
    [
        (reply(500, error(50004000)), 50004000),
        (reply(500, error(50004001)), 50004001),
        (reply(500, error(50004002)), 50004002),
        (reply(500, error(50004003)), 50004003),
        (reply(500, error(90004000)), 90004000),
        (reply(501, error(50104001)), 50104001),
        (reply(200, error(40004001)), 40004001),
        (reply(400, error(50004001)), 50004001),
        (reply(403, error(40104001)), 40104001),
        (reply(302, error(40004001)), 40004001),
        (reply(400, error(1)), 1),
        (reply(500, made(107)), None),
        (reply(400, made(107)), None),
        (reply(302, made(107)), None),
        (reply(200, b"<html>ok</html>"), None),
        (reply(502, b"<html>bad gateway</html>"), None),
        (reply(400, b"bad request"), None),
        (reply(401, b""), None),
        (reply(404, b"not found"), None),
        (reply(200, b""), None),
        (reply(204, b""), None),
        (reply(200, b"null"), None),
        (reply(200, b"[]"), None),
        (reply(200, b'{"code":0,"data":{"id":107}'), None),
        (reply(200, b'{"code":0,"data":{"id":107}}{"code":0}'), None),
        (reply(200, b'\xef\xbb\xbf{"code":0,"data":{"id":107}}'), None),
        (reply(200, b'{"code":0,"data":{"id":107},"x":"\xff"}'), None),
        (reply(200, b'{"code":0,"x\xff":1,"data":{"id":107}}'), None),
        (reply(200, b'{"code":0,"data":{"id":107},"x":' + b"[" * 300_000 + b"]" * 300_000 + b"}"), None),
        (reply(200, b"[" * 1_000_000), None),
        (reply(200, {"data": {"id": 107}}), None),
        (reply(200, made(107, code="0")), None),
        (reply(200, made(107, code=0.0)), None),
        (reply(200, made(107, code=False)), None),
        (reply(200, made(107, code=None)), None),
        (reply(400, error(-40004001)), None),
        (reply(400, error(400040010)), None),
        (reply(400, b'{"code":' + b"4" * 5000 + b"}"), None),
        (reply(200, {"code": 0}), None),
        (reply(200, {"code": 0, "data": None}), None),
        (reply(200, {"code": 0, "data": [107]}), None),
        (reply(200, {"code": 0, "data": {}}), None),
        (reply(200, made(107.0)), None),
        (reply(200, made(True)), None),
        (reply(200, made(None)), None),
        (reply(200, made([107])), None),
        (reply(200, made(0)), None),
        (reply(200, made(-107)), None),
        (reply(200, made("")), None),
        (reply(200, made("0107")), None),
        (reply(200, made(" 107")), None),
        (reply(200, made("107\n")), None),
        (reply(200, made("+107")), None),
        (reply(200, made("1_07")), None),
        (reply(200, made("１０７")), None),
        (reply(200, made("1e3")), None),
        (reply(200, made(2**63)), None),
        (reply(200, made(str(2**63))), None),
        (reply(200, made("9" * 5000)), None),
        (reply(200, b'{"code":0,"data":{"id":' + b"9" * 5000 + b"}}"), None),
    ],
)
def test_everything_else_is_unclear(exchange: Exchange, code: int | None) -> None:
    came_of_it = receipt(exchange, BASELINE)
    assert isinstance(came_of_it, Unclear)
    assert came_of_it.code == code
    assert came_of_it.why


def test_a_reply_that_never_came_is_unclear_and_says_why() -> None:
    assert receipt(NoReply("reset"), BASELINE) == Unclear("reset")
    assert answer(NoReply("reset")) == Faulty(None, "reset")


@pytest.mark.parametrize("job_id", [1, 99, 100])
def test_an_id_that_is_not_above_the_baseline_is_no_new_job(job_id: int) -> None:
    came_of_it = receipt(reply(200, made(job_id)), BASELINE)
    assert isinstance(came_of_it, Unclear)
    assert f"job {job_id}" in came_of_it.why
    assert "not above 100" in came_of_it.why


def test_a_servers_explanation_is_kept_short() -> None:
    came_of_it = receipt(reply(400, error(40004001, "m" * 10_000)), BASELINE)
    assert isinstance(came_of_it, NotCreated)
    assert came_of_it.cause == Refused(40004001, "m" * 500)


def test_the_data_of_a_successful_read_is_given_as_it_came() -> None:
    assert answer(reply(200, b'{"code": 0, "data": {"items": [1, 2]} }')) == b'{"items": [1, 2]}'
    assert answer(reply(200, b'{"code": 200}')) == b"null"


@pytest.mark.parametrize(
    ("exchange", "word"),
    [
        (NotSent("x"), "unreachable"),
        (NoReply("x"), "no_reply"),
        (reply(200, made(1)), "0"),
        (reply(200, made(1, code=200)), "0"),
        (reply(500, error(50004001)), "50004001"),
        (reply(502, b"<html>"), "502"),
        (reply(429, b""), "429"),
    ],
)
def test_an_exchange_is_counted_by_its_code_else_its_status_else_its_end(
    exchange: Exchange, word: str
) -> None:
    assert code_of(exchange) == word


def test_a_reply_does_not_show_its_body_in_a_log() -> None:
    assert "canary" not in repr(Reply(200, b"canary"))


_KEYS = st.sampled_from(["code", "data", "id", "message", "debugInfo"]) | st.text(max_size=3)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)
_CODES = st.sampled_from([0, 200, 40004001, 40104001, 40404000, 50004002, 50104000]) | st.integers()
_BODIES = st.binary() | st.one_of(
    _JSON, st.fixed_dictionaries({"code": _CODES, "data": _JSON}), st.builds(made, _JSON, _CODES)
).map(lambda value: json.dumps(value).encode())


@given(status=st.integers(100, 599), body=_BODIES, baseline=st.integers(0, 2**63))
def test_whatever_is_answered_only_a_success_with_a_higher_id_creates(
    status: int, body: bytes, baseline: int
) -> None:
    exchange = Reply(status, body)
    came_of_it: Receipt = receipt(exchange, JobId(baseline))
    code_of(exchange)
    match came_of_it:
        case Created(job_id=job_id):
            assert 200 <= status <= 299
            assert max(baseline, 0) < job_id < 2**63
        case NotCreated():
            assert 400 <= status <= 499 or status == 501
        case Unclear(why=why):
            assert why
