"""A file system that is full, and has room again: nothing is sent that could not be noted, and it heals."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.faults import FaultyExplorer
from tests.crash.scenario import QUICK, body_of, judge
from tests.crash.tracing import AS_ROOT
from tests.walk.daemon import Daemon, Installation
from tests.walk.manifests import manifest
from tests.walk.other_explorer import KeptReply


class Disk:
    """A small file system of its own, for the state."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.filler = directory / "filler"

    def fill(self) -> None:
        """Not one byte more fits."""
        with self.filler.open("wb", buffering=0) as file:
            for size in (4096, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    continue

    def empty(self) -> None:
        self.filler.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    directory = tmp_path / "disk"
    directory.mkdir()
    options = f"size=2m,mode=0700,uid={os.geteuid()}"
    mounted = subprocess.run(
        [*AS_ROOT, "mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield Disk(directory)
    finally:
        subprocess.run([*AS_ROOT, "umount", str(directory)], check=True)


def on(disk: Disk, explorer: FaultyExplorer, directory: Path) -> Installation:
    installation = Installation(directory, explorer.url, settings=dict(QUICK))
    installation.state = disk.directory / "state" / "state.db"
    return installation


def complains(daemon: Daemon) -> bool:
    return daemon.status_of("/readyz") == 503


def sends_nothing(daemon: Daemon, explorer: FaultyExplorer) -> bool:
    """Whether nothing is sent while ten writes are refused: what is small may have fitted in before."""
    sent, refused = len(explorer.submissions()), daemon.metric("state_write_errors_total")
    daemon.until(lambda: daemon.metric("state_write_errors_total") > refused + 10, "more tries")
    return len(explorer.submissions()) == sent


def test_a_disk_that_is_full_stops_submissions_until_it_has_room(disk: Disk, tmp_path: Path) -> None:
    with FaultyExplorer(job_s=0.1) as explorer:
        installation = on(disk, explorer, tmp_path / "site")
        installation.write("a.yaml", manifest("a", version=1))
        with installation.daemon() as daemon:
            daemon.until_states(a="Succeeded")
            disk.fill()
            for version in range(2, 12):
                installation.write(f"{version}.yaml", manifest(f"m{version}", f"{version}", version=version))
            daemon.until(lambda: complains(daemon), "a daemon that is not ready")
            daemon.until(lambda: sends_nothing(daemon, explorer), "a daemon that tries, and sends nothing")
            disk.empty()
            items = daemon.until_all("Succeeded", count=11)
            daemon.until(lambda: not complains(daemon), "a daemon that is ready")
        bodies = {"a": body_of(1)} | {f"m{version}": body_of(version) for version in range(2, 12)}
        verdict = judge(explorer, items, bodies)
        assert verdict, verdict.wrong
        assert len(explorer.submissions()) == 11


def test_a_disk_that_fills_while_a_reply_is_under_way_loses_nothing(disk: Disk, tmp_path: Path) -> None:
    with FaultyExplorer(job_s=0.1) as explorer:
        installation = on(disk, explorer, tmp_path / "site")
        reply = KeptReply(explorer)
        installation.write("a.yaml", manifest("a", version=1))
        with installation.daemon() as daemon:
            explorer.wait_for_jobs(1)
            disk.fill()
            reply.go.set()
            # What is small may still fit into pages that the log has already.
            daemon.until(
                lambda: (
                    daemon.says("submitted") or daemon.says("what came of a request cannot be recorded yet")
                ),
                "an end",
            )
            disk.empty()
            daemon.until_states(a="Succeeded")
        assert len(explorer.submissions()) == len(explorer.jobs) == 1
        assert installation.get()["a"]["jobId"] == str(explorer.jobs[0].id)


def test_a_daemon_that_dies_on_a_full_disk_submits_nothing_twice(disk: Disk, tmp_path: Path) -> None:
    with FaultyExplorer(job_s=0.1) as explorer:
        installation = on(disk, explorer, tmp_path / "site")
        reply = KeptReply(explorer)
        installation.write("a.yaml", manifest("a", version=1))
        with installation.daemon() as daemon:
            explorer.wait_for_jobs(1)
            disk.fill()
            reply.go.set()
            daemon.until(lambda: len(daemon.log) > 3, "a word")
            daemon.kill()
        with installation.daemon() as daemon:
            daemon.until(lambda: daemon.has_ended or complains(daemon) or daemon.items(), "a word")
            assert len(explorer.submissions()) == 1
            disk.empty()
            items = daemon.until_all("Succeeded", "Held", count=1)
        verdict = judge(explorer, items, {"a": body_of(1)})
        assert verdict, verdict.wrong
        assert len(explorer.submissions()) == 1
