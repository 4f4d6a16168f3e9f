"""How the daemon starts, stops and is killed: settings, an API that is not there, a second one, the drain."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.walk.daemon import Installation
from tests.walk.manifests import manifest
from tests.walk.other_explorer import KeptReply, OtherExplorer


@pytest.fixture
def nobody() -> Iterator[socket.socket]:
    """A port of ours that nobody else can have, and at which nobody listens yet."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound


def url_of(bound: socket.socket) -> str:
    return f"http://127.0.0.1:{bound.getsockname()[1]}"


def test_every_wrong_setting_is_told_at_once(installation: Installation) -> None:
    installation.settings |= {
        "EXPLORER_URL": "ftp://explorer",
        "GRAPHD_ADDRESS": "graphd",
        "PASSWORD_FILE": str(installation.directory / "nothing"),
        "RESYNC_S": "0",
        "POLL_S": "soon",
        "RATE": "-1",
        "MAX_NEW": "1.5",
        "LISTEN": "9469",
        "LOG_LEVEL": "loud",
        "JOB_DIR": "x",
    }
    done = installation.command("run")
    assert done.returncode == 78
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert all(line.startswith("error: RECONCILER_") for line in lines), done.stderr
    assert {line.split()[1].removeprefix("RECONCILER_") for line in lines} == set(installation.settings)
    assert not installation.state.exists()


def test_settings_that_are_missing_are_told_at_once(installation: Installation) -> None:
    installation.settings |= {"EXPLORER_URL": "", "PASSWORD_FILE": "", "GRAPHD_ADDRESS": ""}
    done = installation.command("run", "--once")
    assert done.returncode == 78
    for name in ("EXPLORER_URL", "PASSWORD_FILE", "GRAPHD_ADDRESS"):
        assert f"RECONCILER_{name}" in done.stderr


def test_an_explorer_that_is_not_there_yet_is_a_state_and_not_a_crash(
    tmp_path: Path, nobody: socket.socket
) -> None:
    installation = Installation(tmp_path / "site", url_of(nobody))
    for number in range(4):
        installation.write(f"{number}.yaml", manifest(f"m{number}", str(100 + number), version=1))
    with installation.daemon() as daemon:
        items = daemon.until_all("Waiting", count=4)
        daemon.until(lambda: daemon.metric("circuit_open") == 1, "an open circuit")
        for path in ("/livez", "/readyz"):
            daemon.until(lambda path=path: daemon.status_of(path) == 200, path)
        assert {item["jobId"] for item in items.values()} == {None}
        with OtherExplorer(bound=nobody) as explorer:
            daemon.until_all("Succeeded", count=4)
            daemon.comes_to_rest()
            assert len(explorer.submissions()) == len(explorer.jobs) == 4


def test_run_once_without_an_explorer_says_that_it_is_unreachable(
    tmp_path: Path, nobody: socket.socket
) -> None:
    installation = Installation(tmp_path / "site", url_of(nobody))
    installation.write("a.yaml", manifest("a", version=1))
    assert installation.command("run", "--once").returncode == 69


def test_a_second_daemon_ends_and_names_the_first(
    installation: Installation, explorer: OtherExplorer
) -> None:
    installation.write("a.yaml", manifest("a", version=1))
    with installation.daemon() as first:
        first.until_states(a="Succeeded")
        second = installation.command("run")
        assert second.returncode == 75
        assert f"process {first.process.pid} on {socket.gethostname()}" in second.stderr
        assert installation.command("run", "--once").returncode == 75
        assert not first.has_ended
    assert len(explorer.jobs) == 1


def test_a_state_belongs_to_one_explorer(installation: Installation, explorer: OtherExplorer) -> None:
    installation.write("a.yaml", manifest("a", version=1))
    assert installation.command("run", "--once").returncode == 0
    with OtherExplorer() as another:
        installation.explorer_url = another.url
        refused = installation.command("run", "--once")
        assert refused.returncode == 78
        assert explorer.url in refused.stderr
        assert not another.requests


def test_sigterm_lets_a_request_under_way_end_and_records_it(
    installation: Installation, explorer: OtherExplorer
) -> None:
    reply = KeptReply(explorer)
    installation.write("a.yaml", manifest("a", version=1))
    with installation.daemon() as daemon:
        explorer.wait_for_jobs(1)
        installation.write("b.yaml", manifest("b", version=1))  # waits its turn, and must not be sent now
        daemon.until(lambda: "b" in daemon.items(), "b")
        daemon.signal(signal.SIGTERM)
        daemon.until(lambda: daemon.says("draining"), "the drain")
        assert not daemon.has_ended
        reply.go.set()
        assert daemon.ended() == 0
    items = installation.get()
    assert items["a"]["jobId"] == str(explorer.jobs[0].id)
    assert items["b"]["state"] == "Waiting"
    assert len(explorer.submissions()) == 1
    with installation.daemon() as daemon:
        daemon.until_states(a="Succeeded", b="Succeeded")
    assert len(explorer.submissions()) == 2


def test_a_reply_that_never_comes_is_recorded_as_unknown_within_the_drain(
    installation: Installation, explorer: OtherExplorer
) -> None:
    installation.settings["DRAIN_S"] = "1"
    reply = KeptReply(explorer)
    installation.write("a.yaml", manifest("a", version=1))
    with installation.daemon() as daemon:
        explorer.wait_for_jobs(1)
        assert daemon.stop() == 0
    reply.go.set()
    lost = installation.get()["a"]
    assert lost["state"] == "Unknown"
    assert "stopped before Explorer answered" in lost["reason"]


def test_what_was_under_way_when_the_process_was_killed_is_held_and_never_sent_again(
    installation: Installation, explorer: OtherExplorer
) -> None:
    reply = KeptReply(explorer)
    installation.write("a.yaml", manifest("a", version=1))
    with installation.daemon() as daemon:
        explorer.wait_for_jobs(1)
        daemon.kill()
    reply.go.set()
    installation.write("b.yaml", manifest("b", version=1))
    with installation.daemon() as daemon:
        daemon.until_states(a="Held", b="Succeeded")
        daemon.comes_to_rest()
        daemon.until(lambda: daemon.items()["a"]["candidates"] == ["5000"], "the job")
    assert daemon.says("unknown at start: the job may exist, and is looked for")
    assert len(explorer.submissions()) == 2
    assert [job.id for job in explorer.jobs] == [5000, 5001]
    items = installation.get()
    assert (items["a"]["jobId"], items["b"]["jobId"]) == (None, "5001")


@pytest.mark.parametrize("moment", range(4))
def test_killed_at_any_moment_a_job_is_never_made_twice(
    installation: Installation, explorer: OtherExplorer, moment: int
) -> None:
    for number in range(8):
        installation.write(f"{number}.yaml", manifest(f"m{number}", str(40 + number % 3), version=number))
    with installation.daemon() as daemon:
        explorer.wait_until(lambda: len(explorer.requests) >= 6 * moment)
        daemon.kill()
    with installation.daemon() as daemon:
        items = daemon.until_all("Succeeded", "Held", count=8)
        held = [item for item in items.values() if item["state"] == "Held"]
    made = [job.input["query_1"]["version"] for job in explorer.jobs]
    assert len(set(made)) == len(made) >= 8 - len(held)
    assert len(held) <= 3  # one a workflow


def test_sighup_starts_a_pass(installation: Installation) -> None:
    installation.settings["RESYNC_S"] = "600"
    installation.write("a.yaml", manifest("a", is_suspended=True))
    with installation.daemon() as daemon:
        daemon.until_states(a="Suspended")
        for _ in range(2):
            before = daemon.passes()
            daemon.signal(signal.SIGHUP)
            daemon.until(lambda before=before: daemon.passes() > before, "a pass")


def test_a_port_that_is_taken_is_told(installation: Installation) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        installation.settings["LISTEN"] = f"127.0.0.1:{taken.getsockname()[1]}"
        done = installation.command("run")
    assert done.returncode == 78
    assert "cannot listen on 127.0.0.1" in done.stderr
