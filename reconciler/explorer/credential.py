"""How a session token is come by: by connecting as a database user, or from a file that somebody keeps fresh.

The rules are those of the API reference, "Connect to the database". Who gets the token, and when a new one is
needed, is the business of `session`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, assert_never

import msgspec

from reconciler.core.outcome import (
    Exchange,
    Faulty,
    LoginFailed,
    Refused,
    Reply,
    SessionLost,
    Throttled,
    Unreachable,
    WorkflowMissing,
    answer,
)
from reconciler.explorer.headers import is_token
from reconciler.explorer.secret import Secret, SecretFile
from reconciler.explorer.transport import Request, Transport

ERR_SESSION = 40104001

NoToken = Unreachable | LoginFailed | SessionLost | Throttled
"""Why there is no token to send."""


@dataclass(frozen=True, slots=True)
class TokenFile:
    """A session token that somebody else obtains and keeps fresh."""

    path: Path


@dataclass(frozen=True, slots=True)
class Login:
    """A database user. `password` is the file that holds it, or, for a server of our own, the secret itself.

    `graphd_host` and `graphd_port` are the database's graphd as Explorer reaches it.
    """

    username: str
    password: Path | Secret
    graphd_host: str
    graphd_port: int


class Source(Protocol):
    """Where tokens come from."""

    def has_changed(self) -> bool:
        """Whether a file behind it holds something that was not read yet."""

    async def fresh(self, lost: Secret | None, /) -> Secret | NoToken:
        """A token to use, other than the one that was lost."""


def source_of(credential: TokenFile | Login, transport: Transport) -> Source:
    """The source behind a credential; `transport` is what it connects by."""
    match credential:
        case TokenFile(path=path):
            return _FromFile(SecretFile(path))
        case Login(password=Path() as path):
            return _FromLogin(credential, SecretFile(path), transport)
        case Login(password=Secret() as password):
            return _FromLogin(credential, password, transport)
        case _:
            raise AssertionError(f"no credential: {type(credential)}")


@dataclass(slots=True)
class _FromFile:
    file: SecretFile

    def has_changed(self) -> bool:
        return self.file.has_changed()

    async def fresh(self, lost: Secret | None, /) -> Secret | NoToken:
        found = self.file.read()
        if isinstance(found, str):
            return LoginFailed(None, f"the token file {self.file.path} {found}")
        if not is_token(found.reveal()):
            return LoginFailed(None, f"the token file {self.file.path} holds something else than one token")
        if lost is not None and found.reveal() == lost.reveal():
            return SessionLost(
                ERR_SESSION, f"the token in {self.file.path} is no longer good: put in a new one"
            )
        return found


class _FromLogin:
    def __init__(self, login: Login, password: SecretFile | Secret, transport: Transport) -> None:
        self._login = login
        self._kept_in = password
        self._transport = transport
        self._forms: tuple[_Form, ...] = (_as_json, _with_colon)

    def has_changed(self) -> bool:
        return isinstance(self._kept_in, SecretFile) and self._kept_in.has_changed()

    async def fresh(self, _: Secret | None, /) -> Secret | NoToken:
        password = self._kept_in if isinstance(self._kept_in, Secret) else self._kept_in.read()
        if isinstance(password, str):
            return LoginFailed(None, f"the file of {self._login.username}'s password {password}")
        for form in self._forms:
            exchange, token = await self._connect(form(self._login.username, password))
            if not _is_unauthorized(exchange):
                self._forms = (form, *(other for other in self._forms if other is not form))
                break
        found = _token_or_why(exchange, token)
        return self._covered(found, password) if isinstance(found, LoginFailed) else found

    def _covered(self, failure: LoginFailed, password: Secret) -> LoginFailed:
        """The same without what a server may repeat of a login that it does not like."""
        detail = failure.detail
        for secret in (password, *(form(self._login.username, password) for form in self._forms)):
            detail = secret.masked_in(detail)
        return LoginFailed(failure.code, detail)

    async def _connect(self, credential: Secret) -> tuple[Exchange, Secret | None]:
        body = msgspec.json.encode({"address": self._login.graphd_host, "port": self._login.graphd_port})
        request = Request("connect", "POST", "connect", body, "application/json")
        return await self._transport.connect(request, credential)


_Form = Callable[[str, Secret], Secret]


def _as_json(username: str, password: Secret) -> Secret:
    """The credential for servers from 3.3.0."""
    return _base64(msgspec.json.encode([username, password.reveal()]))


def _with_colon(username: str, password: Secret) -> Secret:
    """The credential for servers up to 3.2."""
    return _base64(f"{username}:{password.reveal()}".encode())


def _base64(text: bytes) -> Secret:
    return Secret(base64.b64encode(text).decode())


def _is_unauthorized(exchange: Exchange) -> bool:
    """Whether the other form may be right; a server cannot be asked for its version beforehand."""
    return isinstance(exchange, Reply) and exchange.status == 401


class _Connected(msgspec.Struct, frozen=True):
    success: bool = True


def _token_or_why(exchange: Exchange, token: Secret | None) -> Secret | NoToken:
    """The token that came with the answer to a login, or why there is none.

    Where a request gets no sensible answer, nothing is known of the login, and nothing of what it was for has
    been sent: to whoever waits for the session, Explorer cannot be reached.
    """
    match answer(exchange):
        case bytes() as data:
            if token is None or not _is_success(data):
                return LoginFailed(None, "Explorer took the login and gave no session")
            return token
        case Unreachable() | Throttled() as failure:
            return failure
        case Faulty(code=None, detail=detail) if not _is_unauthorized(exchange):
            return Unreachable(f"while connecting: {detail}")
        case Faulty(code=code, detail=detail):
            return LoginFailed(code, f"Explorer refused the login: {detail}")
        case LoginFailed() as failure:
            return failure
        case (
            SessionLost(code=code, message=message)
            | Refused(code=code, message=message)
            | WorkflowMissing(code=code, message=message)
        ):
            return LoginFailed(code, f"Explorer refused the login: {code} {message}")
        case failure:
            assert_never(failure)


def _is_success(data: bytes) -> bool:
    try:
        return msgspec.json.decode(data, type=_Connected).success
    except msgspec.MsgspecError:
        return False
