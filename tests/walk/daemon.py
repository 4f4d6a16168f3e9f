"""The program as its user has it: processes, files and the network. Nothing of the package is imported.

An `Installation` is a directory with manifests, a state and settings; its `daemon` is a real process, which
the block that started it always ends.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0
"""After so long something is wrong, however slow the machine is. Nobody waits for this when all is well."""

LOOK_S = 0.05
"""How often the daemon is looked at while it says nothing."""

T = TypeVar("T")
Item = dict[str, Any]


@dataclass
class Installation:
    """A directory in which the program is used, and its settings (without their prefix)."""

    directory: Path
    explorer_url: str
    password: str = "nebula-password"
    settings: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.jobs_dir = self.directory / "jobs.d"
        self.state = self.directory / "state" / "state.db"
        self.jobs_dir.mkdir(parents=True)
        self.password_file = self.directory / "password"
        self.password_file.write_text(self.password)

    def write(self, path: str, text: str) -> None:
        file = self.jobs_dir / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def environ(self) -> dict[str, str]:
        usual = {
            "EXPLORER_URL": self.explorer_url,
            "USERNAME": "root",
            "PASSWORD_FILE": str(self.password_file),
            "GRAPHD_ADDRESS": "graphd:9669",
            "JOBS_DIR": str(self.jobs_dir),
            "STATE": str(self.state),
            "LISTEN": "127.0.0.1:0",
            "RESYNC_S": "0.2",
            "POLL_S": "0.3",
            "SETTLE_S": "0.4",
            "TIMEOUT_S": "60",
            "DRAIN_S": "20",
            "RATE": "0",
            "LOG_LEVEL": "debug",
            "LOG_FORMAT": "json",
        }
        ours = {f"RECONCILER_{name}": value for name, value in (usual | self.settings).items() if value}
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "PYTHONPATH": str(ROOT),
            "PYTHONUTF8": "1",
            "PYTHONWARNINGS": "error",
            **ours,
        }

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "reconciler", *arguments],
            cwd=self.directory,
            env=self.environ(),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S * 2,
            check=False,
        )

    def daemon(self) -> Daemon:
        return Daemon(self)

    def get(self) -> dict[str, Item]:
        """`get -o json`, by name."""
        done = self.command("get", "-o", "json")
        assert done.returncode == 0, done.stderr
        return _by_name(json.loads(done.stdout))

    def plan(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.command("plan", "-o", "json").stdout)
        return found


class Daemon:
    """`reconciler run` as a process, from the start of a block to its end at the latest."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.log: list[dict[str, Any]] = []
        self.not_json: list[str] = []
        self.output = ""
        """All that it wrote, to either stream."""

    def __enter__(self) -> Daemon:
        self.process = self._start()
        self._news = threading.Condition()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        try:
            self.until(lambda: self.says("status page") or self.has_ended, "an ops port")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reading.join()
        assert self.process.stdout
        self.process.stdout.close()
        assert not self.not_json, f"not a line of the log: {self.not_json}"

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def says(self, event: str, **about: object) -> list[dict[str, Any]]:
        """The log's lines with this event and these values, so far."""
        return [
            line
            for line in list(self.log)
            if line["event"] == event and all(line.get(key) == value for key, value in about.items())
        ]

    def until(self, found: Callable[[], T], what: str, deadline_s: float = PATIENCE_S) -> T:
        """What `found` gives once that is true; looked at again after each line of the log, or soon."""
        deadline = time.monotonic() + deadline_s
        while not (value := found()):
            tail = self.output[-4000:]
            assert time.monotonic() < deadline, f"{what} did not come; the log ends with\n{tail}"
            with self._news:
                self._news.wait(LOOK_S)
        return value

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        self.signal(signal.SIGTERM)
        return self.ended()

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.ended()

    def ended(self) -> int:
        status = self.process.wait(PATIENCE_S)
        self._reading.join()
        return status

    def fetch(self, path: str) -> tuple[int, str]:
        """The status and text of an answer of the ops port."""
        host, _, port = self.says("status page")[0]["url"].removeprefix("http://").strip("/").rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE_S)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def status_of(self, path: str) -> int:
        return self.fetch(path)[0]

    def items(self) -> dict[str, Item]:
        return _by_name(json.loads(self.fetch("/api/v1/manifests")[1]))

    def states(self) -> dict[str, str]:
        return {name: item["state"] for name, item in self.items().items()}

    def until_states(self, deadline_s: float = PATIENCE_S, **states: str) -> None:
        """Wait until these names (with `_` for `-`) stand so."""
        wanted = {name.replace("_", "-"): state for name, state in states.items()}
        self.until(lambda: wanted.items() <= self.states().items(), str(wanted), deadline_s)

    def until_all(self, *states: str, count: int) -> dict[str, Item]:
        """Wait until there are so many names, and each is in one of these states."""

        def found() -> dict[str, Item]:
            items = self.items()
            is_there = len(items) == count and {item["state"] for item in items.values()} <= set(states)
            return items if is_there else {}

        return self.until(found, f"{count} names in {states}")

    def metric(self, series: str) -> float:
        """The value of one series, such as `held` or `reconcile_total{result="planned"}`; 0 for none."""
        found = re.search(rf"^reconciler_{re.escape(series)} (\S+)$", self.fetch("/metrics")[1], re.MULTILINE)
        return float(found[1]) if found else 0.0

    def passes(self) -> float:
        """How many passes ended, with whatever result."""
        words = ("planned", "guarded", "put_off", "missing", "emptied")
        return sum(self.metric(f'reconcile_total{{result="{word}"}}') for word in words)

    def looks_again(self, times: int = 3) -> None:
        """Return after so many more passes, of which the first may have begun before this call."""
        before = self.passes()
        self.until(lambda: self.passes() >= before + times, f"{times} passes")

    def comes_to_rest(self) -> None:
        """Return once what lies in the tree now was looked at, and nothing is on its way to Explorer."""
        self.looks_again()
        busy = {"Waiting", "Submitting"}
        self.until(lambda: not busy & set(self.states().values()), "rest")

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "reconciler", "run"],
            cwd=self.installation.directory,
            env=self.installation.environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.output += line
            try:
                self.log.append(json.loads(line))
            except ValueError:
                self.not_json.append(line)
            with self._news:
                self._news.notify_all()


def _by_name(listed: dict[str, list[Item]]) -> dict[str, Item]:
    return {item["name"]: item for item in listed["items"]}
