"""`reconciler run` as a process, and what can be told of it from outside: /metrics and /proc."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import time
from pathlib import Path

PATIENCE_S = 900.0
LOOK_S = 0.1
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
SERIES = re.compile(r"^reconciler_(\S+) (\S+)$", re.MULTILINE)


class Daemon:
    """The daemon, from the start of a block to its end. `arguments` start it; its log goes to a file.

    While it runs, and for good if the block breaks, the file `known` is away: it stands for a state in which
    nothing is left to do.
    """

    def __init__(
        self, arguments: list[str], environ: dict[str, str], directory: Path, known: Path | None = None
    ) -> None:
        self._arguments = arguments
        self._environ = environ
        self._directory = directory
        self._log = directory / "daemon.log"
        self._known = known if known and known.exists() else None
        self._known_text = self._known.read_text() if self._known else ""

    def __enter__(self) -> Daemon:
        if self._known:
            self._known.unlink()
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                self._arguments, cwd=self._directory, env=self._environ, stdout=log, stderr=subprocess.STDOUT
            )
        self.pid = self.process.pid
        try:
            self.port = self._until_listening()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, broken: type[BaseException] | None, *_: object) -> None:
        self._end()
        if self._known and broken is None:
            self._known.write_text(self._known_text)

    def _end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def metrics(self) -> dict[str, float]:
        """Every series of the program's own, by name and labels, without its prefix."""
        return {name: float(value) for name, value in SERIES.findall(self.fetch("/metrics"))}

    def fetch(self, path: str) -> str:
        """What the ops port answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def passes(self) -> tuple[int, float]:
        """How many passes have ended, and how many seconds they took together."""
        seen = self.metrics()
        count = seen["reconcile_duration_seconds_count"]
        return int(count), seen["reconcile_duration_seconds_sum"]

    def next_pass_s(self, look_s: float = LOOK_S) -> float:
        """How long the pass took that ends next; returns just after its end."""
        before, before_s = self.passes()
        now, now_s = self.until_passes(before + 1, look_s)
        return (now_s - before_s) / (now - before)

    def until_passes(self, count: int, look_s: float = LOOK_S) -> tuple[int, float]:
        """Return once so many passes have ended."""
        deadline = time.monotonic() + PATIENCE_S
        while (seen := self.passes())[0] < count:
            self._patience(deadline, f"pass {count}")
            time.sleep(look_s)
        return seen

    def ended_jobs(self) -> int:
        """How many jobs this daemon has seen succeed, and recorded so. A counter, which never lags behind."""
        return int(self.metrics()['job_transitions_total{status="Success"}'])

    def until_ended(self, count: int) -> None:
        """Return once so many jobs have succeeded."""
        deadline = time.monotonic() + PATIENCE_S
        while self.ended_jobs() < count:
            self._patience(deadline, f"the end of job {count}")
            time.sleep(LOOK_S)

    def cpu_s(self) -> float:
        """Seconds of a core that the process has used, its threads together."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND

    def memory_mib(self, field: str) -> float:
        """A field of /proc/PID/status that is in KiB, such as VmRSS and VmHWM, in MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)
        assert found, f"no {field} in /proc/{self.pid}/status"
        return int(found[1]) / 1024

    def log(self) -> str:
        """What it has logged."""
        return self._log.read_text(errors="replace")

    def _until_listening(self) -> int:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            for line in self.log().splitlines():
                if '"status page"' in line:
                    return int(json.loads(line)["url"].rstrip("/").rpartition(":")[2])
            self._patience(deadline, "an ops port")
            time.sleep(0.02)

    def _patience(self, deadline: float, what: str) -> None:
        if self.process.poll() is not None:
            raise RuntimeError(f"the daemon ended with {self.process.returncode}:\n{self.log()[-4000:]}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come; the log ends with\n{self.log()[-4000:]}")
