"""`doctor`: what it looks at, what it says to do, and its exit statuses."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli import doctor as module
from reconciler.store.lock import Lock
from tests.cli.lasting import left_behind
from tests.cli.started import Command
from tests.engine.stage import Stage, manifest_text, play
from tests.walk.other_explorer import OtherExplorer, refusal


@pytest.fixture
def explorer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OtherExplorer]:
    """A server, and all settings for it."""
    (tmp_path / "password").write_text("nebula-password")
    with OtherExplorer() as server:
        for name, value in {
            "EXPLORER_URL": server.url,
            "USERNAME": "root",
            "PASSWORD_FILE": "password",
            "GRAPHD_ADDRESS": "graphd:9669",
        }.items():
            monkeypatch.setenv(f"RECONCILER_{name}", value)
        yield server


@pytest.fixture
def checked(tmp_path: Path, command: Command):
    """The findings by subject, with the exit status under `exit`, in a directory with one manifest."""
    (tmp_path / "jobs.d" / "a.yaml").write_text(manifest_text("a"))

    def found(*arguments: str) -> dict[str, Any]:
        ended = command("doctor", "-o", "json", *arguments)
        return {it["subject"]: it for it in ended.json["checks"]} | {"exit": ended.status}

    return found


async def something(stage: Stage) -> None:
    stage.write("a", suspend=True)
    await stage.parts.reconciler.reconcile()


def test_where_all_is_well_nothing_is_to_be_done(checked, explorer: OtherExplorer, tmp_path: Path) -> None:
    left_behind(tmp_path, something)
    found = checked()
    assert found.pop("exit") == 0
    assert found.pop("revision")["status"] == "warn"
    assert {subject: it["status"] for subject, it in found.items()} == dict.fromkeys(
        ("settings", "manifests", "state", "watches", "explorer", "clock"), "ok"
    )
    assert found["state"]["seen"].endswith("state.db knows 1 names; no daemon runs on it")
    assert explorer.jobs == []
    assert explorer.submissions() == []


def test_missing_settings_are_told_and_the_rest_is_looked_at(checked) -> None:
    found = checked()
    assert found["exit"] == 78
    assert found["settings"]["advice"].startswith("it takes")
    assert found["manifests"]["status"] == "ok"
    assert "explorer" not in found


def test_wrong_settings_are_told_alone(checked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILER_RATE", "fast")
    found = checked()
    assert set(found) == {"exit", "settings"}
    assert (found["exit"], found["settings"]["seen"]) == (78, "RECONCILER_RATE is 'fast'")


def test_manifests_that_are_wrong_missing_or_nowhere_are_told(
    checked, explorer: OtherExplorer, tmp_path: Path
) -> None:
    (tmp_path / "jobs.d" / "b.yaml").write_text("kind: Nothing\n")
    found = checked()
    assert (found["exit"], found["manifests"]["status"]) == (1, "fail")
    assert "reconciler validate" in found["manifests"]["advice"]
    for file in (tmp_path / "jobs.d").iterdir():
        file.unlink()
    assert checked()["manifests"]["status"] == "warn"
    found = checked("--jobs-dir", "elsewhere")
    assert (found["exit"], found["manifests"]["status"]) == (1, "fail")


def test_an_explorer_out_of_reach_is_told(
    checked, explorer: OtherExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_EXPLORER_URL", "http://127.0.0.1:1")
    found = checked()
    assert (found["exit"], found["explorer"]["status"]) == (69, "fail")


def test_a_refused_login_is_told_without_its_secret(checked, explorer: OtherExplorer, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("not-it")
    found = checked()
    assert (found["exit"], found["explorer"]["status"]) == (1, "fail")
    assert "40104000" in found["explorer"]["seen"]
    assert "not-it" not in str(found)
    assert "password" in found["explorer"]["advice"]


def test_a_listing_that_is_refused_is_told(checked, explorer: OtherExplorer) -> None:
    explorer.instead_of_reading = lambda *_: refusal(40304000, "ErrForbidden")
    assert "40304000" in checked()["explorer"]["seen"]


@pytest.mark.parametrize(
    ("server_ms", "health", "seen"),
    [
        (None, "ok", "does not tell"),
        (5_000, "ok", "agree"),
        (99_000, "warn", "99 s ahead of"),
        (-99_000, "warn", "99 s behind"),
    ],
)
def test_clocks_that_differ_are_told(server_ms: int | None, health: str, seen: str) -> None:
    found = module._of_clock(server_ms, 0)
    assert (str(found.health), seen in found.seen) == (health, True)


def test_too_few_watches_are_told(checked, explorer: OtherExplorer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "limit", lambda _: "1")
    assert "fs.inotify.max_user_watches=4" in checked()["watches"]["advice"]
    monkeypatch.setattr(module, "limit", lambda _: "unknown")
    assert checked()["watches"]["status"] == "ok"


def test_a_state_in_use_names_its_daemon_and_is_left_alone(
    checked, explorer: OtherExplorer, tmp_path: Path
) -> None:
    left_behind(tmp_path, something)
    lock = Lock.take(tmp_path / ".reconciler" / "state.db", {"pid": 4711, "host": "there", "since": "now"})
    found = checked()
    lock.release()
    assert found["state"]["status"] == "ok"
    assert "in use by process 4711 on there, since now" in found["state"]["seen"]
    assert "4711" in (tmp_path / ".reconciler" / "state.db.lock").read_text()


@contextmanager
def ops_port(status: int, said: bytes) -> Iterator[str]:
    """A port that answers every request like this; gives its address."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "said", "health", "seen"),
    [
        (200, b"[+] state: ok\nok\n", "ok", "it is ready"),
        (
            503,
            b"[-] state: the disk is full\x1b\n[+] first-pass: ok\nnot ok\n",
            "fail",
            "[-] state: the disk is full",
        ),
        (500, b"", "fail", "HTTP 500"),
    ],
)
def test_a_daemon_is_asked_how_it_is(
    checked,
    explorer: OtherExplorer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    said: bytes,
    health: str,
    seen: str,
) -> None:
    left_behind(tmp_path, something)
    lock = Lock.take(tmp_path / ".reconciler" / "state.db", {"pid": 4711, "host": "there", "since": "now"})
    with ops_port(status, said) as address:
        monkeypatch.setenv("RECONCILER_LISTEN", address)
        found = checked()["daemon"]
    assert (found["status"], seen in found["seen"]) == (health, True)
    gone = checked()["daemon"]
    lock.release()
    assert (gone["status"], "does not answer on" in gone["seen"]) == ("warn", True)
    assert "daemon" not in checked()


def test_a_state_that_cannot_be_read_is_told(checked, explorer: OtherExplorer, tmp_path: Path) -> None:
    (tmp_path / ".reconciler").mkdir()
    (tmp_path / ".reconciler" / "state.db").write_text("this is no state" * 100)
    found = checked()
    assert (found["exit"], found["state"]["status"]) == (1, "fail")
    assert "docs/operating.md" in found["state"]["advice"]


def test_a_restored_state_is_told(checked, explorer: OtherExplorer, tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.store._writer._connection.execute("INSERT INTO meta (key, value) VALUES ('quarantine', 'x')")

    left_behind(tmp_path, scene)
    assert checked()["state"]["status"] == "warn"


def test_the_sandbox_is_looked_at_like_any_server(checked, tmp_path: Path) -> None:
    assert "was not used yet" in checked("--sandbox")["explorer"]["seen"]
    (tmp_path / ".reconciler" / "sandbox").mkdir(parents=True)
    play(tmp_path / ".reconciler" / "sandbox", something)
    found = checked("--sandbox")
    assert (found["explorer"]["status"], found["clock"]["status"]) == ("ok", "ok")


def test_people_read_lines(command: Command, explorer: OtherExplorer) -> None:
    lines = command("doctor").lines
    assert lines[0] == "ok    settings   all are there and can be read"
    assert "warn  manifests  none in jobs.d" in lines
    assert any(line.startswith("      to do:     write one") for line in lines)
