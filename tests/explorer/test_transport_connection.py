"""The connection of an exchange: deadlines, resets, TLS, and when it is certain that nothing was sent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
from pathlib import Path

import httpx
import pytest
import trustme

from reconciler.core.model import JobId
from reconciler.core.outcome import (
    Created,
    NotCreated,
    Receipt,
    Unclear,
    Unreachable,
)
from reconciler.explorer.conversation import Conversation
from reconciler.explorer.secret import Secret
from reconciler.explorer.transport import Request, Transport
from tests.explorer.raw import (
    BODY,
    CREATED,
    TOKEN,
    Heard,
    Script,
    client_of,
    http,
    read_request,
    receipt_of,
    saying,
    saying_nothing,
    serving,
    submit,
)


async def _dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Heard) -> None:
    await read_request(reader, heard)
    for byte in http(200, CREATED + b" " * 10_000):
        writer.write(bytes([byte]))
        await asyncio.sleep(0.02)  # the drip itself


async def _endless_hints(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Heard) -> None:
    await read_request(reader, heard)
    while True:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
        await writer.drain()


@pytest.mark.parametrize("script", [_dripping, _endless_hints, saying_nothing])
def test_one_deadline_holds_for_the_whole_exchange(script: Script, tmp_path: Path) -> None:
    assert receipt_of(script, tmp_path, timeout_s=0.3)[0] == Unclear("no whole reply within 0.3 s")


async def _reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Heard) -> None:
    await read_request(reader, heard)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


async def _reset_unread(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Heard) -> None:
    heard.data = await reader.readexactly(1)


@pytest.mark.parametrize("script", [_reset, _reset_unread])
def test_a_reset_after_the_first_byte_leaves_it_unclear(script: Script, tmp_path: Path) -> None:
    assert isinstance(receipt_of(script, tmp_path)[0], Unclear)


def test_where_nobody_listens_nothing_was_sent(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        came_of_it = asyncio.run(submit(client_of(url, tmp_path)))
    assert isinstance(came_of_it, NotCreated)
    assert isinstance(came_of_it.cause, Unreachable)
    assert "Connect call failed" in came_of_it.cause.detail


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 64 + ".invalid", "a..b"])
def test_a_host_without_an_address_was_sent_nothing(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(host: str | bytes, *_: object, **__: object) -> list[object]:
        host.encode("idna") if isinstance(host, str) else host.decode().encode("idna")  # as the real one does
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)  # asking the true one would leave this machine
    came_of_it = asyncio.run(submit(client_of(f"http://{host}:7001", tmp_path)))
    assert isinstance(came_of_it, NotCreated)
    assert isinstance(came_of_it.cause, Unreachable)


def test_a_connection_that_is_not_made_in_time_was_sent_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(3)]  # more than the backlog: the kernel answers no more
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(address)
        came_of_it = asyncio.run(submit(client_of(f"http://127.0.0.1:{address[1]}", tmp_path, timeout_s=0.3)))
        for each in waiting:
            each.close()
    assert came_of_it == NotCreated(Unreachable("no connection within 0.3 s"))


async def _speaking_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Heard) -> None:
    writer.write(http(200, CREATED))
    heard.data += await reader.read()


def test_what_a_server_says_before_it_is_asked_is_no_reply() -> None:
    async def main() -> Heard:
        async with serving(_speaking_first) as raw:
            conversation = Conversation(httpx.Request("POST", raw.url, content=BODY), 1000)
            await conversation.connect("127.0.0.1", raw.port, None)
            heard = await raw.ended.get()
            with pytest.raises(ConnectionAbortedError):
                await conversation.ask()
            assert not conversation.has_asked
            return heard

    heard = asyncio.run(main())
    assert heard.was_reset
    assert heard.data == b""


@pytest.mark.parametrize("script", [saying(http(200, CREATED)), saying_nothing])
def test_an_exchange_that_has_ended_leaves_no_socket_open(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sockets = []
    made = Conversation.connection_made

    def remembering(self: Conversation, transport: asyncio.BaseTransport) -> None:
        sockets.append(transport.get_extra_info("socket"))
        made(self, transport)

    async def main() -> list[int]:
        async with serving(script) as raw:
            await submit(client_of(raw.url, tmp_path, timeout_s=0.3))
            return [each.fileno() for each in sockets]

    monkeypatch.setattr(Conversation, "connection_made", remembering)
    assert asyncio.run(main()) == [-1]


def test_an_exchange_looks_for_no_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_for: list[str] = []

    class Spy:
        def find_spec(self, name: str, *_: object) -> None:
            looked_for.append(name)

    async def main() -> None:
        async with serving(saying(http(200, CREATED))) as raw:
            explorer = client_of(raw.url, tmp_path)
            await submit(explorer)  # the first may need what nobody needed yet
            monkeypatch.setattr(sys, "meta_path", [Spy(), *sys.meta_path])
            await submit(explorer)

    asyncio.run(main())
    assert looked_for == []


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def _serving_tls(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def _receipt_over_tls(tls: ssl.SSLContext, trusted: trustme.CA, directory: Path) -> Receipt:
    ca_file = directory / "ca.pem"
    trusted.cert_pem.write_to_path(str(ca_file))

    async def main() -> Receipt:
        async with serving(saying(http(200, CREATED)), tls) as raw:
            return await submit(client_of(raw.url, directory, ca_file=ca_file))

    return asyncio.run(main())


def test_a_server_with_a_trusted_certificate_is_spoken_with(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    assert _receipt_over_tls(_serving_tls(authority), authority, tmp_path) == Created(JobId(107))
    assert not (tmp_path / "keys").exists()


def test_a_certificate_from_somebody_else_is_sent_nothing(authority: trustme.CA, tmp_path: Path) -> None:
    came_of_it = _receipt_over_tls(_serving_tls(authority), trustme.CA(), tmp_path)
    assert isinstance(came_of_it, NotCreated)
    assert isinstance(came_of_it.cause, Unreachable)
    assert "certificate verify failed" in came_of_it.cause.detail


def test_a_certificate_for_another_host_is_sent_nothing(authority: trustme.CA, tmp_path: Path) -> None:
    came_of_it = _receipt_over_tls(_serving_tls(authority, "explorer.example"), authority, tmp_path)
    assert isinstance(came_of_it, NotCreated)
    assert "IP address mismatch" in str(came_of_it.cause)


def test_certificates_of_the_system_are_trusted_without_a_file_of_our_own() -> None:
    Transport("https://127.0.0.1:1")  # that it verifies is seen above


async def _no_handshake(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Heard) -> None:
    while data := await reader.read(100_000):
        heard.data += data


async def _plain_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Heard) -> None:
    await reader.readexactly(1)
    writer.write(http(400, b"this is HTTP"))
    await reader.read()


@pytest.mark.parametrize("script", [_no_handshake, _plain_http, _reset_unread])
def test_without_a_tls_session_nothing_was_sent(script: Script, tmp_path: Path) -> None:
    async def main() -> tuple[Receipt, Heard]:
        async with serving(script) as raw:
            url = raw.url.replace("http:", "https:")
            came_of_it = await submit(client_of(url, tmp_path, timeout_s=0.5))
            return came_of_it, await raw.ended.get()

    came_of_it, heard = asyncio.run(main())
    assert isinstance(came_of_it, NotCreated)
    assert isinstance(came_of_it.cause, Unreachable)
    assert TOKEN.encode() not in heard.data
    if script is _no_handshake:
        assert heard.was_reset, "the option must be set before the first byte of the handshake"


def _with_its_finished(tls: ssl.SSLContext) -> Script:
    """A TLS server whose last word of the handshake and a whole reply come in one piece."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Heard) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = tls.wrap_bio(incoming, outgoing, server_side=True)
        while True:
            try:
                session.do_handshake()
                break
            except ssl.SSLWantReadError:
                writer.write(outgoing.read())
                incoming.write(await reader.read(100_000))
        session.write(http(200, CREATED))
        writer.write(outgoing.read())
        heard.data += await reader.read()

    return script


def test_what_a_server_says_with_the_end_of_its_handshake_is_no_reply(
    authority: trustme.CA, tmp_path: Path
) -> None:
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    tls = _serving_tls(authority)
    tls.maximum_version = ssl.TLSVersion.TLSv1_2  # in 1.3 the last word is the client's

    async def main() -> tuple[Receipt, Heard]:
        async with serving(_with_its_finished(tls)) as raw:
            url = raw.url.replace("http:", "https:")
            came_of_it = await submit(client_of(url, tmp_path, ca_file=ca_file))
            return came_of_it, await raw.ended.get()

    came_of_it, heard = asyncio.run(main())
    assert isinstance(came_of_it, NotCreated)
    assert "before it was asked" in str(came_of_it.cause)
    assert heard.was_reset
    assert heard.data == b""


def test_a_cancelled_request_is_taken_back_by_a_reset(tmp_path: Path) -> None:
    async def main() -> Heard:
        async with serving(saying_nothing) as raw:
            task = asyncio.create_task(submit(client_of(raw.url, tmp_path)))
            await (await raw.made.get()).is_read.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return await raw.ended.get()

    assert asyncio.run(main()).was_reset


def test_the_socket_resets_on_close_from_its_first_byte_on(monkeypatch: pytest.MonkeyPatch) -> None:
    lingers: list[bytes] = []
    send = socket.socket.send

    def spy(self: socket.socket, data: bytes, *flags: int) -> int:
        if self.getsockname()[1] and data.startswith(b"GET /api-open"):
            lingers.append(self.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8))
        return send(self, data, *flags)

    async def main() -> None:
        async with serving(saying(http(200, CREATED))) as raw:
            await Transport(raw.url).exchange(Request("list", "GET", "jobs"), Secret(TOKEN))

    monkeypatch.setattr(socket.socket, "send", spy)
    asyncio.run(main())
    assert lingers == [b"\1\0\0\0\0\0\0\0"]


def test_the_kernel_delivers_nothing_more_for_a_process_that_was_killed() -> None:
    whole = 100_000
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # the rest waits with the sender
        command = [sys.executable, "-c", _SENDS_AND_WAITS, f"http://127.0.0.1:{listener.getsockname()[1]}"]
        with subprocess.Popen([*command, str(whole)], stdout=subprocess.PIPE, text=True) as child:
            connection, _ = listener.accept()
            with connection:
                assert child.stdout is not None
                assert child.stdout.readline() == "sent\n"
                os.kill(child.pid, signal.SIGKILL)
                child.wait()
                assert _delivered(connection) < whole


def _delivered(connection: socket.socket) -> int:
    """How many bytes still arrive, until the end or a reset."""
    count = 0
    with contextlib.suppress(ConnectionResetError):
        while data := connection.recv(65536):
            count += len(data)
    return count


_SENDS_AND_WAITS = textwrap.dedent("""\
    import asyncio, sys
    from reconciler.explorer import transport
    from reconciler.explorer.secret import Secret

    class Conversation(transport.Conversation):
        def _send(self, connection):
            super()._send(connection)
            print("sent", flush=True)

    transport.Conversation = Conversation
    request = transport.Request("submit", "POST", "workflows/1/jobs", b"x" * int(sys.argv[2]))
    asyncio.run(transport.Transport(sys.argv[1]).exchange(request, Secret("token")))
    """)
