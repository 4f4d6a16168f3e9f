"""What people see while a daemon works: rows that follow it, its reasons, and what its jobs found."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.walk.daemon import PATIENCE_S, Installation
from tests.walk.manifests import manifest
from tests.walk.other_explorer import OtherExplorer


@contextmanager
def watching(installation: Installation, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`get --watch` beside the daemon, until the block ends, or for so long that something is wrong."""
    with subprocess.Popen(
        [sys.executable, "-m", "reconciler", "get", "--watch", *arguments],
        cwd=installation.directory,
        env=installation.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        deadline = threading.Timer(2 * PATIENCE_S, process.kill)
        deadline.start()
        try:
            yield process
        finally:
            deadline.cancel()
            process.kill()


def test_a_watch_shows_each_change_while_it_comes(
    installation: Installation, explorer: OtherExplorer
) -> None:
    states: list[str] = []
    explorer.runs_s = lambda _: 0.0 if "Running" in states else 3600.0
    with watching(installation, "-o", "json") as watch, installation.daemon() as daemon:
        installation.write("a.yaml", manifest("a", player="Tim"))
        assert watch.stdout
        while "Succeeded" not in states:
            states.append(json.loads(watch.stdout.readline())["state"])
        daemon.until_states(a="Succeeded")
        watch.send_signal(signal.SIGINT)
        assert watch.wait(PATIENCE_S) == 130
    assert states.index("Running") < states.index("Succeeded")


def test_what_a_job_found_is_shown(installation: Installation, explorer: OtherExplorer) -> None:
    rows = [["player101", "Tony Parker"], ["player125", "Manu"], ["player100", "Tim"]]
    explorer.rows = {"query_1": rows}
    installation.write("a.yaml", manifest("a", player="Tim"))
    with installation.daemon() as daemon:
        daemon.until_states(a="Succeeded")
        found = json.loads(installation.command("results", "a", "--limit", "2", "-o", "json").stdout)
        told = installation.command("results", "a", "--task", "query_1", "-o", "csv")
        explorer.forget_sessions()
        again = installation.command("results", "a", "--task", "query_1", "-o", "csv")
    assert found["jobId"] == str(explorer.jobs[0].id)
    assert [task["rows"] for task in found["tasks"] if task["id"] == "query_1"] == [rows[:2]]
    assert list(csv.reader(told.stdout.splitlines())) == rows
    assert (again.returncode, again.stdout) == (0, told.stdout)
    installation.explorer_url = "http://127.0.0.1:1"
    assert installation.command("results", "a").returncode == 69


def test_a_running_daemon_is_named_by_who_explains(
    installation: Installation, explorer: OtherExplorer
) -> None:
    explorer.job_s = 60.0
    installation.write("a.yaml", manifest("a", player="Tim"))
    with installation.daemon() as daemon:
        daemon.until_states(a="Running")
        told = installation.command("explain", "a").stdout
        doctor = json.loads(installation.command("doctor", "-o", "json").stdout)
    assert f"has job {explorer.jobs[0].id}, made " in told
    assert f"The daemon that does it is process {daemon.process.pid} on " in told
    seen = {it["subject"]: (it["status"], it["seen"]) for it in doctor["checks"]}
    assert seen["explorer"][0] == "ok"
    assert f"in use by process {daemon.process.pid}" in seen["state"][1]
    assert len(explorer.jobs) == 1
