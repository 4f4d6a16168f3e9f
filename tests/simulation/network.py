"""What carries requests to the simulated Explorer, or does not: the interface of `explorer.transport`.

The client above it is the real one, and so is the session.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import msgspec

from reconciler.core.model import JobId, WorkflowId
from reconciler.core.outcome import Exchange, NoReply, NotSent, Reply
from reconciler.explorer.secret import Secret
from reconciler.explorer.transport import Request, Transport
from tests.simulation.server import Server, refusal
from tests.simulation.story import Story
from tests.simulation.truth import Sent, Truth
from tests.simulation.weather import TIMEOUT_S, Fate, Fates, Weather, is_within

CODES = (50004000, 50004001, 50004002, 50004003, 90004000)
PAGE = b"<html><body>It works!</body></html>"


@dataclass(slots=True)
class Network:
    """Between all lives of the daemon and the server. `is_calm`: from here on everything goes well."""

    dice: Random
    weather: Weather
    server: Server
    truth: Truth
    story: Story
    is_calm: bool = False

    def fate(self, fates: Fates) -> Fate:
        if self.is_calm:
            return Fate.WELL
        if is_within(self.weather.outages, asyncio.get_running_loop().time()):
            return self.dice.choice((Fate.REFUSED, Fate.REFUSED, Fate.LOST))
        return fates.draw(self.dice)

    def moment_s(self) -> float:
        """How long a request or a reply takes that is not late."""
        return 0.002 + 0.2 * self.dice.random() ** 3

    def patience_s(self) -> float:
        """When somebody gives up who gets no answer: at the time-out, or at a reset before."""
        return TIMEOUT_S if self.dice.random() < 0.6 else self.dice.uniform(0.01, TIMEOUT_S)

    def settle(self, fate: Fate, request: Request, token: str, sent: Sent | None) -> Reply:
        """A request arrives: what the server does, and what comes back."""
        server, is_done = self.server, True
        if fate is Fate.THROTTLED:
            return Reply(429, PAGE, self.dice.choice((None, 1.0, 20.0)))
        if fate is Fate.NO_SESSION:
            server.forget_sessions()
        if fate in (Fate.CODE, Fate.PROXY):
            is_done = self.dice.random() < 0.5
        reply = server.answer(request, token, sent) if is_done else Reply(502, b"")
        match fate:
            case Fate.CODE:
                code = self.dice.choice(CODES)
                return refusal(500, code, "ErrInternal")
            case Fate.PROXY:
                return Reply(self.dice.choice((302, 403, 408, 500, 502, 503, 504)), PAGE)
            case Fate.PAGE:
                return Reply(200, PAGE)
            case Fate.HALF:
                return Reply(reply.status, reply.body[: len(reply.body) // 2])
            case Fate.NO_ID if sent is not None and reply.status == 200:
                return Reply(200, msgspec.json.encode({"code": 0, "data": {}, "message": "Success"}))
            case _:
                return reply


class Line(Transport):
    """One life's way to the server: cut when that life ends. What was sent by then still arrives."""

    def __init__(self, network: Network, point: Callable[[str], None]) -> None:
        self._network = network
        self._happens = point
        self.is_cut = False

    async def connect(self, request: Request, credential: Secret) -> tuple[Exchange, Secret | None]:
        self._point("before a login")
        network = self._network
        fate = network.fate(network.weather.reads)
        await asyncio.sleep(network.moment_s())
        self._point("after a login")
        match fate:
            case Fate.WELL | Fate.NO_SESSION:
                reply, token = network.server.log_in()
                return reply, Secret(token)
            case Fate.REFUSED:
                return NotSent("no connection"), None
            case Fate.THROTTLED:
                return Reply(429, b"", 1.0), None
            case Fate.CODE:
                return refusal(500, 50004000, "ErrInternalServer"), None
            case _:
                return NoReply("nothing came"), None

    async def exchange(self, request: Request, token: Secret) -> Exchange:
        self._point("before a request")
        network, loop = self._network, asyncio.get_running_loop()
        is_post = request.operation == "submit"
        fate = network.fate(network.weather.posts if is_post else network.weather.reads)
        if fate is Fate.REFUSED:
            await asyncio.sleep(network.moment_s())
            return NotSent("connection refused")
        sent = network.truth.sent(request, _workflow(request)) if is_post else None
        if request.operation == "cancel":
            network.truth.cancelled(JobId(int(request.path.split("/")[1])))
        replies: list[Reply] = []
        there_s, wait_s = self._times(fate)
        if fate is not Fate.LOST:
            if sent is not None:
                network.truth.travelling[sent.key] += 1
            loop.call_later(there_s, self._arrive, fate, request, token.reveal(), sent, replies)
        if is_post:
            self._tell_sent(fate, sent)
            self._point("after a request")
        try:
            await asyncio.sleep(wait_s)
        finally:
            if sent is not None:
                network.truth.ended(sent)
        self._point("after a reply")
        return replies[0] if replies and fate not in (Fate.DEAF, Fate.LATE) else NoReply("no answer came")

    def cut(self) -> None:
        self.is_cut = True

    def _times(self, fate: Fate) -> tuple[float, float]:
        """How long the request travels, and how long its answer is waited for."""
        network = self._network
        there_s, patience_s = network.moment_s(), network.patience_s()
        match fate:
            case Fate.LOST:
                return 0.0, patience_s
            case Fate.DEAF:
                return there_s, patience_s
            case Fate.LATE:
                latest_s = network.weather.latest_s
                return network.dice.uniform(min(patience_s, latest_s), latest_s), patience_s
            case _:
                return there_s, there_s + network.moment_s()

    def _arrive(
        self, fate: Fate, request: Request, token: str, sent: Sent | None, replies: list[Reply]
    ) -> None:
        reply = self._network.settle(fate, request, token, sent)
        replies.append(reply)
        if sent is not None:
            self._network.truth.travelling[sent.key] -= 1
            self._network.story.tell("{} arrives: {} {}", sent, reply.status, reply.body)

    def _tell_sent(self, fate: Fate, sent: Sent | None) -> None:
        self._network.story.tell("the daemon sends {}: it {}", sent, fate)

    def _point(self, where: str) -> None:
        """A place where this life may end: then nothing below is done by it."""
        if not self.is_cut:
            self._happens(where)
        if self.is_cut:
            raise asyncio.CancelledError


def _workflow(request: Request) -> WorkflowId:
    return WorkflowId(request.path.split("/")[1])
