"""Coming by a token: both forms of the credential, and what is told when none of them works."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path

import pytest

from reconciler.core.outcome import LoginFailed, Throttled, Unreachable
from reconciler.explorer.credential import Login, NoToken, source_of
from reconciler.explorer.secret import Secret
from reconciler.explorer.session import Session
from reconciler.explorer.transport import Transport
from reconciler.sandbox.server import PASSWORD, USER, serve
from tests.explorer.raw import Raw, http, saying, serving

LOGIN = Login(USER, Secret(PASSWORD), "graphd.example", 9669)
CANARY = "canary-of-the-password"
UNAUTHORIZED = b'{"code":40104000,"message":"ErrUnauthorized"}'
COOKIE = "Set-Cookie: explorer_token=eyJ.a.b; Path=/; Max-Age=259200; HttpOnly"
SUCCESS = b'{"code":0,"data":{"success":true},"message":"Success"}'


def login_at(reply: bytes, password: str = CANARY) -> tuple[Secret | NoToken, Raw]:
    async def main() -> tuple[Secret | NoToken, Raw]:
        async with serving(saying(reply)) as raw:
            login = Login("root", Secret(password), "graphd.example", 9669)
            return await source_of(login, Transport(raw.url)).fresh(None), raw

    return asyncio.run(main())


@pytest.mark.parametrize(("is_legacy", "logins"), [(False, [1, 2]), (True, [2, 3])])
def test_the_form_of_credential_that_worked_is_remembered(
    is_legacy: bool, logins: list[int], tmp_path: Path
) -> None:
    async def main() -> None:
        async with serve(tmp_path, legacy=is_legacy) as sandbox:
            source = source_of(LOGIN, Transport(sandbox.base_url))
            for expected in logins:
                assert isinstance(await source.fresh(None), Secret)
                assert len(sandbox.traffic.of("connect")) == expected

    asyncio.run(main())


def test_a_login_says_who_asks_and_for_which_database() -> None:
    token, raw = login_at(http(200, SUCCESS, COOKIE))
    assert isinstance(token, Secret)
    assert token.reveal() == "eyJ.a.b"
    heard = raw.heard[0]
    assert heard.head[0] == "POST /api-open/v1/connect HTTP/1.1"
    assert json.loads(heard.body) == {"address": "graphd.example", "port": 9669}
    scheme, _, credential = heard.headers["authorization"].partition(" ")
    assert (scheme, json.loads(base64.b64decode(credential))) == ("Bearer", ["root", CANARY])
    assert "cookie" not in heard.headers


def test_after_401_the_old_form_is_tried_and_no_other() -> None:
    _, raw = login_at(http(401, UNAUTHORIZED))
    credentials = [base64.b64decode(heard.headers["authorization"].split()[1]) for heard in raw.heard]
    assert credentials == [f'["root","{CANARY}"]'.encode(), f"root:{CANARY}".encode()]


@pytest.mark.parametrize("status", [400, 403, 500])
def test_after_another_refusal_the_old_form_is_not_tried(status: int) -> None:
    found, raw = login_at(
        http(status, json.dumps({"code": status * 100_000 + 4000, "message": "No"}).encode())
    )
    assert isinstance(found, LoginFailed)
    assert found.code == status * 100_000 + 4000
    assert len(raw.heard) == 1


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        (
            http(401, UNAUTHORIZED),
            LoginFailed(40104000, "Explorer refused the login: 40104000 ErrUnauthorized"),
        ),
        (
            http(401, b"go away"),
            LoginFailed(None, "Explorer refused the login: HTTP 401 without a code of Explorer's"),
        ),
        (http(200, SUCCESS), LoginFailed(None, "Explorer took the login and gave no session")),
        (
            http(200, b'{"code":0,"data":{"success":false}}', COOKIE),
            LoginFailed(None, "Explorer took the login and gave no session"),
        ),
        (
            http(200, SUCCESS, "Set-Cookie: explorer_token=a\tb"),
            LoginFailed(None, "Explorer took the login and gave no session"),
        ),
        (http(429, b"", "Retry-After: 7"), Throttled(7.0)),
        (
            http(502, b"<html>", COOKIE),
            Unreachable("while connecting: HTTP 502 without a code of Explorer's"),
        ),
        (b"", Unreachable("while connecting: the reply broke off, or was not HTTP")),
    ],
)
def test_why_a_login_gave_no_session_is_told(reply: bytes, failure: NoToken) -> None:
    assert login_at(reply)[0] == failure


def test_a_password_or_credential_that_the_server_repeats_is_covered() -> None:
    credential = base64.b64encode(f"root:{CANARY}".encode()).decode()
    message = json.dumps({"code": 40104000, "message": f"{CANARY} of {credential}"})
    found, _ = login_at(http(401, message.encode()))
    assert found == LoginFailed(40104000, "Explorer refused the login: 40104000 *** of ***")


def test_a_password_of_any_letters_arrives_as_it_is() -> None:
    password = 'pässwörd":\\ 😀'
    _, raw = login_at(http(401, UNAUTHORIZED), password)
    first, second = (base64.b64decode(heard.headers["authorization"].split()[1]) for heard in raw.heard)
    assert json.loads(first) == ["root", password]
    assert second.decode() == f"root:{password}"


def test_the_token_of_a_login_is_good_for_requests(tmp_path: Path) -> None:
    async def main() -> None:
        async with serve(tmp_path) as sandbox:
            token = await Session(LOGIN, Transport(sandbox.base_url)).token()
            assert isinstance(token, Secret)
            sandbox.sessions.check(f"explorer_token={token.reveal()}", 0)

    asyncio.run(main())
