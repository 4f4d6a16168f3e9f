"""Each policy does what its sentence in the manifest's reference says, and none does more."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.walk.daemon import Daemon, Installation
from tests.walk.manifests import manifest
from tests.walk.other_explorer import Cut, Job, OtherExplorer

LONG_S = 3600.0
SOON_AGAIN = "import"
"""A name whose first resubmission comes at once: the jitter of its wait follows from its name."""


def write(installation: Installation, name: str, version: int, **policies: Any) -> None:
    installation.write(f"{name}.yaml", manifest(name, policies=policies, version=version))


def reason(daemon: Daemon, name: str) -> str:
    return str(daemon.items().get(name, {}).get("reason"))


def until_reason(daemon: Daemon, name: str, text: str) -> None:
    daemon.until(lambda: text in reason(daemon, name), f"{text!r}")


def versions(explorer: OtherExplorer) -> list[int]:
    return [job.input["query_1"]["version"] for job in explorer.jobs]


def long_first(job: Job) -> float:
    """The first version of everything runs for an hour, the others end soon."""
    return LONG_S if job.input["query_1"]["version"] == 1 else 0.2


def test_what_is_suspended_is_not_submitted_and_its_running_job_goes_on(
    installation: Installation, explorer: OtherExplorer
) -> None:
    explorer.runs_s = long_first
    write(installation, "a", 1)
    write(installation, "b", 2, suspend=True)
    with installation.daemon() as daemon:
        daemon.until_states(a="Running", b="Suspended")
        write(installation, "a", 3, suspend=True)
        daemon.looks_again()
        assert daemon.states() == {"a": "Running", "b": "Suspended"}
        write(installation, "b", 2)
        daemon.until_states(b="Succeeded")
    assert versions(explorer) == [1, 2]
    assert explorer.cancels() == []


def test_another_rerun_runs_the_same_again_and_the_same_rerun_does_not(
    installation: Installation, explorer: OtherExplorer
) -> None:
    write(installation, "a", 1, rerun="2024-05-01")
    with installation.daemon() as daemon:
        daemon.until_states(a="Succeeded")
        write(installation, "a", 1, rerun="2024-05-02")
        explorer.wait_for_jobs(2)
        daemon.until_states(a="Succeeded")
        write(installation, "a", 1, rerun="2024-05-02", backoffLimit=1)
        daemon.looks_again()
        assert daemon.items()["a"]["generation"] == 2
    assert versions(explorer) == [1, 1]


def test_a_change_that_is_taken_back_while_it_stops_the_job_leaves_nobody_without_one(
    installation: Installation, explorer: OtherExplorer
) -> None:
    explorer.runs_s, explorer.stops_s = long_first, LONG_S
    write(installation, "a", 1, onChange="replace")
    with installation.daemon() as daemon:
        daemon.until_states(a="Running")
        write(installation, "a", 2, onChange="replace")
        daemon.until(explorer.cancels, "a cancel")
        write(installation, "a", 1, onChange="replace")
        daemon.looks_again()
        explorer.stops_s = 0.0
        daemon.until(lambda: len(explorer.jobs) == 2, "another job")
        daemon.until(lambda: daemon.items()["a"]["attempt"] == 2, "another attempt")
    assert versions(explorer) == [1, 1]
    assert set(explorer.cancels()) == {explorer.jobs[0].id}


def test_a_change_is_submitted_beside_the_running_job(
    installation: Installation, explorer: OtherExplorer
) -> None:
    explorer.runs_s = long_first
    write(installation, "a", 1)
    with installation.daemon() as daemon:
        daemon.until_states(a="Running")
        write(installation, "a", 2)
        daemon.until_states(a="Succeeded")
        daemon.looks_again()
    assert versions(explorer) == [1, 2]
    assert explorer.cancels() == []


def test_queue_submits_a_change_once_the_job_before_it_has_ended(
    installation: Installation, explorer: OtherExplorer
) -> None:
    explorer.job_s = LONG_S
    write(installation, "a", 1, onChange="queue")
    with installation.daemon() as daemon:
        daemon.until_states(a="Running")
        write(installation, "a", 2, onChange="queue")
        until_reason(
            daemon, "a", f"waits for the job before it to end (onChange: queue): job {explorer.first_id}"
        )
        write(installation, "a", 3, onChange="queue")
        daemon.looks_again()
        assert versions(explorer) == [1]
        explorer.job_s = 0.2
        daemon.until_states(a="Succeeded")
        daemon.comes_to_rest()
    assert versions(explorer) == [1, 3]
    assert explorer.cancels() == []


def test_replace_cancels_exactly_the_job_before_it_and_waits_for_its_end(
    installation: Installation, explorer: OtherExplorer
) -> None:
    explorer.runs_s, explorer.stops_s = long_first, LONG_S
    write(installation, "a", 1, onChange="replace")
    write(installation, "b", 1, onChange="replace")
    with installation.daemon() as daemon:
        daemon.until_states(a="Running", b="Running")
        [first] = [job for job in explorer.jobs if job.id == int(daemon.items()["a"]["jobId"])]
        write(installation, "a", 2, onChange="replace")
        until_reason(daemon, "a", "waits until the job before it is cancelled (onChange: replace)")
        daemon.looks_again()
        assert len(explorer.jobs) == 2
        explorer.stops_s = 0.0
        explorer.wait_for_jobs(3)
        daemon.until_states(a="Succeeded", b="Running")
    assert set(explorer.cancels()) == {first.id}
    assert versions(explorer) == [1, 1, 2]


@pytest.mark.parametrize("on_change", ["queue", "replace"])
def test_a_change_waits_while_nobody_knows_what_came_of_the_run_before_it(
    installation: Installation, explorer: OtherExplorer, on_change: str
) -> None:
    explorer.job_s = LONG_S
    explorer.before_reply = lambda _: Cut()
    write(installation, "a", 1, onChange=on_change)
    with installation.daemon() as daemon:
        daemon.until_states(a="Held")
        write(installation, "a", 2, onChange=on_change)
        daemon.until(
            lambda: [it["reason"] for it in installation.plan()["actions"] if "before it" in it["reason"]],
            "a wait for the held run",
        )
        daemon.looks_again()
        assert versions(explorer) == [1]
        assert explorer.cancels() == []


@pytest.mark.parametrize(("on_delete", "cancelled"), [("orphan", False), ("cancel", True)])
def test_what_becomes_of_the_job_of_a_deleted_manifest(
    installation: Installation, explorer: OtherExplorer, on_delete: str, cancelled: bool
) -> None:
    explorer.job_s = LONG_S
    write(installation, "a", 1, onDelete=on_delete)
    write(installation, "b", 1, onDelete=on_delete)
    with installation.daemon() as daemon:
        daemon.until_states(a="Running", b="Running")
        job_id = int(daemon.items()["a"]["jobId"])
        (installation.jobs_dir / "a.yaml").unlink()
        daemon.until_states(a="Deleted", b="Running")
        if cancelled:
            daemon.until(lambda: daemon.items()["a"]["jobStatus"] == "Interrupted", "the end of the job")
        daemon.looks_again()
        write(installation, "a", 1, onDelete=on_delete)
        daemon.until_states(a="Interrupted" if cancelled else "Running")
        daemon.looks_again()
    assert set(explorer.cancels()) == ({job_id} if cancelled else set())
    assert len(explorer.jobs) == 2


def test_a_job_that_always_fails_is_submitted_as_often_again_as_its_limit_says(
    installation: Installation, explorer: OtherExplorer
) -> None:
    explorer.ends_as = lambda _: 3
    write(installation, SOON_AGAIN, 1, backoffLimit=1)
    write(installation, "once", 1)
    with installation.daemon() as daemon:
        daemon.until_states(**{SOON_AGAIN: "Failed"}, once="Failed")
        daemon.until(lambda: daemon.items()[SOON_AGAIN]["attempt"] == 2, "another attempt")
        daemon.until(lambda: set(daemon.states().values()) == {"Failed"}, "the end")
        daemon.looks_again()
        items = daemon.items()
    assert len(explorer.jobs) == 3
    assert [items[SOON_AGAIN][key] for key in ("generation", "attempt", "state")] == [1, 2, "Failed"]
    assert items["once"]["attempt"] == 1


def test_a_job_that_runs_too_long_is_cancelled_has_failed_and_is_never_submitted_again(
    installation: Installation, explorer: OtherExplorer
) -> None:
    explorer.job_s = LONG_S
    write(installation, SOON_AGAIN, 1, activeDeadlineSeconds=0.5, backoffLimit=3)
    write(installation, "patient", 1, activeDeadlineSeconds=1800)
    with installation.daemon() as daemon:
        daemon.until_states(**{SOON_AGAIN: "Failed"}, patient="Running")
        daemon.looks_again()
        item = daemon.items()[SOON_AGAIN]
    assert item["jobStatus"] == "Interrupted"
    assert item["reason"] == "its job ran longer than activeDeadlineSeconds, and was cancelled"
    assert set(explorer.cancels()) == {int(item["jobId"])}
    assert len(explorer.jobs) == 2


def test_a_deadline_counts_from_the_receipt_also_across_a_restart(
    installation: Installation, explorer: OtherExplorer
) -> None:
    explorer.job_s = LONG_S
    write(installation, "a", 1, activeDeadlineSeconds=1.5)
    with installation.daemon() as daemon:
        daemon.until(lambda: "jobId" in daemon.items().get("a", {}), "the job")
        daemon.until(lambda: daemon.items()["a"]["jobId"], "the receipt")
        daemon.stop()
    with installation.daemon() as daemon:
        daemon.until_states(a="Failed")
    assert len(set(explorer.cancels())) == len(explorer.jobs) == 1


def test_a_manifest_waits_for_what_it_depends_on_and_is_not_submitted_again_with_it(
    installation: Installation, explorer: OtherExplorer
) -> None:
    explorer.job_s = LONG_S
    write(installation, "late", 2, dependsOn=["early"])
    with installation.daemon() as daemon:
        until_reason(daemon, "late", "waits: a manifest that it depends on cannot run: early has no manifest")
        write(installation, "early", 1)
        until_reason(daemon, "late", "waits for a manifest that it depends on to succeed: early")
        assert 2 not in versions(explorer)
        explorer.job_s = 0.2
        daemon.until_states(early="Succeeded", late="Succeeded")
        write(installation, "early", 3)
        daemon.until(lambda: versions(explorer)[-1] == 3, "a new job of the dependency")
        daemon.until_states(early="Succeeded")
        daemon.looks_again()
    assert versions(explorer) == [1, 2, 3]


def test_a_dependency_that_failed_is_told_and_its_next_success_lets_the_other_go(
    installation: Installation, explorer: OtherExplorer
) -> None:
    explorer.ends_as = lambda job: 3 if job.input["query_1"]["version"] == 1 else 2
    write(installation, "early", 1)
    write(installation, "late", 9, dependsOn=["early"])
    with installation.daemon() as daemon:
        daemon.until_states(early="Failed", late="Waiting")
        until_reason(
            daemon, "late", "waits: a manifest that it depends on has failed: early has not succeeded"
        )
        assert installation.command("plan", "--detailed-exitcode").returncode == 2
        write(installation, "early", 2)
        daemon.until_states(early="Succeeded", late="Succeeded")
    assert versions(explorer) == [1, 2, 9]


def test_manifests_that_wait_for_each_other_in_a_circle_are_invalid_and_the_circle_is_shown(
    installation: Installation, explorer: OtherExplorer
) -> None:
    write(installation, "a", 1, dependsOn=["b"])
    write(installation, "b", 1, dependsOn=["c"])
    write(installation, "c", 1, dependsOn=["a"])
    write(installation, "own", 1, dependsOn=["own"])
    write(installation, "d", 1, dependsOn=["a"])
    write(installation, "e", 1)
    told = installation.command("validate", "-o", "json")
    problems = json.loads(told.stdout)["problems"]
    assert told.returncode == 1
    assert {(it["path"], it["code"], it["pointer"]) for it in problems} == {
        (f"{name}.yaml", "dependency_circle", "/spec/dependsOn") for name in ("a", "b", "c", "own")
    }
    assert "a → b → c → a" in problems[0]["message"]
    with installation.daemon() as daemon:
        daemon.until_states(a="Invalid", b="Invalid", c="Invalid", own="Invalid", d="Waiting", e="Succeeded")
        assert versions(explorer) == [1]
        write(installation, "c", 1)
        daemon.until_states(a="Succeeded", b="Succeeded", c="Succeeded", d="Succeeded")


def test_a_mass_deletion_that_would_cancel_jobs_waits_for_an_operator(
    installation: Installation, explorer: OtherExplorer
) -> None:
    installation.settings["MAX_NEW"] = "3"
    explorer.job_s = LONG_S
    names = [f"m{number}" for number in range(5)]

    def write_in_team(name: str) -> None:
        installation.write(f"team/{name}.yaml", manifest(name, policies={"onDelete": "cancel"}, version=1))

    for name in names[:3]:
        write_in_team(name)
    with installation.daemon() as daemon:
        daemon.until_all("Running", count=3)
        for name in names[3:]:
            write_in_team(name)
        daemon.until_all("Running", count=5)
        write(installation, "stays", 1)
        (installation.jobs_dir / "team").rename(installation.directory / "aside")  # all at one stroke
        until_reason(daemon, "m0", "waits for `approve`: the plan cancels more jobs than RECONCILER_MAX_NEW")
        daemon.looks_again()
        assert explorer.cancels() == []
        done = installation.command("approve", installation.plan()["hash"])
        assert (done.returncode, done.stdout) == (0, "approved 5 cancels\n"), done.stderr
        daemon.until(lambda: len(explorer.cancelled_s) == 5, "five cancels")
        daemon.until(
            lambda: (
                {it["jobStatus"] for name, it in daemon.items().items() if name != "stays"} == {"Interrupted"}
            ),
            "the ends",
        )
    assert len(explorer.jobs) == 6
