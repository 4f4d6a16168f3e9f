"""The alerts: what each fires on, what it stays silent on, and that whoever is called knows what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.monitoring.__main__ import files
from tests.deploy.metrics import asked_for, existing
from tests.deploy.scenarios import SCENARIOS, UP, WELL, Scenario, steady
from tests.deploy.tools import DEPLOY, ROOT, ran, tool

RULES = DEPLOY / "alerts" / "rules.yaml"
GROUPS = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
ALERTS = {rule["alert"]: rule for group in GROUPS for rule in group["rules"] if "alert" in rule}
RECORDS = {rule["record"]: rule for group in GROUPS for rule in group["rules"] if "record" in rule}
EXPRESSIONS = [rule["expr"] for rule in (*ALERTS.values(), *RECORDS.values())]
WANTED = {
    *("Down", "NeverSynced", "Stalled", "SourceStale", "ManifestsInvalid", "SubmissionsFailing", "RunsHeld"),
    *("OutcomesUnknown", "JobsStuck", "JobsFailing", "QueueOld", "CircuitOpen", "LoginFailing"),
    *("StateWriteErrors", "StateFilling", "WatcherRestarting"),
}
HEADINGS = ["## What it means", "## What to look at", "## What to do"]


def runbook_of(alert: dict[str, Any]) -> Path:
    return ROOT / str(alert["annotations"]["runbook_url"])


def as_promtool_takes_it(scenario: Scenario) -> dict[str, Any]:
    """This scenario in the form of `promtool test rules`: exactly these alerts fire, and no other."""
    firing = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(scenario.fires)]
    return {
        "name": scenario.name,
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in scenario.series().items()],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": f"{scenario.at}m",
                "exp_samples": firing,
            }
        ],
    }


def test_promtool_takes_the_rules() -> None:
    said = ran(tool("promtool"), "check", "rules", "--lint=all", "--lint-fatal", str(RULES))
    assert f"SUCCESS: {len(ALERTS) + len(RECORDS)} rules found" in said


def test_there_is_an_alert_for_each_thing_that_goes_wrong() -> None:
    assert {f"Reconciler{name}" for name in WANTED} <= ALERTS.keys()


def check(scenarios: list[Scenario], directory: Path) -> None:
    file = directory / "tests.yaml"
    content = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "2m",
        "tests": [as_promtool_takes_it(scenario) for scenario in scenarios],
    }
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    ran(tool("promtool"), "test", "rules", str(file))


@pytest.mark.parametrize("share", range(4))
def test_in_each_scenario_exactly_its_alerts_fire(share: int, tmp_path: Path) -> None:
    check(list(SCENARIOS[share::4]), tmp_path)


def test_every_alert_is_seen_firing_and_silent() -> None:
    assert set().union(*(scenario.fires for scenario in SCENARIOS)) == ALERTS.keys()
    assert any(not scenario.fires and scenario.differs for scenario in SCENARIOS)
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)


def test_a_scenario_that_comes_out_otherwise_would_be_found(tmp_path: Path) -> None:
    wrong = Scenario("no alert for a dead daemon", 60, frozenset(), {UP: steady(0)})
    with pytest.raises(AssertionError, match="ReconcilerDown"):
        check([wrong], tmp_path)


def test_the_rules_ask_for_metrics_that_exist_only() -> None:
    for expression in EXPRESSIONS:
        assert asked_for(expression) <= existing().keys()
        assert set(re.findall(r"reconciler:[\w:]+", expression)) <= RECORDS.keys()
    assert asked_for("rate(reconciler_nothing_total[5m])") - existing().keys()


def test_the_scenarios_are_made_of_series_that_exist() -> None:
    known = existing()
    common = {"job", "namespace", "instance", "pod"}
    for series in set(WELL) - {UP}:
        name, _, labels = series.partition("{")
        assert name in known
        assert set(re.findall(r"(\w+)=", labels)) - common == known[name], series


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_bad_it_is_and_what_to_do(name: str) -> None:
    alert = ALERTS[name]
    assert alert["labels"]["severity"] in ("critical", "warning")
    summary = alert["annotations"]["summary"]
    assert 30 < len(summary) < 160
    assert summary.endswith(".")
    page = runbook_of(alert).read_text("utf-8")
    assert re.findall(r"^## .+$", page, re.MULTILINE) == HEADINGS
    assert f"`{name}`" in page
    assert alert["labels"]["severity"] in page


def test_every_runbook_is_of_an_alert() -> None:
    pages = {path for path in (ROOT / "docs" / "runbooks").glob("*.md") if path.stem != "README"}
    assert pages == {runbook_of(alert) for alert in ALERTS.values()}
    index = (ROOT / "docs" / "runbooks" / "README.md").read_text("utf-8")
    assert all(f"[{name}](" in index for name in ALERTS)


def test_the_limit_of_the_state_is_that_of_its_claim() -> None:
    (claim,) = yaml.safe_load((DEPLOY / "base/statefulset.yaml").read_text("utf-8"))["spec"][
        "volumeClaimTemplates"
    ]
    assert claim["spec"]["resources"]["requests"]["storage"] == "1Gi"
    assert "2^30" in ALERTS["ReconcilerStateFilling"]["expr"]


def test_what_is_written_from_other_files_is_up_to_date() -> None:
    stale = [str(path) for path, text in files().items() if path.read_text("utf-8") != text]
    assert stale == [], "run `make deploy`"


def test_the_operator_gets_the_same_rules() -> None:
    written = (DEPLOY / "components/monitoring/prometheusrule.yaml").read_text("utf-8")
    assert yaml.safe_load(written)["spec"]["groups"] == GROUPS
