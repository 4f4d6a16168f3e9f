"""How an answer reaches the client, or does not: one function that performs each kind of delivery."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Coroutine
from typing import assert_never

import msgspec

from reconciler.sandbox.connection import Connection
from reconciler.sandbox.faults import Answer, Cut, Delivery, Drip, Drop, Hang, Late, Pad
from reconciler.sandbox.wire import JSON, Reply

Perform = Callable[[], Awaitable[Reply]]
"""Does what a request asks for, makes it durable, and gives the true reply."""

Later = Callable[[Coroutine[None, None, None]], None]
"""Starts what goes on after the connection is gone."""


async def deliver(fault: Delivery | None, connection: Connection, perform: Perform, later: Later) -> None:
    """Answer one request in the way this fault says; without one, truly.

    Raises OSError once the client is gone.
    """
    match fault:
        case None:
            await connection.send(await perform())
        case Drop():
            await _drop(fault, connection, perform)
        case Late():
            if fault.trigger == "client-gone":
                await connection.client_is_gone()
            connection.reset()
            later(_after(fault.seconds, perform))
        case Hang():
            await _hang(fault, connection, perform)
        case Answer():
            if fault.moment == "after":
                await perform()
            await connection.send(_false_reply(fault))
        case Cut():
            await _cut(fault, connection, await perform())
        case Drip():
            await connection.send_slowly(await perform(), fault.interval_s)
        case Pad():
            await connection.send(await asyncio.to_thread(_padded, fault, await perform()))
        case _:
            assert_never(fault)


async def _drop(fault: Drop, connection: Connection, perform: Perform) -> None:
    if fault.moment == "after":
        await perform()
    if fault.by == "reset":
        connection.reset()
    else:
        await connection.close()


async def _after(seconds: float, perform: Perform) -> None:
    await asyncio.sleep(seconds)
    await perform()


async def _hang(fault: Hang, connection: Connection, perform: Perform) -> None:
    reply = await perform() if fault.moment == "after" else None
    try:
        async with asyncio.timeout(fault.seconds):
            await connection.client_is_gone()
    except TimeoutError:
        await connection.send(reply or await perform())
    else:
        connection.reset()


async def _cut(fault: Cut, connection: Connection, reply: Reply) -> None:
    if fault.announced == "whole":
        await connection.send_half(reply)
    else:
        await connection.send(Reply(reply.status, reply.body[: len(reply.body) // 2], reply.headers))


def _false_reply(fault: Answer) -> Reply:
    headers = tuple(fault.headers.items())
    if isinstance(fault.body, str):
        return Reply(fault.status, fault.body.encode(), headers)
    return Reply(fault.status, msgspec.json.encode(fault.body), JSON + headers)


def _padded(fault: Pad, reply: Reply) -> Reply:
    body = reply.body + b" " * fault.padding
    if fault.encoding == "identity":
        return Reply(reply.status, body, reply.headers)
    return Reply(reply.status, gzip.compress(body), reply.headers).with_headers(("Content-Encoding", "gzip"))
