"""The dashboards: their text, and each query, put to a real Prometheus that scrapes a real daemon."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import yaml

from deploy.monitoring.__main__ import RULES, files
from tests.deploy.boards import BOARDS, filled_in, panels, queries, sandbox
from tests.deploy.metrics import asked_for, existing
from tests.deploy.prometheus import Prometheus, target_of
from tests.deploy.tools import ROOT, tool
from tests.source.git import Repository
from tests.walk.daemon import Daemon, Installation

COMPLAINS = 3
"""How `promtool check metrics` ends when it could read them all, and dislikes a name: of a library's, say."""

SHOWN_NOWHERE: dict[str, str] = {}
"""Metrics that are on no panel and in no alert, each with the reason."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A daemon at work on the examples, and the Prometheus that has watched it from the beginning."""

    daemon: Daemon
    prometheus: Prometheus
    empty_at_first: frozenset[str]
    """Panels without a value while there was no manifest yet."""


def empty_panels(prometheus: Prometheus) -> frozenset[str]:
    """The panels with a query that has no value now."""
    return frozenset(asked.where for asked in queries() if not prometheus.values(asked.expression))


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    directory = tmp_path_factory.mktemp("watched")
    tool("prometheus")
    repository = Repository(directory / "repository", directory)
    repository.commit({".reconcilerignore": "nothing\n"})
    examples = {path.name: path.read_text("utf-8") for path in (ROOT / "jobs.d").glob("*.yaml")}
    with sandbox(directory / "explorer") as url:
        installation = Installation(directory / "site", url, "sandbox")
        installation.settings |= {
            "USERNAME": "sandbox",
            "JOBS_DIR": str(repository.path / "jobs.d"),
            "RATE": "20",
            "RESYNC_S": "1",
            "MAX_NEW": "0",
        }
        with (
            installation.daemon() as daemon,
            Prometheus(directory / "prometheus", {"": target_of(daemon)}, RULES) as prometheus,
        ):
            seen = "count_over_time(reconciler_build_info[1m])"
            prometheus.until(lambda: sum(prometheus.values(seen)) >= 2, "two scrapes")
            empty_at_first = empty_panels(prometheus)
            repository.commit(examples)
            ended = 'sum(reconciler_job_transitions_total{status="Success"})'
            prometheus.until(lambda: sum(prometheus.values(ended)) >= 1, "a job that ended")
            scrapes = sum(prometheus.values(seen))
            prometheus.until(lambda: sum(prometheus.values(seen)) >= scrapes + 2, "two more scrapes")
            yield Watched(daemon, prometheus, empty_at_first)


def test_the_committed_boards_are_what_the_code_gives() -> None:
    stale = [path.name for path, text in files().items() if path.read_text("utf-8") != text]
    assert stale == [], "run `make deploy`"
    assert set(BOARDS) == {"overview", "detail"}


def test_every_panel_says_what_it_shows_and_in_which_unit() -> None:
    for where, panel in panels():
        assert len(panel["description"]) > 10, where
        assert panel["description"].endswith("."), where
        assert panel["fieldConfig"]["defaults"]["unit"], where
        assert panel["targets"], where
        if panel["type"] == "heatmap":
            assert panel["options"]["yAxis"]["unit"] == "s", where
            assert panel["targets"][0]["format"] == "heatmap", where


def test_every_panel_stands_in_a_place_of_its_own() -> None:
    for name, board in BOARDS.items():
        cells: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            place = panel["gridPos"]
            covered = {
                (place["x"] + column, place["y"] + row)
                for column in range(place["w"])
                for row in range(place["h"])
            }
            assert not covered & cells, f"{name}: {panel['title']}"
            assert place["x"] + place["w"] <= 24
            cells |= covered
        numbers = [panel["id"] for panel in board["panels"]]
        assert len(set(numbers)) == len(numbers)


def test_variables_are_labels_that_the_metrics_have() -> None:
    """`namespace` and `instance` come from the scrape; of a workflow no metric tells."""
    for board in BOARDS.values():
        names = [variable["name"] for variable in board["templating"]["list"]]
        assert names == ["datasource", "namespace", "instance"]
        used = set(re.findall(r"\$\{?(\w+)", json.dumps(board["panels"])))
        assert used <= {*names, "__rate_interval"}
        assert all(
            '$namespace"' in target["expr"]
            for panel in board["panels"]
            for target in panel.get("targets", [])
            if target["expr"] != "vector(0.01)"
        )
    assert not any("workflow" in labels for labels in existing().values())


def test_new_revisions_are_marked() -> None:
    for board in BOARDS.values():
        (mark,) = board["annotations"]["list"]
        assert "reconciler_source_revision_info" in mark["expr"]
        assert mark["textFormat"] == "{{revision}}"


def test_the_boards_ask_for_metrics_that_exist_only() -> None:
    for asked in queries():
        assert asked_for(asked.expression) <= existing().keys(), asked


def test_every_metric_is_on_a_panel_or_in_an_alert() -> None:
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    in_rules = {name for group in groups for rule in group["rules"] for name in asked_for(rule["expr"])}
    on_panels = {name for asked in queries() for name in asked_for(asked.expression)}
    assert existing().keys() - on_panels - in_rules == SHOWN_NOWHERE.keys()


def test_no_panel_is_empty_while_all_is_well(watched: Watched) -> None:
    assert empty_panels(watched.prometheus) == frozenset()


def test_with_nothing_to_do_only_quantiles_have_no_value(watched: Watched) -> None:
    assert watched.empty_at_first <= {
        "overview: From a change to its job, at most",
        "overview: Latency by operation",
    }


def test_every_rule_can_be_evaluated_and_none_fires_while_all_is_well(watched: Watched) -> None:
    groups = watched.prometheus.get("/api/v1/rules")["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert {rule["health"] for rule in rules} == {"ok"}
    assert [rule["name"] for rule in rules if rule.get("state") == "firing"] == []


def test_a_new_revision_is_seen_once(watched: Watched) -> None:
    (mark,) = BOARDS["overview"]["annotations"]["list"]
    found = watched.prometheus.asked(filled_in(mark["expr"]))
    assert {one["metric"]["revision"] for one in found} <= {
        one["metric"]["revision"] for one in watched.prometheus.asked("reconciler_source_revision_info")
    }


def test_promtool_has_no_complaint_about_the_live_metrics(watched: Watched) -> None:
    status, text = watched.daemon.fetch("/metrics")
    assert status == 200
    done = subprocess.run(
        [tool("promtool"), "check", "metrics"],
        input=text,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode in (0, COMPLAINS), done.stderr
    ours = [line for line in done.stderr.splitlines() if line.startswith("reconciler_")]
    assert ours == []
