"""`run` and `sandbox`: started as a person does, and ended by signals."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import httpx
import pytest

from reconciler.sandbox.ledger import Ledger
from reconciler.store.lock import Lock
from tests.cli.started import Command, until
from tests.engine.stage import DEADLINE_S, WORKFLOWS, manifest_text

ROOT = Path(__file__).parent.parent.parent
LOGGED_URL = re.compile(r'"url": "(http://127\.0\.0\.1:\d+/)"')


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    """A jobs directory with one manifest, beside a sandbox whose jobs end at once."""
    explorer = tmp_path / ".reconciler" / "sandbox" / "explorer"
    explorer.mkdir(parents=True)
    (explorer / "workflows.json").write_text(json.dumps(WORKFLOWS))
    (tmp_path / "jobs.d").mkdir()
    (tmp_path / "jobs.d" / "a.yaml").write_text(manifest_text("a"))
    return tmp_path / "jobs.d"


def made(directory: Path) -> int:
    """How many jobs the sandbox has."""
    return len(Ledger.read(directory / ".reconciler" / "sandbox" / "explorer"))


class Log:
    """What the process says on its standard error while it runs."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        """Nothing is kept back."""

    def isatty(self) -> bool:
        return False

    def url(self) -> str:
        """The status page's address, once it is told."""
        found = until(lambda: LOGGED_URL.search(self.text))
        assert isinstance(found, re.Match)
        return str(found[1])


@contextmanager
def meanwhile(act: Callable[[Log], None]) -> Iterator[Log]:
    """Does this in a thread while the block runs a command in this one, which is then ended by SIGTERM."""
    failures: list[BaseException] = []
    log = Log()

    def acting() -> None:
        try:
            act(log)
        except BaseException as error:
            failures.append(error)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=acting)
    thread.start()
    with mock.patch.object(sys, "stderr", log):
        yield log
    thread.join()
    if failures:
        raise failures[0]


def test_once_submits_what_is_new_and_nothing_twice(tmp_path: Path, jobs: Path, command: Command) -> None:
    assert command("run", "--once", "--sandbox").status == 0
    assert made(tmp_path) == 1
    assert command("run", "--once", "--sandbox").status == 0
    assert made(tmp_path) == 1
    assert command("get", "--sandbox", "-o", "name").lines == ["a"]


def test_once_ends_with_1_where_something_is_invalid(tmp_path: Path, jobs: Path, command: Command) -> None:
    (jobs / "b.yaml").write_text("metadata: {name: b}\n")
    ended = command("run", "--once", "--sandbox")
    assert ended.status == 1
    assert '"event": "manifest invalid"' in ended.err
    assert made(tmp_path) == 1


def test_once_opens_no_port(jobs: Path, command: Command) -> None:
    assert "status page" not in command("run", "--once", "--sandbox").err


def test_what_it_leaves_behind_is_nobody_elses_to_read(tmp_path: Path, jobs: Path, command: Command) -> None:
    (jobs / "a.yaml").write_text(manifest_text("a", workflow="2718281828"))
    command("run", "--once", "--sandbox", "--state", "deep/er/state.db")
    modes = [path.stat().st_mode & 0o077 for path in (tmp_path / "deep" / "er").rglob("*")]
    assert set(modes) == {0}


def test_a_daemon_shows_itself_obeys_signals_and_says_what_each_example_did(
    tmp_path: Path, jobs: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("click.echo", lambda text, **_: said.append(text))

    def visit(log: Log) -> None:
        with httpx.Client(base_url=log.url(), trust_env=False, timeout=DEADLINE_S) as page:
            until(lambda: page.get("/readyz").status_code == 200)
            assert page.get("/livez").status_code == 200
            until(lambda: '"Succeeded"' in page.get("/api/v1/manifests/a").text)
            (jobs / "b.yaml").write_text(manifest_text("b"))
            os.kill(os.getpid(), signal.SIGHUP)
            until(lambda: page.get("/api/v1/manifests/b").status_code == 200)
            assert 'reconciler_submissions_total{result="accepted"}' in page.get("/metrics").text
            until(lambda: said)

    with meanwhile(visit) as log:
        ended = command("run", "--sandbox", "--listen", "127.0.0.1:0")
    assert ended.status == 0
    assert '"event": "stopped"' in log.text
    assert made(tmp_path) == 2
    titles, *rows = said[0].splitlines()
    assert titles.split()[:2] == ["NAME", "STATE"]
    assert rows[0].split()[:2] == ["a", "Succeeded"]


def test_a_second_daemon_on_the_same_state_is_refused(tmp_path: Path, jobs: Path, command: Command) -> None:
    statuses: list[int] = []

    def visit(log: Log) -> None:
        until(lambda: made(tmp_path) == 1)
        statuses.extend(second(*how) for how in ((), ("--listen", log.url()[7:-1])))

    with meanwhile(visit):
        assert command("run", "--sandbox", "--listen", "127.0.0.1:0").status == 0
    assert statuses == [75, 75]


def second(*how: str) -> int:
    """The status of another `run`, in a process of its own."""
    script = "from reconciler.cli.main import main; main()"
    command = [sys.executable, "-c", script, "run", "--sandbox", *how]
    ended = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert f"process {os.getpid()} on" in ended.stderr
    return ended.returncode


def test_a_port_that_is_taken_is_a_wrong_setting(
    jobs: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = command("run", "--sandbox", "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert ended.status == 78
    assert "the ops port cannot listen on 127.0.0.1:" in ended.err.splitlines()[-1]


def test_a_port_that_the_daemon_of_the_same_state_has_is_no_wrong_setting(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("token")
    monkeypatch.setenv("RECONCILER_EXPLORER_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("RECONCILER_TOKEN_FILE", "token")
    lock = Lock.take(tmp_path / "state.db", {"pid": 4711, "host": "here", "since": "now"})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = command("run", "--state", "state.db", "--listen", address)
    lock.release()
    assert ended.status == 75
    assert "in use by process 4711 on here" in ended.err


def test_a_second_sandbox_on_the_same_directory_is_refused(tmp_path: Path, command: Command) -> None:
    with Ledger(tmp_path / "explorer"):
        ended = command("sandbox", "--directory", "explorer", "--listen", "127.0.0.1:0")
        inside = command("run", "--once", "--sandbox", "--state", "state.db")
    assert (ended.status, inside.status) == (75, 75)
    assert "explorer is in use by another sandbox" in ended.err


def test_a_sandbox_that_cannot_start_says_why(tmp_path: Path, command: Command) -> None:
    (tmp_path / "explorer").mkdir()
    (tmp_path / "explorer" / "workflows.json").write_text("[]")
    ended = command("sandbox", "--directory", "explorer", "--listen", "127.0.0.1:0")
    assert ended.status == 1
    assert ended.err.splitlines()[-1].startswith("error: the sandbox in explorer cannot start: ")


@pytest.mark.parametrize("listen", ["nowhere", "127.0.0.1:99999", ":7070"])
def test_an_address_that_is_none_is_a_usage_error(command: Command, listen: str) -> None:
    ended = command("sandbox", "--directory", "explorer", "--listen", listen)
    assert ended.status == 64
    assert "it takes host:port" in ended.err


def test_the_sandbox_on_its_own_serves_until_it_is_stopped(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("click.echo", lambda text, **_: said.append(text))

    def visit(_: Log) -> None:
        until(lambda: said)
        url = said[0].split()[-1]
        reply = httpx.get(f"{url}/api-open/v1/jobs", trust_env=False, timeout=DEADLINE_S)
        assert reply.json()["code"] == 40104001

    with meanwhile(visit):
        assert command("sandbox", "--directory", "explorer", "--listen", "127.0.0.1:0").status == 0
