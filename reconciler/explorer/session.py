"""The session with Explorer: one token for all who ask, renewed once for all who wait.

How a token is come by is the business of `credential`, how requests travel that of `transport`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from reconciler.core.outcome import LoginFailed, SessionLost
from reconciler.explorer.credential import Login, NoToken, TokenFile, source_of
from reconciler.explorer.secret import Secret
from reconciler.explorer.transport import Transport

PAUSE_S = 10.0
"""How long a refusal stands unless a file changes: databases lock accounts for which many logins fail."""


class Session:
    """Gives out the token. The file behind it is read again when it changes.

    A change that gives no new token (a file caught half-written, say) leaves the open session in use.
    `now_s` is a clock that only goes forward.
    """

    def __init__(
        self,
        credential: TokenFile | Login,
        transport: Transport,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source_of(credential, transport)
        self._now_s = now_s
        self._held: Secret | NoToken = LoginFailed(None, "no session was asked for yet")
        self._lost: Secret | None = None
        self._stands_until_s = float("-inf")
        self._renewals = 0
        self._lock = asyncio.Lock()

    async def token(self) -> Secret | NoToken:
        """The token to send now, or why there is none.

        While it is being renewed, everybody waits, and everybody gets what came of that one renewal.
        """
        if isinstance(self._held, Secret) and not self._source.has_changed():
            return self._held
        renewals = self._renewals
        async with self._lock:
            if self._renewals == renewals:
                await self._renew()
                self._renewals += 1
            return self._held

    def lost(self, token: Secret, why: SessionLost) -> None:
        """Note that Explorer does not know this token; whoever asks for one next has it renewed."""
        if self._held is token:
            self._held, self._lost = why, token
            self._stands_until_s = float("-inf")

    async def _renew(self) -> None:
        if self._now_s() < self._stands_until_s and not self._source.has_changed():
            return
        found = await self._source.fresh(self._lost)
        self._lost = None
        if isinstance(found, Secret) or not isinstance(self._held, Secret):
            self._held = found
        if isinstance(found, LoginFailed | SessionLost):
            self._stands_until_s = self._now_s() + PAUSE_S
