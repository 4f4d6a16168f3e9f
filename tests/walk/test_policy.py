"""Who may ask for what, as its operator and a team have it: in `validate`, `plan` and a daemon."""

from __future__ import annotations

import json
from pathlib import Path

from tests.walk.daemon import Installation
from tests.walk.manifests import manifest
from tests.walk.other_explorer import OtherExplorer

RULES = '[[rule]]\npath = "/team/"\nworkflows = ["7"]\n[[rule]]\npath = "/few/"\nmax_manifests = 1\n'


def with_policy(installation: Installation) -> Path:
    policy = installation.directory / "policy.toml"
    policy.write_text(RULES)
    installation.settings["POLICY"] = str(policy)
    return policy


def test_a_policy_that_comes_and_goes_submits_nothing_and_deletes_nothing(
    installation: Installation, explorer: OtherExplorer
) -> None:
    for path, name in (("team/a.yaml", "a"), ("few/b.yaml", "b"), ("few/c.yaml", "c"), ("d.yaml", "d")):
        installation.write(path, manifest(name))
    with installation.daemon() as daemon:
        before = daemon.until_all("Running", "Succeeded", count=4)
    with_policy(installation)
    with installation.daemon() as daemon:
        daemon.until_states(a="Invalid", c="Invalid")
        daemon.looks_again()
        items = daemon.items()
        assert {items[name]["state"] for name in "bd"} <= {"Running", "Succeeded"}
        assert [items[name]["jobId"] for name in "abcd"] == [before[name]["jobId"] for name in "abcd"]
        assert 'rule 1 of the policy ("/team/") allows 7' in items["a"]["reason"]
        assert daemon.metric('manifest_errors_total{reason="not_allowed"}') == 1
        assert daemon.metric('manifest_errors_total{reason="too_many_manifests"}') == 1
    del installation.settings["POLICY"]
    with installation.daemon() as daemon:
        daemon.until_all("Running", "Succeeded", count=4)
        daemon.comes_to_rest()
    assert len(explorer.jobs) == 4


def test_validate_and_plan_tell_what_the_daemon_would(installation: Installation) -> None:
    with_policy(installation)
    installation.write("team/a.yaml", manifest("a"))
    installation.write("few/b.yaml", manifest("b"))
    installation.write("few/c.yaml", manifest("c"))
    told = installation.command("validate", "-o", "json")
    found = [(it["path"], it["line"], it["column"], it["code"]) for it in json.loads(told.stdout)["problems"]]
    assert found == [("few/c.yaml", 1, 1, "too_many_manifests"), ("team/a.yaml", 5, 15, "not_allowed")]
    assert told.returncode == 1
    planned = installation.command("plan")
    assert planned.stderr.splitlines()[1].startswith("team/a.yaml:5:15: spec.workflowId is 42; rule 1")
    for named in ("team", "team/a.yaml"):
        alone = installation.command("validate", str(installation.jobs_dir / named))
        assert "rule 1 of the policy" in alone.stdout
        assert alone.returncode == 1


def test_a_wrong_policy_is_a_wrong_setting(installation: Installation) -> None:
    policy = with_policy(installation)
    policy.write_text('[[rule]]\npath = 1\nworkflow = "7"\n')
    for command in ("validate", "plan", "run"):
        ended = installation.command(command)
        assert ended.returncode == 78
        assert f"error: {policy}: rule 1: path is 1" in ended.stderr
        assert f"error: {policy}: rule 1: workflow is no part of a policy" in ended.stderr


def test_what_is_approved_is_the_plan_that_was_shown(
    installation: Installation, explorer: OtherExplorer
) -> None:
    with_policy(installation)
    installation.settings["MAX_NEW"] = "1"
    for path, name in (("team/a.yaml", "a"), ("few/b.yaml", "b"), ("few/c.yaml", "c"), ("d.yaml", "d")):
        installation.write(path, manifest(name))
    with installation.daemon() as daemon:
        daemon.until_states(a="Invalid", b="Waiting", c="Invalid", d="Waiting")
    planned = installation.plan()
    assert {it["name"] for it in planned["unapproved"]} == {"b", "d"}
    approved = installation.command("approve", planned["hash"])
    assert approved.returncode == 0, approved.stderr
    with installation.daemon() as daemon:
        daemon.until(lambda: len(explorer.jobs) == 2, "two jobs")
        daemon.comes_to_rest()
        assert {name: state for name, state in daemon.states().items() if state == "Invalid"}.keys() == {
            "a",
            "c",
        }
    assert len(explorer.jobs) == 2
