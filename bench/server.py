"""The bench's Explorer as the benchmark uses it: a process, and what it is told and asked."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PATIENCE_S = 600.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What the server has got so far.

    Times are in nanoseconds of the machine's monotonic clock; `read` has the target of each GET.
    """

    submissions: int
    answers: int
    reads: int
    requests: int
    submitted_ns: list[int]
    answered_ns: list[int]
    read: list[str]


class Server:
    """`bench.explorer` as a process, from the start of a block to its end."""

    def __init__(self, port: int = 0) -> None:
        self._port = port

    def __enter__(self) -> Server:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.explorer", str(self._port)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        self.port = int(self._process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()

    def set(self, **told: float) -> None:
        """Set `latency_s` and `status`, the status that all jobs have."""
        self._ask("POST", "/bench/set", json.dumps(told).encode())

    def forget(self) -> None:
        """No job was ever made."""
        self._ask("POST", "/bench/forget")

    def seen(self, since: int | None = None, read_since: int | None = None) -> Seen:
        """What arrived; with times from that submission, and from that reading, on."""
        asked = {"since": since, "read_since": read_since}
        query = "&".join(f"{key}={value}" for key, value in asked.items() if value is not None)
        return Seen(**self._ask("GET", f"/bench/seen?{query}"))

    def wait_for(self, submissions: int, since: int = 0) -> Seen:
        """Return once so many submissions have been answered."""
        query = f"submissions={submissions}&since={since}&deadline_s={PATIENCE_S}"
        seen = Seen(**self._ask("GET", f"/bench/wait?{query}"))
        if seen.answers < submissions:
            raise TimeoutError(f"{seen.answers} of {submissions} submissions came")
        return seen

    def _ask(self, method: str, path: str, body: bytes = b"") -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S + 30)
        try:
            connection.request(method, path, body)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()
