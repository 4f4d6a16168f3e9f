import asyncio
import base64
import json

import pytest

from reconciler.sandbox.server import serve
from tests.sandbox.visit import API, Clock, bearer, client, code, log_in, visit

ARRAY = '["sandbox","sandbox"]'
COLON = "sandbox:sandbox"


def outcome_of_login(directory, credential, **settings):
    async def play():
        async with serve(directory, **settings) as sandbox, client(sandbox.base_url) as http:
            return await log_in(http, credential)

    return asyncio.run(play())


def test_a_login_answers_success_and_sets_the_documented_cookie(tmp_path):
    reply = outcome_of_login(tmp_path, ARRAY)
    assert reply.json() == {"code": 0, "data": {"success": True}, "message": "Success"}
    token, *attributes = reply.headers["set-cookie"].split("; ")
    assert token.startswith("explorer_token=eyJ")
    assert attributes == ["Path=/", "Max-Age=259200", "HttpOnly"]


def test_whoever_reads_a_token_reads_the_password(tmp_path):
    reply = outcome_of_login(tmp_path, '["root","s3cret"]', user="root", password="s3cret")
    payload = reply.cookies["explorer_token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    assert (claims["address"], claims["user"], claims["password"]) == ("127.0.0.1", "root", "s3cret")


@pytest.mark.parametrize("credential", [ARRAY, '[ "sandbox", "sandbox" ]'])
def test_a_new_server_takes_the_array(tmp_path, credential):
    assert code(outcome_of_login(tmp_path, credential)) == (200, 0)


@pytest.mark.parametrize("credential", [COLON, '["sandbox","wrong"]', '["sandbox"]', "{", "[]"])
def test_a_new_server_refuses_all_else(tmp_path, credential):
    assert code(outcome_of_login(tmp_path, credential)) == (401, 40104000)


def test_a_legacy_server_takes_the_colon_form_and_answers_200_as_its_code(tmp_path):
    assert outcome_of_login(tmp_path, COLON, legacy=True).json()["code"] == 200


def test_a_legacy_server_refuses_the_array(tmp_path):
    assert code(outcome_of_login(tmp_path, ARRAY, legacy=True)) == (401, 40104000)


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Basic c2FuZGJveDpzYW5kYm94"}, {"Authorization": "Bearer ä!"}]
)
def test_a_login_without_a_bearer_credential_is_unauthorized(tmp_path, headers):
    async def scene(it):
        encoded = {name: value.encode() for name, value in headers.items()}
        reply = await it.http.post(f"{API}/connect", json={"address": "db", "port": 9669}, headers=encoded)
        assert code(reply) == (401, 40104000)

    visit(tmp_path, scene)


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"address": "db"}', '{"address": "db", "port": "9669"}'])
def test_a_login_that_names_no_graphd_is_a_parameter_error(tmp_path, body):
    async def scene(it):
        reply = await it.http.post(f"{API}/connect", content=body, headers=bearer(ARRAY))
        assert code(reply) == (400, 40004001)

    visit(tmp_path, scene)


@pytest.mark.parametrize("cookie", ["", "explorer_token=", "explorer_token=eyJhbxxx", "other=1", "@;;=\x01"])
def test_a_call_without_an_open_session_is_a_session_error(tmp_path, cookie):
    async def scene(it):
        it.http.headers["Cookie"] = cookie
        assert code(await it.get("/jobs")) == (401, 40104001)
        assert code(await it.submit()) == (401, 40104001)
        assert it.sandbox.ledger.jobs == ()

    visit(tmp_path, scene)


def test_a_token_works_beside_other_cookies(tmp_path):
    async def scene(it):
        it.http.headers["Cookie"] = f"theme=dark; explorer_token={it.sandbox.issue_token()}; lang=en"
        assert code(await it.get("/jobs")) == (200, 0)

    visit(tmp_path, scene)


def test_a_session_ends_with_its_max_age(tmp_path):
    async def scene(it):
        it.clock.advance(99)
        assert code(await it.get("/jobs")) == (200, 0)
        it.clock.advance(1)
        assert code(await it.get("/jobs")) == (401, 40104001)

    visit(tmp_path, scene, session_s=100)


def test_a_restart_forgets_every_session(tmp_path):
    async def play():
        async with serve(tmp_path, clock=Clock()) as sandbox:
            token = sandbox.issue_token()
        async with serve(tmp_path, clock=Clock()) as sandbox, client(sandbox.base_url) as http:
            return await http.get(f"{API}/jobs", headers={"Cookie": f"explorer_token={token}"})

    assert code(asyncio.run(play())) == (401, 40104001)
