"""TLS on real sockets: whom we trust, who we are, and that nothing switches the verification off."""

from __future__ import annotations

import asyncio
import socket
import ssl
import warnings
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from reconciler.core.model import JobId
from reconciler.core.outcome import Created, Exchange, NoReply, NotSent, Reply, receipt
from reconciler.explorer.secret import Secret
from reconciler.explorer.tls import Identity, Trust
from reconciler.explorer.transport import Request, Transport
from tests.explorer.raw import CREATED, TOKEN, Raw, Script, http, read_request, saying, serving

GOOD = saying(http(200, CREATED))
ASK = Request("submit", "POST", "workflows/1/jobs", b"{}")
EVERYTHING_OFF = {
    "PYTHONHTTPSVERIFY": "0",
    "CURL_CA_BUNDLE": "",
    "REQUESTS_CA_BUNDLE": "",
    "SSL_NO_VERIFY": "1",
    "NODE_TLS_REJECT_UNAUTHORIZED": "0",
    "GIT_SSL_NO_VERIFY": "1",
}
"""What switches the verification off elsewhere."""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    return pem(authority.cert_pem, tmp_path / "ca.pem")


def pem(blob: trustme.Blob, path: Path) -> Path:
    blob.write_to_path(str(path))
    return path


def server_side(authority: trustme.CA, *, asks_who: trustme.CA | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    if asks_who:
        asks_who.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def asked(raw: Raw, *, ca_file: Path | None, identity: Identity | None = None) -> Exchange:
    transport = Transport(raw.url, timeout_s=10, ca_file=ca_file, identity=identity)
    return await transport.exchange(ASK, Secret(TOKEN))


def exchange(
    tls: ssl.SSLContext,
    ca_file: Path | None,
    identity: Identity | None = None,
    script: Script = GOOD,
) -> Exchange:
    async def main() -> Exchange:
        async with serving(script, tls) as raw:
            found = await asked(raw, ca_file=ca_file, identity=identity)
            heard = b"".join(it.data for it in raw.heard)
            assert isinstance(found, Reply | NoReply) or TOKEN.encode() not in heard
            return found

    return asyncio.run(main())


def identity_of(authority: trustme.CA, directory: Path) -> Identity:
    issued = authority.issue_cert("reconciler@example.com")
    certificate = pem(issued.cert_chain_pems[0], directory / "client.pem")
    return Identity(certificate, pem(issued.private_key_pem, directory / "client.key"))


def test_a_server_that_asks_who_we_are_is_shown_our_certificate(
    authority: trustme.CA, ca_file: Path, tmp_path: Path
) -> None:
    identity = identity_of(authority, tmp_path)
    assert isinstance(exchange(server_side(authority, asks_who=authority), ca_file, identity), Reply)


def test_the_key_may_stand_in_the_certificates_file(
    authority: trustme.CA, ca_file: Path, tmp_path: Path
) -> None:
    issued = authority.issue_cert("reconciler@example.com")
    both = pem(issued.private_key_and_cert_chain_pem, tmp_path / "both.pem")
    assert isinstance(exchange(server_side(authority, asks_who=authority), ca_file, Identity(both)), Reply)


@pytest.mark.parametrize("has_identity", [False, True], ids=["nobody", "somebody else"])
def test_a_server_that_asks_and_does_not_know_us_gives_no_reply(
    authority: trustme.CA, ca_file: Path, tmp_path: Path, has_identity: bool
) -> None:
    """With TLS 1.3 the refusal comes after the request may have been sent, so nobody can tell."""
    identity = identity_of(trustme.CA(), tmp_path) if has_identity else None
    found = exchange(server_side(authority, asks_who=authority), ca_file, identity)
    assert isinstance(found, NoReply | NotSent)


def test_a_new_certificate_is_shown_once_its_files_have_changed(
    authority: trustme.CA, ca_file: Path, tmp_path: Path
) -> None:
    identity = identity_of(trustme.CA(), tmp_path)

    async def main() -> list[Exchange]:
        async with serving(GOOD, server_side(authority, asks_who=authority)) as raw:
            transport = Transport(raw.url, ca_file=ca_file, identity=identity)
            first = await transport.exchange(ASK, Secret(TOKEN))
            (tmp_path / "client.key").write_text("half wri")
            second = await transport.exchange(ASK, Secret(TOKEN))
            identity_of(authority, tmp_path)
            return [first, second, await transport.exchange(ASK, Secret(TOKEN))]

    first, second, third = asyncio.run(main())
    assert [isinstance(it, Reply) for it in (first, second, third)] == [False, False, True]


def test_new_authorities_are_trusted_once_their_file_has_changed(
    authority: trustme.CA, tmp_path: Path
) -> None:
    ca_file = pem(trustme.CA().cert_pem, tmp_path / "ca.pem")

    async def main() -> list[Exchange]:
        async with serving(GOOD, server_side(authority)) as raw:
            transport = Transport(raw.url, ca_file=ca_file)
            first = await transport.exchange(ASK, Secret(TOKEN))
            aside = pem(authority.cert_pem, tmp_path / "ca.new")
            aside.rename(ca_file)
            return [first, await transport.exchange(ASK, Secret(TOKEN))]

    first, second = asyncio.run(main())
    assert isinstance(first, NotSent)
    assert isinstance(second, Reply)


def test_nothing_in_the_environment_switches_the_verification_off(
    authority: trustme.CA, ca_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in EVERYTHING_OFF.items():
        monkeypatch.setenv(name, value)
    other = pem(trustme.CA().cert_pem, tmp_path / "other.pem")
    assert isinstance(exchange(server_side(authority), other), NotSent)
    assert isinstance(exchange(server_side(authority), None), NotSent)


def test_the_systems_certificates_are_where_openssl_is_told_they_are(
    authority: trustme.CA, ca_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    assert isinstance(exchange(server_side(authority), None), Reply)


def test_with_a_file_of_our_own_the_systems_certificates_are_not_trusted(
    authority: trustme.CA, ca_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    other = pem(trustme.CA().cert_pem, tmp_path / "other.pem")
    assert isinstance(exchange(server_side(authority), other), NotSent)


def test_a_version_of_tls_that_is_broken_is_not_spoken(authority: trustme.CA, ca_file: Path) -> None:
    old = server_side(authority)
    with warnings.catch_warnings(action="ignore"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    assert isinstance(exchange(old, ca_file), NotSent)


async def _cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: object) -> None:
    """Says all but the end of TLS: whoever is on the way can cut a connection like this."""
    await read_request(reader, heard)  # type: ignore[arg-type]
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + CREATED[: _cut.length])  # type: ignore[attr-defined]
    await writer.drain()
    writer.get_extra_info("socket")._sock.shutdown(socket.SHUT_WR)
    await reader.read()


@pytest.mark.parametrize(("length", "is_whole"), [(48, True), (47, False), (10, False)])
def test_an_answer_that_is_cut_without_the_end_of_tls_counts_only_if_it_is_whole(
    authority: trustme.CA, ca_file: Path, length: int, is_whole: bool
) -> None:
    """No JSON is the beginning of another, so what is whole was not cut."""
    _cut.length = length  # type: ignore[attr-defined]
    found = exchange(server_side(authority), ca_file, script=_cut)
    assert isinstance(receipt(found, JobId(100)), Created) is is_whole


def test_an_encrypted_key_is_refused_and_not_asked_for(authority: trustme.CA, tmp_path: Path) -> None:
    issued = authority.issue_cert("reconciler@example.com")
    certificate = pem(issued.cert_chain_pems[0], tmp_path / "client.pem")
    key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    encrypted = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password"))
    (tmp_path / "client.key").write_bytes(encrypted)
    with pytest.raises(OSError, match=r".*"):
        Trust(None, Identity(certificate, tmp_path / "client.key"))
