"""Listening: in the daemon's loop, without its signals, and with bounds on what clients may hold."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
from contextlib import suppress

import pytest
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from reconciler.errors import ExitCode, ListenFailed
from reconciler.ops import server
from reconciler.ops.http import ops_app
from reconciler.ops.metrics import Metrics
from reconciler.ops.server import serving
from reconciler.setting_kinds import Address
from tests.ops.fakes import FakeView

ANY = Address("127.0.0.1", 0)
GET = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
DEADLINE_S = 120


def app() -> ASGIApp:
    return ops_app(FakeView(), Metrics("1"))


async def opened(address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(address.host, address.port)


async def is_closed(reader: asyncio.StreamReader) -> bool:
    """Waits until the other side has closed."""
    with suppress(ConnectionResetError):
        async with asyncio.timeout(DEADLINE_S):
            while await reader.read(65536):
                pass
    return True


async def status(address: Address, request: bytes = GET) -> int:
    reader, writer = await opened(address)
    writer.write(request)
    async with asyncio.timeout(DEADLINE_S):
        line = await reader.readline()
    writer.close()
    return int(line.split()[1])


def test_a_free_port_is_taken_and_told() -> None:
    async def ask() -> None:
        async with serving(app(), ANY) as address:
            assert address.port > 0
            assert await status(address) == 200

    asyncio.run(ask())


def test_ipv6_is_served_where_it_exists() -> None:
    async def ask() -> None:
        async with serving(app(), Address("::1", 0)) as address:
            assert str(address).startswith("[::1]:")
            assert await status(address) == 200

    with suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        asyncio.run(ask())


def test_a_port_in_use_is_told_as_a_wrong_setting() -> None:
    async def listen(address: Address) -> None:
        async with serving(app(), address):
            raise AssertionError("it should not have got here")

    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = Address("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(ListenFailed, match=f"listen on {address}: .*RECONCILER_LISTEN") as caught:
            asyncio.run(listen(address))
    assert caught.value.exit_code is ExitCode.SETTINGS


def test_an_address_that_is_not_of_this_machine_is_told() -> None:
    async def listen() -> None:
        async with serving(app(), Address("192.0.2.1", 0)):
            pass

    with pytest.raises(ListenFailed, match=r"192\.0\.2\.1"):
        asyncio.run(listen())


def test_the_port_is_free_again_after_the_end() -> None:
    async def twice() -> None:
        async with serving(app(), ANY) as address:
            assert await status(address) == 200
        async with serving(app(), address) as again:
            assert again == address
            assert await status(again) == 200

    asyncio.run(twice())


def test_signals_stay_the_daemons() -> None:
    async def ask() -> bool:
        told = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
        before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        async with serving(app(), ANY) as address:
            assert await status(address) == 200
            assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
            os.kill(os.getpid(), signal.SIGTERM)
            async with asyncio.timeout(DEADLINE_S):
                await told.wait()
            assert await status(address) == 200
        return True

    assert asyncio.run(ask())


def test_an_error_in_the_block_comes_out_as_it_is() -> None:
    async def fail() -> None:
        async with serving(app(), ANY):
            raise LookupError("of the daemon")

    with pytest.raises(LookupError, match="of the daemon"):
        asyncio.run(fail())


def test_a_client_that_asks_and_does_not_read_cannot_hold_up_the_end() -> None:
    class Huge:
        async def __call__(self, scope: object, receive: object, send: object) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})  # type: ignore[operator]
            while True:
                await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})  # type: ignore[operator]

    async def ask() -> None:
        async with asyncio.timeout(DEADLINE_S):
            async with serving(Huge(), ANY) as address:
                reader, writer = await opened(address)
                writer.write(GET)
                await reader.readexactly(1000)
            await asyncio.sleep(0)  # an aborted connection is lost in the loop's next turn
            assert not [one for one in gc.get_objects() if isinstance(one, H11Protocol) and one.connections]
            writer.close()

    asyncio.run(ask())


def test_a_client_that_sends_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "PATIENCE_S", 0.2)

    async def ask() -> None:
        async with serving(app(), ANY) as address:
            for start in (b"", b"GET / HT", b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: "):
                reader, writer = await opened(address)
                writer.write(start)
                assert await is_closed(reader)
                writer.close()

    asyncio.run(ask())


def test_with_too_many_connections_the_oldest_gives_way_and_probes_get_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 16)
    monkeypatch.setattr(server, "PATIENCE_S", 1000)

    async def ask() -> None:
        async with serving(app(), ANY) as address:
            silent = [await opened(address) for _ in range(64)]
            assert await status(address) == 200
            assert all([await is_closed(reader) for reader, _ in silent[:40]])
            for _, writer in silent:
                writer.close()

    asyncio.run(ask())


def test_a_header_without_an_end_is_refused() -> None:
    async def ask() -> None:
        async with serving(app(), ANY) as address:
            endless = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 40_000
            assert await status(address, endless) == 400
            assert await status(address) == 200

    asyncio.run(ask())


@pytest.mark.parametrize(
    "junk", [b"\x00" * 100 + b"\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\r\n\r\n"]
)
def test_what_is_no_http_is_refused(junk: bytes) -> None:
    async def ask() -> None:
        async with serving(app(), ANY) as address:
            assert await status(address, junk) == 400
            assert await status(address) == 200

    asyncio.run(ask())


def test_a_websocket_is_not_opened() -> None:
    upgrade = GET.replace(
        b"\r\n\r\n", b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n"
    )

    async def ask() -> None:
        async with serving(app(), ANY) as address:
            assert await status(address, upgrade) == 200

    asyncio.run(ask())
