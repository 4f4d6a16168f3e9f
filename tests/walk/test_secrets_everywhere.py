"""The search for canaries everywhere: every command, every level and form of the log, crashes, what stays."""

from __future__ import annotations

import re
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.walk.daemon import PATIENCE_S, Daemon, Installation
from tests.walk.manifests import manifest
from tests.walk.other_explorer import Answer, Cut, OtherExplorer, Reply
from tests.walk.test_secrets import PASSWORD, canaries, explorer, installation, nothing_is_seen, shown

__all__ = ["explorer", "installation"]

OTHERS_TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJjYW5hcnkiOiJvdGhlcnMifQ.canarysignature2"
STAYS = {"sandbox": ("--listen", "nowhere")}
"""Commands that go on until they are stopped, and how they do not."""


@pytest.fixture
def site(installation: Installation, explorer: OtherExplorer) -> Installation:
    """An installation at an Explorer that repeats every secret that it knows wherever it can."""

    def repeat(workflow: str, body: bytes) -> Answer | None:
        sent = explorer.requests[-1].headers["cookie"]
        spelt = "".join(f"\\u{ord(letter):04x}" for letter in sent)
        if b"refuse" in body:
            told = f'"code":40004001,"message":"{sent} {OTHERS_TOKEN} {spelt} \\u001b[2J"'
            return Reply(400, f"{{{told}}}".encode())
        if b"lose" in body:
            explorer.add_job(workflow, body)
            return Cut()
        return None

    usual = explorer.shown
    explorer.shown = lambda job: usual(job) | {"name": f"job of {OTHERS_TOKEN}"}  # type: ignore[method-assign]
    explorer.instead_of_job = repeat
    installation.settings["SETTLE_S"] = "0.2"
    installation.write("a.yaml", manifest("a", "41", version=1))
    installation.write("b.yaml", manifest("b", "42", refuse=1))
    installation.write("c.yaml", manifest("c", "43", lose=1))
    installation.write("broken.yaml", f"a: [{OTHERS_TOKEN}")
    return installation


def all_commands(site: Installation) -> list[str]:
    listed = site.command("--help").stdout.partition("Commands:\n")[2]
    return [line.split()[0] for line in listed.splitlines()]


def ways(name: str) -> Iterator[tuple[str, ...]]:
    """Each command with nothing, with a name, and as JSON; what it does not take is shown as that."""
    if name in STAYS:
        yield (name, *STAYS[name])
        return
    for arguments in (
        (),
        ("a",),
        ("b",),
        ("c",),
        ("copy.db",),
        ("-o", "json"),
        ("b", "-o", "json"),
        ("--help",),
    ):
        yield (name, *arguments)


def seen_beside(daemon: Daemon) -> bytes:
    """What every command prints beside a running daemon."""
    site = daemon.installation
    names = all_commands(site)
    assert len(names) >= 12
    return shown(daemon, *(way for name in names for way in ways(name)))


def test_no_command_shows_a_secret_whatever_the_server_repeats(
    site: Installation, explorer: OtherExplorer
) -> None:
    with site.daemon() as daemon:
        daemon.until_states(a="Succeeded", b="Rejected")
        daemon.until_states(c="Held")
        seen = seen_beside(daemon)
        kept = b"".join(path.read_bytes() for path in site.state.parent.iterdir())
        about = b"".join(
            Path(f"/proc/{daemon.process.pid}/{it}").read_bytes() for it in ("environ", "cmdline")
        )
        assert daemon.stop() == 0
    assert b"canarysignature2" not in seen + kept + daemon.output.encode()
    assert b"***" in seen, "nothing was repeated, so nothing was covered"
    assert (site.directory / "copy.db").exists()
    nothing_is_seen(daemon, explorer, seen + kept + about)


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_no_level_and_no_form_of_the_log_shows_a_secret(
    site: Installation, explorer: OtherExplorer, level: str, form: str
) -> None:
    site.settings |= {"LOG_LEVEL": level, "LOG_FORMAT": form}
    done = site.command("run", "--once")
    said = (done.stdout + done.stderr).encode()
    assert done.returncode == 1
    assert explorer.submissions()
    assert not {canary for canary in canaries(explorer) if canary in said}
    assert b"canarysignature2" not in said
    assert b"\x1b" not in said


_CRASH = """
from reconciler.cli.main import main
from reconciler.explorer.client import Explorer

async def jobs(self, *_, **__):
    token = await self._session.token()
    raise LookupError(f"unforeseen, with {token.reveal()} in it: \\x1b[2J")

Explorer.jobs = jobs
main()
"""


def test_an_error_that_nobody_foresaw_ends_the_daemon_and_shows_no_secret(
    site: Installation, explorer: OtherExplorer
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _CRASH, "run"],
        cwd=site.directory,
        env=site.environ(),
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert explorer.logins == 1
    assert b"LookupError: unforeseen, with ***" in said
    assert b"a part of the daemon failed" in said
    assert not {canary for canary in canaries(explorer) if canary in said}
    assert b"\x1b" not in said


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSEGV, signal.SIGQUIT])
def test_a_crash_leaves_no_image_of_the_memory(
    site: Installation, explorer: OtherExplorer, number: signal.Signals
) -> None:
    with site.daemon() as daemon:
        daemon.until_states(a="Succeeded")
        assert resource.prlimit(daemon.process.pid, resource.RLIMIT_CORE)[0] == 0
        daemon.signal(number)
        assert daemon.ended() == -number
    nothing_is_seen(daemon, explorer, b"")
    assert not [path for path in site.directory.rglob("*") if re.match("core", path.name)]


def test_a_password_that_changes_is_used_and_neither_is_shown(
    site: Installation, explorer: OtherExplorer
) -> None:
    site.password_file.write_text("canary-of-yesterday")
    with site.daemon() as daemon:
        daemon.until(lambda: "no session" in str(daemon.items().get("a")), "a refusal")
        site.password_file.write_text(PASSWORD)
        daemon.until_states(a="Succeeded")
        seen = shown(daemon)
        assert daemon.stop() == 0
    assert b"canary-of-yesterday" not in seen + daemon.output.encode()
    nothing_is_seen(daemon, explorer, seen)
