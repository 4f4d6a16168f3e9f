"""The dashboards while everything goes wrong: each query tells of its fault, from a real daemon's metrics.

The daemon works with the sandbox, whose faults are switched on one after the other. A query that shows a
fault gives 0 while all is well; that it gives anything else is seen here only.
"""

from __future__ import annotations

import http.client
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy.monitoring.__main__ import RULES
from tests.deploy.boards import queries, sandbox
from tests.deploy.prometheus import Prometheus, target_of
from tests.deploy.tools import tool
from tests.source.git import Repository
from tests.walk.daemon import PATIENCE_S, Daemon, Installation
from tests.walk.disk import allow_writes, refuse_writes
from tests.walk.manifests import manifest

QUICK, EXCLUSIVE, REFUSED, LOST = "1", "2", "3", "4"
WORKFLOWS = {
    number: {"name": f"w{number}", "any": True, "preparing_s": 0.1, "running_s": 0.5}
    for number in (QUICK, EXCLUSIVE, REFUSED, LOST)
}
ERROR = {"code": 40004001, "message": "ErrParam: no such task"}


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that faults are done to, and the Prometheus that watches."""

    explorer: str
    site: Installation
    repository: Repository
    daemon: Daemon
    prometheus: Prometheus

    def control(self, method: str, what: str, body: Any) -> None:
        """Tell the sandbox what to do."""
        connection = http.client.HTTPConnection(self.explorer.removeprefix("http://"), timeout=PATIENCE_S)
        try:
            connection.request(method, f"/sandbox/{what}", json.dumps(body))
            assert connection.getresponse().status == 200
        finally:
            connection.close()

    def faults(self, *faults: dict[str, Any]) -> None:
        self.control("PUT", "faults", faults)

    def commit(self, name: str, workflow: str) -> None:
        self.repository.commit({f"{name}.yaml": manifest(name, workflow)})

    def until_seen(self, expression: str) -> None:
        """Until Prometheus has this, and not as 0; now or a moment ago."""
        asked = f"max_over_time(({expression})[1m:1s])"
        self.prometheus.until(lambda: any(self.prometheus.values(asked)), expression)


@pytest.fixture
def troubled(tmp_path: Path) -> Iterator[Scene]:
    """A daemon under everything that a query may tell of, and the Prometheus that has watched it."""
    tool("prometheus")
    repository = Repository(tmp_path / "repository", tmp_path)
    repository.commit({"quick.yaml": manifest("quick", QUICK)})
    (tmp_path / "explorer").mkdir()
    (tmp_path / "explorer" / "workflows.json").write_text(json.dumps(WORKFLOWS))
    with sandbox(tmp_path / "explorer") as url:
        site = installed(tmp_path / "site", url, repository.path / "jobs.d")
        with (
            site.daemon() as daemon,
            Prometheus(tmp_path / "prometheus", {"": target_of(daemon)}, RULES) as prometheus,
        ):
            scene = Scene(url, site, repository, daemon, prometheus)
            scene.until_seen('reconciler_job_transitions_total{status="Success"}')
            a_server_that_goes_wrong(scene)
            a_machine_that_goes_wrong(scene)
            yield scene


def installed(directory: Path, explorer: str, jobs_dir: Path) -> Installation:
    site = Installation(directory, explorer, "sandbox")
    site.settings |= {
        "USERNAME": "sandbox",
        "JOBS_DIR": str(jobs_dir),
        "RATE": "20",
        "SETTLE_S": "8",
        "MAX_NEW": "0",
        "EXCLUSIVE": EXCLUSIVE,
    }
    return site


def a_server_that_goes_wrong(scene: Scene) -> None:
    scene.faults(
        {"kind": "answer", "operation": "submit", "workflow": REFUSED, "status": 400, "body": ERROR},
        {"kind": "drop", "operation": "submit", "workflow": LOST, "moment": "after"},
    )
    scene.commit("refused", REFUSED)
    scene.until_seen('reconciler_submissions_total{result="rejected"}')
    scene.commit("lost", LOST)
    scene.until_seen("reconciler_unknown_outcomes")
    scene.until_seen("reconciler_held")
    scene.commit("exclusive", EXCLUSIVE)
    scene.daemon.until_states(exclusive="Succeeded")
    scene.control("POST", "jobs", {"workflowId": EXCLUSIVE, "input": {}})
    scene.repository.commit({"exclusive.yaml": manifest("exclusive", EXCLUSIVE, again=1)})
    scene.until_seen("reconciler_assumption_violations_total")
    scene.faults({"kind": "answer", "operation": "any", "times": None, "status": 503})
    scene.repository.commit({f"more-{number}.yaml": manifest(f"more-{number}", QUICK) for number in range(5)})
    scene.until_seen("reconciler_circuit_open")
    scene.until_seen("reconciler_queue_oldest_seconds")
    scene.faults()
    scene.daemon.until(lambda: scene.daemon.states().get("more-4") == "Succeeded", "an Explorer that answers")


def a_machine_that_goes_wrong(scene: Scene) -> None:
    scene.repository.commit({"bad.yaml": "kind: ["})
    scene.until_seen("reconciler_manifest_errors_total")
    lock = scene.repository.path / ".git" / "index.lock"
    lock.touch()
    scene.until_seen("reconciler_passes_put_off_total")
    lock.unlink()
    jobs_dir = scene.repository.path / "jobs.d"
    shutil.copytree(jobs_dir, jobs_dir.with_name("fresh"))
    jobs_dir.rename(jobs_dir.with_name("aside"))
    jobs_dir.with_name("fresh").rename(jobs_dir)
    scene.until_seen("reconciler_watch_restarts_total")
    assert scene.site.command("pause").returncode == 0
    scene.until_seen("reconciler_paused")
    refuse_writes(scene.daemon)
    scene.commit("last", QUICK)
    scene.until_seen("reconciler_state_write_errors_total")
    allow_writes(scene.daemon)


def test_each_query_tells_of_what_goes_wrong(troubled: Scene) -> None:
    for asked in queries():
        seen = f"max_over_time(({asked.expression})[30m:1s])"
        troubled.prometheus.until(lambda seen=seen: any(troubled.prometheus.values(seen)), asked.where)
