"""What waits for an operator's word, and how `approve` and `baseline` give it, with a daemon and without."""

from __future__ import annotations

from tests.walk.daemon import Daemon, Installation
from tests.walk.manifests import manifest
from tests.walk.other_explorer import OtherExplorer


def names(count: int) -> list[str]:
    return [f"m{number}" for number in range(count)]


def write(installation: Installation, count: int, version: int = 1) -> None:
    for name in names(count):
        installation.write(f"{name}.yaml", manifest(name, version=version))


def until_guarded(daemon: Daemon, count: int) -> None:
    items = daemon.until_all("Waiting", count=count)
    daemon.until(
        lambda: all("approve" in item["reason"] for item in daemon.items().values()), f"a guard on {items}"
    )


def sent(explorer: OtherExplorer) -> list[object]:
    return [job.input["query_1"] for job in explorer.jobs if job.input]


def test_a_new_state_waits_where_the_workflow_has_jobs_and_goes_on_elsewhere(
    installation: Installation, explorer: OtherExplorer
) -> None:
    explorer.add_job("42")
    write(installation, 2)
    installation.write("free.yaml", manifest("free", "43", is_free=1))
    with installation.daemon() as daemon:
        daemon.until_states(m0="Waiting", m1="Waiting", free="Succeeded")
        daemon.looks_again()
        assert sent(explorer) == [{"is_free": 1}]
        told = installation.command("approve", installation.plan()["hash"])
        assert (told.returncode, told.stdout) == (0, "approved 2 runs\n")
        daemon.until_all("Succeeded", count=3)
    assert sent(explorer) == [{"is_free": 1}, {"version": 1}, {"version": 1}]


def test_a_baseline_submits_nothing_until_a_manifest_changes(
    installation: Installation, explorer: OtherExplorer
) -> None:
    explorer.add_job("42")
    write(installation, 2)
    with installation.daemon() as daemon:
        until_guarded(daemon, 2)
        told = installation.command("baseline")
        assert (told.returncode, told.stdout) == (0, "recorded 2 runs as already done\n")
        daemon.until_all("Succeeded", count=2)
        daemon.looks_again()
        assert sent(explorer) == []
        assert {item["jobId"] for item in daemon.items().values()} == {None}
        installation.write("m1.yaml", manifest("m1", version=2))
        explorer.wait_for_jobs(2)
        daemon.comes_to_rest()
    assert sent(explorer) == [{"version": 2}]


def test_a_baseline_of_one_name_leaves_the_others_waiting(
    installation: Installation, explorer: OtherExplorer
) -> None:
    explorer.add_job("42")
    write(installation, 3)
    with installation.daemon() as daemon:
        until_guarded(daemon, 3)
        assert installation.command("baseline", "nobody").returncode == 1
        assert installation.command("baseline", "m1").returncode == 0
        daemon.until_states(m0="Waiting", m1="Succeeded", m2="Waiting")
        daemon.looks_again()
    assert sent(explorer) == []


def test_more_than_max_new_wait_and_approve_releases_exactly_these(
    installation: Installation, explorer: OtherExplorer
) -> None:
    installation.settings["MAX_NEW"] = "3"
    write(installation, 5)
    with installation.daemon() as daemon:
        until_guarded(daemon, 5)
        daemon.looks_again()
        assert not explorer.submissions()
        read = installation.plan()["hash"]
        for number in range(5, 9):
            installation.write(f"m{number}.yaml", manifest(f"m{number}", version=1))
        installation.write("m0.yaml", manifest("m0", version=2))
        until_guarded(daemon, 9)
        daemon.looks_again()
        stale = installation.command("approve", read)
        assert stale.returncode == 1
        assert "the plan has changed" in stale.stderr
        assert not explorer.submissions()
        assert installation.command("approve", installation.plan()["hash"]).returncode == 0
        installation.write("late.yaml", manifest("late", version=3))
        explorer.wait_for_jobs(9)
        daemon.until_states(late="Succeeded")
    assert sorted(map(str, sent(explorer))) == ["{'version': 1}"] * 8 + ["{'version': 2}", "{'version': 3}"]


def test_what_was_released_is_submitted_and_what_was_added_since_waits(
    installation: Installation, explorer: OtherExplorer
) -> None:
    installation.settings["MAX_NEW"] = "3"
    write(installation, 4)
    with installation.daemon() as daemon:
        until_guarded(daemon, 4)
    installation.write("late/a.yaml", manifest("late", version=9))
    told = installation.command("approve", installation.plan()["hash"])
    assert (told.returncode, told.stdout) == (0, "approved 5 runs\n")
    (installation.jobs_dir / "m0.yaml").unlink()
    for number in range(4):
        installation.write(f"new{number}.yaml", manifest(f"new{number}", version=7))
    installation.write("m1.yaml", manifest("m1", version=8))
    with installation.daemon() as daemon:
        daemon.until_states(late="Succeeded", m2="Succeeded", m3="Succeeded")
        daemon.looks_again()
        states = daemon.states()
    assert {name for name, state in states.items() if state == "Waiting"} == {
        "m1",
        *(f"new{number}" for number in range(4)),
    }
    assert sorted(map(str, sent(explorer))) == ["{'version': 1}", "{'version': 1}", "{'version': 9}"]


def test_without_a_daemon_a_baseline_is_recorded_by_the_command(
    installation: Installation, explorer: OtherExplorer
) -> None:
    installation.settings["MAX_NEW"] = "1"
    write(installation, 3)
    told = installation.command("baseline")
    assert (told.returncode, told.stdout) == (0, "recorded 3 runs as already done\n")
    assert installation.command("run", "--once").returncode == 0
    assert not explorer.submissions()
    write(installation, 1, version=2)
    assert installation.command("run", "--once").returncode == 0
    assert sent(explorer) == [{"version": 2}]


def test_run_once_tells_by_its_status_that_something_is_guarded(
    installation: Installation, explorer: OtherExplorer
) -> None:
    installation.settings["MAX_NEW"] = "1"
    write(installation, 2)
    assert installation.command("run", "--once").returncode == 1
    assert not explorer.submissions()
    assert installation.command("plan", "--detailed-exitcode").returncode == 2
    assert installation.command("approve", installation.plan()["hash"]).returncode == 0
    assert installation.command("run", "--once").returncode == 0
    assert len(explorer.jobs) == 2
    assert installation.command("plan", "--detailed-exitcode").returncode == 0
