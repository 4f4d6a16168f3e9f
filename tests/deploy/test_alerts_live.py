"""Every alert seen firing in a real Prometheus, for its cause, in a real daemon; minutes pass as seconds."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy.monitoring.__main__ import RULES
from tests.crash.tracing import NO_STRACE, traced
from tests.deploy.prometheus import Prometheus, target_of
from tests.deploy.test_alerts import ALERTS
from tests.source.git import swap_link
from tests.walk.daemon import Daemon, Installation
from tests.walk.disk import allow_writes, refuse_writes
from tests.walk.manifests import manifest
from tests.walk.other_explorer import Answer, Cut, Job, OtherExplorer, refusal

HANGS = "inject=openat,getdents64,statx,newfstatat:delay_enter=3600s"
"""What a call on the tree does (strace(1)): it hangs, as on a network file system whose server is gone."""

EXCLUSIVE, LOST, REFUSED, ENDLESS, FAILING, MISSING = "50", "60", "70", "80", "90", "99"
FAILED, RUNNING = 3, 1


def in_seconds(rules: str) -> str:
    """The same rules: windows of 3 to 5 s, nothing that waits longer than one, and limits as low."""

    def window(found: re.Match[str]) -> str:
        minutes = int(found["count"]) * {"m": 1, "h": 60, "d": 1440}[found["unit"]]
        return f"[{min(max(minutes, 3), 5)}s]"

    shorter = re.sub(r"\[(?P<count>\d+)(?P<unit>[mhd])\]", window, rules)
    shorter = re.sub(r"for: \d+[mh]", "for: 1s", shorter)
    for usual, small in {"> 600": "> 5", "> 900": "> 2", "> 12 +": "> 4 +", "2^30": "2^17"}.items():
        assert usual in shorter
        shorter = shorter.replace(usual, small)
    return shorter


class TroubledExplorer(OtherExplorer):
    """Some workflows' jobs fail or never end, some refuse every request, and of one no reply arrives."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.missing_workflows = {MISSING}
        self.instead_of_job = self._refused
        self.before_reply = self._lost

    def shown(self, job: Job) -> dict[str, Any]:
        if job.workflow in (ENDLESS, EXCLUSIVE):
            return {**super().shown(job), "status": RUNNING}
        if job.workflow == FAILING:
            return {**super().shown(job), "status": FAILED}
        return super().shown(job)

    def _refused(self, workflow: str, _: bytes) -> Answer | None:
        return refusal(40004001, "ErrParam") if workflow == REFUSED else None

    def _lost(self, job: Job) -> Answer | None:
        return Cut() if job.workflow == LOST else None


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that faults are done to, and the Prometheus that watches."""

    explorer: TroubledExplorer
    site: Installation
    daemon: Daemon
    prometheus: Prometheus

    def until_fires(self, *alerts: str, again: Callable[[int], object] = lambda _: None) -> None:
        """Wait for these alerts; `again` is the cause, done once more, numbered, with each look.

        What happens once is out of a window of seconds before a busy Prometheus has looked twice.
        """
        number = itertools.count()
        for alert in alerts:
            asked = f'max_over_time(ALERTS{{alertname="Reconciler{alert}", alertstate="firing"}}[30s])'

            def has_fired(asked: str = asked) -> object:
                again(next(number))
                return self.prometheus.asked(asked)

            self.prometheus.until(has_fired, alert)
            for said in self.summaries(alert):
                assert re.fullmatch(r"[^<{}]+\.", said), said

    def summaries(self, alert: str) -> list[str]:
        """What a person is told, with the numbers in it; a template that is wrong says so in the text."""
        active = self.prometheus.get("/api/v1/alerts")["data"]["alerts"]
        names = [(one["labels"]["alertname"], one["annotations"]["summary"]) for one in active]
        return [summary for name, summary in names if name == f"Reconciler{alert}"]


def a_machine_that_goes_wrong(scene: Scene) -> None:
    scene.daemon.looks_again()
    with traced(scene.daemon.process.pid, "-P", str(scene.site.jobs_dir.resolve()), "-e", HANGS):
        scene.until_fires("Stalled")
    refuse_writes(scene.daemon)
    scene.site.write("first.yaml", manifest("first", "42"))
    scene.until_fires("StateWriteErrors")
    allow_writes(scene.daemon)
    scene.daemon.until_states(first="Succeeded")


def writing(scene: Scene, name: str, workflow: str) -> Callable[[int], None]:
    """Adds one more manifest of this workflow each time."""

    def write(number: int) -> None:
        scene.site.write(f"{name}-{number}.yaml", manifest(f"{name}-{number}", workflow))

    return write


def manifests_that_go_wrong(scene: Scene) -> None:
    scene.site.write("bad.yaml", "kind: [")
    scene.until_fires("ManifestsInvalid")
    scene.until_fires("SubmissionsFailing", "SubmissionsDegraded", again=writing(scene, "refused", REFUSED))
    scene.site.write("lost.yaml", manifest("lost", LOST))
    scene.until_fires("OutcomesUnknown", "RunsHeld")
    scene.until_fires("JobsFailing", again=writing(scene, "failing", FAILING))
    scene.site.write("endless.yaml", manifest("endless", ENDLESS))
    scene.site.write("exclusive.yaml", manifest("exclusive", EXCLUSIVE))
    assert scene.explorer.wait_until(lambda: bool(scene.explorer.jobs_of(EXCLUSIVE)))
    scene.daemon.until(lambda: scene.daemon.states().get("exclusive") == "Running", "a running job")
    scene.until_fires("AssumptionViolated", again=lambda _: scene.explorer.add_job(EXCLUSIVE))
    for number in range(60):
        scene.site.write(f"many-{number}.yaml", manifest(f"many-{number}", "42"))
    scene.until_fires("PlanGuarded")


def a_source_that_goes_wrong(scene: Scene) -> None:
    """The tree is a link, as git-sync has it; it is swapped often, and leads nowhere in the end."""
    link = scene.site.jobs_dir

    def swapped(number: int) -> None:
        fresh = link.with_name(f"tree-{number}")
        shutil.copytree(link, fresh)
        restarts = scene.daemon.metric("watch_restarts_total")
        swap_link(link, fresh.name)
        scene.daemon.until(lambda: scene.daemon.metric("watch_restarts_total") > restarts, "a new watch")

    scene.until_fires("WatcherRestarting", again=swapped)
    link.unlink()
    scene.until_fires("SourceStale")


def an_explorer_that_goes_away(scene: Scene) -> None:
    scene.explorer.password = "changed"
    scene.explorer.forget_sessions()
    scene.until_fires("LoginFailing")
    scene.explorer.__exit__()
    scene.until_fires("CircuitOpen", "JobsStuck")


@pytest.mark.skipif(NO_STRACE, reason="strace is not installed")
def test_each_alert_fires_for_its_cause(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(in_seconds(RULES.read_text("utf-8")))
    with TroubledExplorer() as explorer:
        site = Installation(tmp_path / "site", explorer.url)
        site.jobs_dir.rename(tmp_path / "site" / "tree")
        site.jobs_dir.symlink_to("tree")
        site.settings |= {"EXCLUSIVE": EXCLUSIVE, "SETTLE_S": "8"}
        other = Installation(tmp_path / "other", explorer.url)
        other.settings["DRAIN_S"] = "0.5"
        other.jobs_dir.rmdir()  # its manifests are not there at first, and their workflow is not there at all
        with site.daemon() as daemon, other.daemon() as second:
            targets = {"a": target_of(daemon), "b": target_of(second)}
            with Prometheus(tmp_path / "prometheus", targets, rules) as prometheus:
                scene = Scene(explorer, site, daemon, prometheus)
                a_machine_that_goes_wrong(scene)
                manifests_that_go_wrong(scene)
                scene.until_fires("NeverSynced")
                other.write("missing.yaml", manifest("missing", MISSING))
                a_source_that_goes_wrong(scene)
                scene.until_fires("QueueOld", "NothingSubmitted")
                an_explorer_that_goes_away(scene)
                scene.until_fires("StateFilling")
                daemon.kill()
                scene.until_fires("Down")
                seen = prometheus.asked("max_over_time(ALERTS{alertstate='firing'}[10m])")
    assert {one["metric"]["alertname"] for one in seen} == ALERTS.keys()
