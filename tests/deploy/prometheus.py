"""A real Prometheus on this machine, for one target; started and ended by the block that uses it."""

from __future__ import annotations

import http.client
import json
import math
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from tests.deploy.tools import tool
from tests.walk.daemon import Daemon

PATIENCE_S = 120.0
LOOK_S = 0.2
TRIES = 5
"""How often it is started, should somebody else have taken its port meanwhile."""


def target_of(daemon: Daemon) -> str:
    """Where Prometheus finds this daemon's ops port."""
    url: str = daemon.says("status page")[0]["url"]
    return url.removeprefix("http://").strip("/")


class Prometheus:
    """Scrapes its targets twice a second as the job `reconciler`, and evaluates these rules as often.

    `targets` are host:port, by the namespace that their series get; an empty one is none.
    """

    def __init__(self, directory: Path, targets: dict[str, str], rules: Path) -> None:
        directory.mkdir()
        self._directory = directory
        config = {
            "global": {"scrape_interval": "500ms", "evaluation_interval": "500ms"},
            "rule_files": [str(rules)],
            "scrape_configs": [
                {
                    "job_name": "reconciler",
                    "static_configs": [
                        {"targets": [target], "labels": {"namespace": namespace}}
                        for namespace, target in targets.items()
                    ],
                }
            ],
        }
        (directory / "prometheus.yaml").write_text(yaml.safe_dump(config))

    def __enter__(self) -> Prometheus:
        for _ in range(TRIES):
            self._start()
            try:
                self.until(lambda: self._has_ended or self._status("/-/ready") == 200, "Prometheus")
            except BaseException:
                self.__exit__()
                raise
            if not self._has_ended:
                return self
        raise AssertionError(self._log())

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE_S)

    def _start(self) -> None:
        """At a port that was free a moment ago: Prometheus does not say which one it has taken."""
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self._port: int = listener.getsockname()[1]
        with (self._directory / "log").open("w") as log:
            self._process = subprocess.Popen(
                [
                    tool("prometheus"),
                    f"--config.file={self._directory / 'prometheus.yaml'}",
                    f"--storage.tsdb.path={self._directory / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self._port}",
                    "--log.level=warn",
                ],
                stdout=log,
                stderr=log,
            )

    @property
    def _has_ended(self) -> bool:
        return self._process.poll() is not None

    def _log(self) -> str:
        return (self._directory / "log").read_text()[-3000:]

    def until(self, found: Callable[[], object], what: str) -> None:
        """Look until it is so, or Prometheus has ended: that is all that it announces."""
        deadline = time.monotonic() + PATIENCE_S
        while not found():
            assert time.monotonic() < deadline, f"{what} did not come\n{self._log()}"
            assert not self._has_ended, self._log()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(LOOK_S)

    def asked(self, expression: str) -> list[dict[str, Any]]:
        """The series that this expression has now."""
        answer = self.get("/api/v1/query", query=expression)
        assert answer["status"] == "success", f"{expression}: {answer}"
        result = answer["data"]["result"]
        return result if answer["data"]["resultType"] == "vector" else [{"metric": {}, "value": result}]

    def values(self, expression: str) -> list[float]:
        """The values of these series, without those that are no number."""
        found = [float(one["value"][1]) for one in self.asked(expression)]
        return [value for value in found if math.isfinite(value)]

    def get(self, path: str, **parameters: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
        try:
            connection.request("GET", f"{path}?{urlencode(parameters)}")
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def _status(self, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()
