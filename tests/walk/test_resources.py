"""What the system has run out of: told, lived with, and healed without a restart; nothing lost or twice."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.walk.daemon import PATIENCE_S, Daemon, Installation
from tests.walk.manifests import manifest
from tests.walk.other_explorer import OtherExplorer

LOUD = ("warning", "error")
STANDARD = 3
"""Descriptors that every process has."""


def leave_descriptors(daemon: Daemon, count: int) -> None:
    """From now on the kernel gives this process so many more file descriptors, and then no more (EMFILE)."""
    numbers = descriptors_at_rest(daemon)
    free = [number for number in range(STANDARD, max(numbers) + count + 2) if number not in numbers]
    _, most = resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (free[count], most))


def descriptors_at_rest(daemon: Daemon) -> set[int]:
    """Those that are always open: a pass, or a request, has others for a moment."""
    seen: list[set[int]] = []

    def is_enough() -> bool:
        seen.append({int(name) for name in os.listdir(f"/proc/{daemon.process.pid}/fd")})  # noqa: PTH208
        return len(seen) >= 10

    daemon.until(is_enough, "ten looks")
    return set.intersection(*seen)


def give_descriptors(daemon: Daemon) -> None:
    _, most = resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (most, most))


def test_without_file_descriptors_nothing_is_lost_deleted_or_sent_twice(
    installation: Installation, explorer: OtherExplorer
) -> None:
    """With one or two left, the tree can be listed but not read, or read but nobody can be asked."""
    installation.write("a.yaml", manifest("a", version=0))
    with installation.daemon() as daemon:
        daemon.until_states(a="Succeeded")
        for version, left in enumerate((0, 1, 2, 3, 4, 6), start=1):
            before = len(daemon.log)
            leave_descriptors(daemon, left)
            installation.write("a.yaml", manifest("a", version=version))
            installation.write(f"b{version}.yaml", manifest(f"b{version}", "43", version=1))
            daemon.until(lambda before=before: len(daemon.log) >= before + 3, "some lines of the log")
            if left == 0:
                daemon.until(lambda: daemon.says("the source is not well"), "a word of the tree")
            give_descriptors(daemon)
            daemon.until_states(a="Succeeded", **{f"b{version}": "Succeeded"})
            daemon.until(lambda version=version: daemon.items()["a"]["generation"] == version + 1, "it")
        assert not [line for line in daemon.log if line["level"] == "critical"]
        daemon.until(lambda: daemon.status_of("/readyz") == 200, "a daemon that is ready")
        daemon.until_all("Succeeded", count=7)
    inputs = sorted(json.dumps([job.workflow, job.input]) for job in explorer.jobs)
    assert len(inputs) == len(explorer.submissions()) == 7 + 6
    assert len(set(inputs)) == 7 + 1, "six manifests say the same, and each ran once"
    assert "Deleted" not in daemon.output


def test_a_probe_that_could_not_be_taken_for_want_of_descriptors_is_answered_when_there_are_some(
    installation: Installation, explorer: OtherExplorer
) -> None:
    with installation.daemon() as daemon:
        daemon.until(lambda: daemon.status_of("/readyz") == 200, "a daemon that is ready")
        leave_descriptors(daemon, 0)
        probe = subprocess.Popen(
            [sys.executable, "-c", _PROBE, daemon.says("status page")[0]["url"]], stdout=subprocess.PIPE
        )
        daemon.until(lambda: [it for it in daemon.log if "out of system resource" in it["event"]], "that")
        give_descriptors(daemon)
        said, _ = probe.communicate(timeout=PATIENCE_S)
        assert said == b"ok\n"


_PROBE = """
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1] + "livez", timeout=120).read().decode(), end="")
"""


class DaemonWithLimit(Daemon):
    """A daemon in a user namespace of its own, in which one of the kernel's limits is another."""

    def __init__(self, installation: Installation, limit: str) -> None:
        super().__init__(installation)
        self._limit, _, self._number = limit.partition("=")

    def _start(self) -> subprocess.Popen[str]:
        set_limit = f'echo {self._number} > /proc/sys/user/{self._limit} && exec "$@"'
        program = [sys.executable, "-m", "reconciler", "run"]
        return subprocess.Popen(
            ["unshare", "--user", "--map-root-user", "sh", "-c", set_limit, "sh", *program],
            cwd=self.installation.directory,
            env=self.installation.environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        ("max_inotify_instances=0", "instance"),
        ("max_inotify_watches=0", "watch"),
        ("max_inotify_watches=3", "watch"),
    ],
)
def test_without_inotify_the_resync_finds_what_changed(
    installation: Installation, explorer: OtherExplorer, limit: str, reason: str
) -> None:
    test = ["unshare", "--user", "--map-root-user", "sh", "-c", "echo 9 > /proc/sys/user/max_inotify_watches"]
    if shutil.which("unshare") is None or subprocess.run(test, check=False, capture_output=True).returncode:
        pytest.skip("this system lets nobody make a user namespace, so its limits cannot be lowered")
    for number in range(9):
        installation.write(f"team-{number}/a.yaml", manifest(f"a{number}", version=1))
    with DaemonWithLimit(installation, limit) as daemon:
        daemon.until_all("Succeeded", count=9)
        installation.write("team-8/a.yaml", manifest("a8", version=2))
        Path(installation.jobs_dir / "new").mkdir()
        installation.write("new/b.yaml", manifest("b", version=1))
        daemon.until_all("Succeeded", count=10)
        daemon.until(lambda: daemon.items()["a8"]["generation"] == 2, "the new version")
        daemon.until(
            lambda: [it for it in daemon.log if reason in str(it) and it["level"] in LOUD], "it to be told"
        )
        for path in ("/livez", "/readyz"):
            daemon.until(lambda path=path: daemon.status_of(path) == 200, path)
    assert len(explorer.submissions()) == 11
