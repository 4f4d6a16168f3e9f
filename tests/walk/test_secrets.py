"""Nothing that we write or show holds a token, a password or a credential: searched for byte for byte."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.walk.daemon import Daemon, Installation
from tests.walk.manifests import manifest
from tests.walk.other_explorer import Answer, OtherExplorer, Reply, refusal

PASSWORD = "canary-Zx81/+pässwörd"
TOKEN = "eyJhbGciOiJub25lIn0.eyJwYXNzd29yZCI6ImNhbmFyeSJ9.canarysignature0"


def canaries(explorer: OtherExplorer | None) -> set[bytes]:
    """All that may not be seen, as it is and as JSON or a URL may write it."""
    words = {PASSWORD, TOKEN, *(explorer.tokens if explorer else ())}
    for text in (json.dumps(["root", PASSWORD]), f'["root","{PASSWORD}"]', f"root:{PASSWORD}"):
        words.add(base64.b64encode(text.encode()).decode())
        words.add(base64.urlsafe_b64encode(text.encode()).decode().rstrip("="))
    words |= {
        word.rsplit(".")[-2] for word in words if word.count(".") == 2
    }  # the part that holds a password
    escaped = {json.dumps(word)[1:-1] for word in words}
    return {word.encode() for word in words | escaped}


@pytest.fixture
def explorer() -> Iterator[OtherExplorer]:
    with OtherExplorer(password=PASSWORD) as server:
        yield server


@pytest.fixture
def installation(tmp_path: Path, explorer: OtherExplorer) -> Installation:
    return Installation(tmp_path / "site", explorer.url, PASSWORD, {"LOG_LEVEL": "debug"})


def shown(daemon: Daemon, *more: tuple[str, ...]) -> bytes:
    """All that a running daemon shows, and what the commands print beside it."""
    site = daemon.installation
    paths = ("/", "/metrics", "/api/v1/manifests", "/livez?verbose", "/readyz?verbose", "/api/v1/manifests/a")
    texts = [daemon.fetch(path)[1] for path in paths]
    for arguments in (("get", "-o", "json"), ("run",), *more):
        done = site.command(*arguments)
        texts += [done.stdout, done.stderr]
    return "\n".join(texts).encode()


def nothing_is_seen(daemon: Daemon, explorer: OtherExplorer | None, seen: bytes) -> None:
    """To be asked after the daemon's end: its whole output, what it showed, and every file that it left."""
    site = daemon.installation
    secrets = {site.password_file, site.directory / "token"}
    files = [path for path in site.directory.rglob("*") if path.is_file() and path not in secrets]
    assert site.state in files
    everything = b"\n".join([daemon.output.encode(), seen, *(path.read_bytes() for path in files)])
    found = {canary for canary in canaries(explorer) if canary in everything}
    assert not found
    for path in files:
        if path.parent == site.state.parent:
            assert path.stat().st_mode & 0o077 == 0, f"others may read {path}"


@pytest.mark.parametrize("is_old", [False, True], ids=["server from 3.3", "server up to 3.2"])
def test_a_day_of_work_shows_no_secret(
    installation: Installation, explorer: OtherExplorer, is_old: bool
) -> None:
    explorer.is_old = is_old

    def echo(_workflow: str, body: bytes) -> Answer | None:
        sent = explorer.requests[-1].headers["cookie"]
        return refusal(40004001, f"bad request with {sent}") if b"refuse" in body else None

    explorer.instead_of_job = echo
    installation.write("a.yaml", manifest("a", "41", version=1))
    installation.write("b.yaml", manifest("b", "42", refuse=1))
    installation.write("broken.yaml", "a: [")
    with installation.daemon() as daemon:
        daemon.until_states(a="Succeeded", b="Rejected")
        explorer.forget_sessions()
        installation.write("a.yaml", manifest("a", "41", version=2))
        explorer.wait_for_jobs(2)
        daemon.comes_to_rest()
        seen = shown(daemon, ("get",), ("plan",), ("approve", "x"), ("baseline",))
        state = installation.state
        seen += b"".join(path.read_bytes() for path in state.parent.iterdir())  # with the log of the writes
        assert daemon.stop() == 0
    assert explorer.logins == 2
    nothing_is_seen(daemon, explorer, seen)


def test_a_login_that_fails_shows_no_secret(installation: Installation, explorer: OtherExplorer) -> None:
    """The server repeats what it was sent in each way that a server may."""
    answers = [
        lambda sent: refusal(40104000, f"no user for {sent}"),
        lambda sent: Reply(401, f"<html>{sent} {PASSWORD}</html>".encode()),
        lambda sent: refusal(50004000, f"{sent}: {base64.b64decode(sent.split()[1]).decode()}"),
        lambda sent: Reply(302, b"", {"Location": f"http://elsewhere/{sent.split()[1]}"}),
        lambda sent: Reply(400, {"code": 40004000, "message": "bad", "debugInfo": sent}),
    ]
    with installation.daemon() as daemon:
        for turn, answer in enumerate(answers):
            came = len(explorer.requests)
            explorer.instead_of_login = answer
            installation.password_file.write_text(PASSWORD)  # a changed file is tried at once
            installation.write(f"{turn}.yaml", manifest(f"m{turn}", str(100 + turn), version=1))
            assert explorer.wait_until(lambda came=came: len(explorer.requests) > came)
        daemon.until(lambda: "no session" in daemon.items()["m0"]["reason"], "a reason")
        seen = shown(daemon)
        assert daemon.stop() == 0
    nothing_is_seen(daemon, explorer, seen)
    assert {seen.path for seen in explorer.requests} == {"/api-open/v1/connect"}


def test_tls_that_is_not_trusted_shows_no_secret_and_sends_none(
    installation: Installation, tmp_path: Path
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with OtherExplorer(password=PASSWORD, tls=context) as explorer:
        installation.explorer_url = explorer.url
        installation.write("a.yaml", manifest("a", version=1))
        with installation.daemon() as daemon:
            daemon.until(lambda: "certificate" in str(daemon.items().get("a")), "a reason")
            seen = shown(daemon)
            assert daemon.stop() == 0
        assert not explorer.requests
        nothing_is_seen(daemon, explorer, seen)
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        installation.settings["CA_FILE"] = str(tmp_path / "ca.pem")
        with installation.daemon() as daemon:
            daemon.until_states(a="Succeeded")
            seen = shown(daemon)
        nothing_is_seen(daemon, explorer, seen)
        assert len(explorer.jobs) == 1


def test_a_token_file_shows_no_secret_and_is_read_again_when_it_changes(
    installation: Installation, explorer: OtherExplorer
) -> None:
    token = installation.directory / "token"
    token.write_text("eyJold.eyJold.canarysignature1")
    installation.settings |= {
        "TOKEN_FILE": str(token),
        "USERNAME": "",
        "PASSWORD_FILE": "",
        "GRAPHD_ADDRESS": "",
    }
    explorer.tokens.add(TOKEN)
    installation.write("a.yaml", manifest("a", version=1))
    with installation.daemon() as daemon:
        daemon.until(lambda: daemon.says("workflow not listed"), "a refusal")
        token.write_text(TOKEN + "\n")
        daemon.until_states(a="Succeeded")
        seen = shown(daemon)
        assert daemon.stop() == 0
    assert explorer.logins == 0
    assert b"canarysignature1" not in seen + daemon.output.encode()
    nothing_is_seen(daemon, explorer, seen)


def test_a_secret_written_where_its_file_belongs_is_not_repeated(installation: Installation) -> None:
    installation.settings |= {"PASSWORD_FILE": PASSWORD, "EXPLORER_URL": f"http://root:{PASSWORD}@explorer"}
    done = installation.command("run")
    assert done.returncode == 78
    assert PASSWORD not in done.stdout + done.stderr


def test_the_search_would_find_a_secret(installation: Installation, explorer: OtherExplorer) -> None:
    installation.write("a.yaml", manifest("a", version=1))
    with installation.daemon() as daemon:
        daemon.until_states(a="Succeeded")
    for canary in canaries(explorer):
        with pytest.raises(AssertionError):
            nothing_is_seen(daemon, explorer, b"..." + canary + b"...")
