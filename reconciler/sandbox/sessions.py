"""Who may speak to the sandbox: credentials in both forms, tokens, and the cookie that carries them.

Sessions live in memory only, as in Explorer: after a restart every token answers 40104001.
"""

from __future__ import annotations

import base64
import secrets
from http.cookies import CookieError, SimpleCookie

import msgspec

from reconciler.sandbox.wire import Code, RefusedError

COOKIE = "explorer_token"
LIFETIME_S = 259_200
"""Three days: Explorer's default `Max-Age`."""


class Sessions:
    """The sessions that are open.

    A legacy server (3.2 or older) takes `user:password`, a newer one `["user","password"]`, both in base64.
    """

    def __init__(self, user: str, password: str, *, legacy: bool, lifetime_s: int = LIFETIME_S) -> None:
        self._user = user
        self._password = password
        self._legacy = legacy
        self._lifetime_s = lifetime_s
        self._ends_s: dict[str, float] = {}

    def open(self, authorization: str | None, address: str, port: int, now_s: float) -> str:
        """A new token for these credentials. Raises RefusedError(ERR_UNAUTHORIZED)."""
        if _credential(authorization) != self._expected_credential():
            raise RefusedError(Code.ERR_UNAUTHORIZED, "the credential is not the one expected")
        return self.issue(now_s, address, port)

    def issue(self, now_s: float, address: str = "127.0.0.1", port: int = 9669) -> str:
        """A new token without asking for credentials, as an administrator would hand one out."""
        token = self._token(address, port, now_s)
        self._ends_s[token] = now_s + self._lifetime_s
        return token

    def check(self, cookie: str | None, now_s: float) -> None:
        """Return if this `Cookie` header carries an open session's token, else raise RefusedError."""
        end_s = self._ends_s.get(_token_in(cookie))
        if end_s is None or end_s <= now_s:
            raise RefusedError(Code.ERR_SESSION, "there is no such session")

    def forget_all(self) -> None:
        """End every session, as a restart of the server does."""
        self._ends_s.clear()

    def set_cookie(self, token: str) -> str:
        """The `Set-Cookie` value that gives a token to its client."""
        return f"{COOKIE}={token}; Path=/; Max-Age={self._lifetime_s}; HttpOnly"

    def _expected_credential(self) -> bytes:
        if self._legacy:
            return f"{self._user}:{self._password}".encode()
        return msgspec.json.encode([self._user, self._password])

    def _token(self, address: str, port: int, now_s: float) -> str:
        """Like Explorer's: a JWT whose payload shows user and password to whoever reads it."""
        claims = {
            "address": address,
            "port": port,
            "user": self._user,
            "password": self._password,
            "exp": int(now_s) + self._lifetime_s,
        }
        head, payload = (
            _url_safe(msgspec.json.encode(part)) for part in ({"alg": "HS256", "typ": "JWT"}, claims)
        )
        return f"{head}.{payload}.{_url_safe(secrets.token_bytes(32))}"


def _credential(authorization: str | None) -> bytes | None:
    """The decoded credential; a JSON array comes back without blanks: its spelling does not matter."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    try:
        text = base64.b64decode(encoded.strip(), validate=True)
    except ValueError:
        return None
    try:
        return msgspec.json.encode(msgspec.json.decode(text, type=list[str]))
    except (ValueError, RecursionError):
        return text


def _token_in(cookie: str | None) -> str:
    try:
        found = SimpleCookie(cookie or "").get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def _url_safe(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()
