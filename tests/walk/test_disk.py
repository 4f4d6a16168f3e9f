"""A disk that refuses: nothing is sent that could not be recorded, it is said aloud, and it heals."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.walk.daemon import Daemon, Installation
from tests.walk.disk import allow_writes, refuse_writes
from tests.walk.manifests import manifest
from tests.walk.other_explorer import KeptReply, OtherExplorer


def until_said_aloud(daemon: Daemon) -> None:
    daemon.until(lambda: is_not_ready(daemon), "a daemon that is not ready")
    daemon.until(lambda: daemon.metric("state_write_errors_total") > 0, "the metric")
    daemon.until(lambda: daemon.status_of("/livez") == 200, "a daemon that lives")


def is_not_ready(daemon: Daemon) -> bool:
    status, told = daemon.fetch("/readyz?verbose")
    return status == 503 and "[-] state" in told


def until_waiting_for_the_state(daemon: Daemon) -> None:
    daemon.until(lambda: daemon.says("the state cannot be opened for writing; nothing is sent"), "that")
    daemon.until(lambda: is_not_ready(daemon), "a daemon that is not ready")
    daemon.until(lambda: daemon.status_of("/livez") == 200, "a daemon that lives")


def test_a_disk_that_refuses_stops_submissions_and_they_go_on_when_it_is_well(
    installation: Installation, explorer: OtherExplorer
) -> None:
    installation.write("a.yaml", manifest("a", version=1))
    with installation.daemon() as daemon:
        daemon.until_states(a="Succeeded")
        refuse_writes(daemon)
        installation.write("a.yaml", manifest("a", version=2))
        installation.write("b.yaml", manifest("b", "43", version=1))
        until_said_aloud(daemon)
        daemon.until(lambda: daemon.metric("state_write_errors_total") >= 3, "more tries")
        assert len(explorer.submissions()) == 1
        assert [line for line in daemon.log if line["level"] == "error"]
        allow_writes(daemon)
        explorer.wait_for_jobs(3)
        daemon.until_states(a="Succeeded", b="Succeeded")
        daemon.until(lambda: daemon.status_of("/readyz") == 200, "a daemon that is ready")
    assert len(explorer.submissions()) == 3


def test_a_receipt_that_cannot_be_recorded_yet_is_kept_until_it_can(
    installation: Installation, explorer: OtherExplorer
) -> None:
    reply = KeptReply(explorer)
    installation.write("a.yaml", manifest("a", version=1))
    with installation.daemon() as daemon:
        explorer.wait_for_jobs(1)
        refuse_writes(daemon)
        reply.go.set()
        daemon.until(lambda: daemon.says("what came of a request cannot be recorded yet"), "a complaint")
        allow_writes(daemon)
        daemon.until_states(a="Succeeded")
    assert len(explorer.submissions()) == 1
    assert installation.get()["a"]["jobId"] == str(explorer.jobs[0].id)


def test_a_receipt_that_could_not_be_recorded_before_the_end_is_looked_for_by_the_next_start(
    installation: Installation, explorer: OtherExplorer
) -> None:
    installation.settings["DRAIN_S"] = "1"
    reply = KeptReply(explorer)
    installation.write("a.yaml", manifest("a", version=1))
    with installation.daemon() as daemon:
        explorer.wait_for_jobs(1)
        refuse_writes(daemon)
        reply.go.set()
        daemon.until(lambda: daemon.says("what came of a request cannot be recorded yet"), "a complaint")
        assert daemon.stop() == 0
    with installation.daemon() as daemon:
        daemon.until_states(a="Held")
    assert len(explorer.submissions()) == 1


def test_a_wish_that_cannot_be_performed_yet_is_performed_when_the_disk_is_well(
    installation: Installation, explorer: OtherExplorer
) -> None:
    explorer.add_job("42")
    installation.write("a.yaml", manifest("a", version=1))
    with installation.daemon() as daemon:
        daemon.until(lambda: "approve" in str(daemon.items().get("a")), "the guard")
        plan_hash = installation.plan()["hash"]
        refuse_writes(daemon)
        with ThreadPoolExecutor(1) as beside:
            asked = beside.submit(installation.command, "approve", plan_hash)
            daemon.until(lambda: daemon.metric("state_write_errors_total") > 0, "a try to perform it")
            allow_writes(daemon)
            answered = asked.result()
        assert (answered.returncode, answered.stdout) == (0, "approved 1 run\n")
        daemon.until_states(a="Succeeded")


def test_a_state_that_cannot_be_made_is_waited_for(
    installation: Installation, explorer: OtherExplorer
) -> None:
    installation.state.parent.write_text("in the way")
    installation.write("a.yaml", manifest("a", version=1))
    with installation.daemon() as daemon:
        until_waiting_for_the_state(daemon)
        assert not explorer.requests
        installation.state.parent.unlink()
        daemon.until_states(a="Succeeded")
        daemon.until(lambda: daemon.status_of("/readyz") == 200, "a daemon that is ready")
    installation.state.parent.rename(installation.directory / "aside")
    installation.state.parent.write_text("in the way")
    once = installation.command("run", "--once")
    assert once.returncode == 1
    assert "Traceback" not in once.stderr
    assert len(explorer.submissions()) == 1


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """A small disk of its own at `volume`; call it to mount it anew with these options."""
    place = tmp_path / "volume"
    place.mkdir()

    def mount(options: str) -> None:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", place],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"a disk of our own cannot be mounted here: {done.stderr.strip()}")

    if os.geteuid() != 0:
        pytest.skip("only root may mount a disk of our own")
    mount("size=1m")
    yield mount
    subprocess.run(["umount", "--lazy", place], check=True)


def fill(ballast: Path) -> None:
    """Take what is left of the disk that this file is on."""
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def test_a_full_disk_stops_submissions_until_there_is_room(
    installation: Installation, explorer: OtherExplorer, volume: Callable[[str], None], tmp_path: Path
) -> None:
    installation.state = tmp_path / "volume" / "state.db"
    installation.write("a.yaml", manifest("a", version=1))
    with installation.daemon() as daemon:
        daemon.until_states(a="Succeeded")
        fill(tmp_path / "volume" / "ballast")
        for number in range(20):  # more than what the log may have left of its room
            installation.write(f"{number}.yaml", manifest(f"m{number}", text="x" * 20_000))
        until_said_aloud(daemon)
        daemon.until(lambda: len(daemon.says("a pass could not be recorded; nothing new is sent")) >= 2, "it")
        assert len(explorer.submissions()) == 1
        (tmp_path / "volume" / "ballast").unlink()
        volume("remount,size=16m")
        daemon.until_all("Succeeded", count=21)
        daemon.until(lambda: daemon.status_of("/readyz") == 200, "a daemon that is ready")
    assert len(explorer.submissions()) == len(explorer.jobs) == 21


def test_a_read_only_state_is_waited_for(
    installation: Installation, explorer: OtherExplorer, volume: Callable[[str], None], tmp_path: Path
) -> None:
    installation.state = tmp_path / "volume" / "state.db"
    installation.write("a.yaml", manifest("a", version=1))
    volume("remount,ro")
    with installation.daemon() as daemon:
        until_waiting_for_the_state(daemon)
        assert not explorer.requests
        volume("remount,rw")
        daemon.until_states(a="Succeeded")
        daemon.until(lambda: daemon.status_of("/readyz") == 200, "a daemon that is ready")
    assert len(explorer.submissions()) == 1
