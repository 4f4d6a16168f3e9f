"""What an operator does from outside: limits, `pause`, `resume`, `retry` and `cancel`."""

from __future__ import annotations

from typing import Any

from tests.walk.daemon import Daemon, Installation
from tests.walk.manifests import manifest
from tests.walk.other_explorer import OtherExplorer

LONG_S = 3600.0


def write(installation: Installation, name: str, version: int, workflow: str = "42", **policies: Any) -> None:
    installation.write(f"{name}.yaml", manifest(name, workflow, policies=policies, version=version))


def running(explorer: OtherExplorer, workflow: str | None = None) -> int:
    return sum(explorer.status_of(job) in (0, 1, 5) for job in explorer.listed(workflow))


def most_at_once(daemon: Daemon, explorer: OtherExplorer, workflow: str | None = None) -> int:
    """How many jobs ran at once at most, until all manifests have succeeded."""
    most = 0

    def is_done() -> bool:
        nonlocal most
        most = max(most, running(explorer, workflow))
        return set(daemon.states().values()) == {"Succeeded"}

    daemon.until(is_done, "the end of all jobs")
    return most


def test_no_more_jobs_run_at_once_than_the_limit_and_all_run_in_the_end(
    installation: Installation, explorer: OtherExplorer
) -> None:
    installation.settings |= {"MAX_RUNNING": "2", "MAX_RUNNING_PER_WORKFLOW": "1", "POLL_S": "0.1"}
    explorer.job_s = LONG_S
    for number in range(6):
        write(installation, f"m{number}", 1, "42" if number < 4 else "43")
    with installation.daemon() as daemon:
        daemon.until(lambda: len(daemon.items()) == 6, "all names")
        full = "waits for room in its workflow: RECONCILER_MAX_RUNNING_PER_WORKFLOW jobs run there"
        daemon.until(lambda: full in [it["reason"] for it in daemon.items().values()], "a wait for room")
        explorer.job_s = 0.4
        assert most_at_once(daemon, explorer) <= 2
    assert len(explorer.jobs) == 6
    assert "43" in [job.workflow for job in explorer.jobs[:2]]


def test_paused_submissions_wait_through_a_restart_and_go_on_with_resume(
    installation: Installation, explorer: OtherExplorer
) -> None:
    write(installation, "a", 1)
    with installation.daemon() as daemon:
        daemon.until_states(a="Succeeded")
        told = installation.command("pause", "--why", "the cluster is being moved")
        assert (told.returncode, told.stdout) == (0, "submissions are paused; `reconciler resume` goes on\n")
        write(installation, "a", 2)
        write(installation, "b", 1)
        daemon.until_states(a="Waiting", b="Waiting")
        daemon.until(lambda: "the cluster is being moved" in daemon.items()["b"]["reason"], "the reason")
        daemon.until(lambda: daemon.metric("paused") == 1, "the metric")
    with installation.daemon() as daemon:
        daemon.until_states(a="Waiting", b="Waiting")
        daemon.looks_again()
        assert len(explorer.jobs) == 1
        assert installation.command("resume").stdout == "submissions go on\n"
        daemon.until_states(a="Succeeded", b="Succeeded")
        daemon.until(lambda: daemon.metric("paused") == 0, "the metric")
    assert len(explorer.jobs) == 3


def test_without_a_daemon_pause_and_resume_are_recorded_by_the_command(
    installation: Installation, explorer: OtherExplorer
) -> None:
    write(installation, "a", 1)
    assert installation.command("pause").returncode == 0
    assert "paused already" in installation.command("pause").stdout
    assert installation.command("run", "--once").returncode == 1
    assert not explorer.submissions()
    assert installation.command("resume").returncode == 0
    assert installation.command("run", "--once").returncode == 0
    assert len(explorer.jobs) == 1


def test_a_retry_makes_another_attempt_of_what_has_ended_and_only_of_that(
    installation: Installation, explorer: OtherExplorer
) -> None:
    explorer.ends_as = lambda job: 3 if len(explorer.jobs) == 1 else 2
    write(installation, "a", 1)
    with installation.daemon() as daemon:
        daemon.until_states(a="Failed")
        told = installation.command("retry", "a", "--why", "the data is there now")
        assert told.stdout == "a is submitted again, as attempt 2 of generation 1\n", told.stderr
        daemon.until_states(a="Succeeded")
        assert installation.command("retry", "a").returncode == 0
        daemon.until(lambda: daemon.items()["a"]["attempt"] == 3, "the third attempt")
        daemon.until_states(a="Succeeded")
        explorer.job_s = LONG_S
        assert installation.command("retry", "a").returncode == 0
        daemon.until_states(a="Running")
        refused = installation.command("retry", "a")
        assert (refused.returncode, "has not ended" in refused.stderr) == (1, True)
        assert installation.command("retry", "nobody").returncode == 1
    assert len(explorer.jobs) == 4


def test_a_cancel_stops_exactly_the_job_that_runs_and_nothing_is_submitted_for_it(
    installation: Installation, explorer: OtherExplorer
) -> None:
    explorer.job_s = LONG_S
    write(installation, "a", 1, backoffLimit=3)
    write(installation, "b", 1)
    with installation.daemon() as daemon:
        daemon.until_states(a="Running", b="Running")
        job_id = int(daemon.items()["a"]["jobId"])
        told = installation.command("cancel", "a", "--why", "wrong data")
        assert told.stdout == f"job {job_id} of a is being cancelled\n", told.stderr
        daemon.until_states(a="Interrupted", b="Running")
        assert daemon.items()["a"]["reason"].endswith("wrong data")
        daemon.looks_again()
        assert installation.command("cancel", "a").returncode == 1
    assert set(explorer.cancels()) == {job_id}
    assert len(explorer.jobs) == 2


def test_without_a_daemon_retry_and_cancel_are_kept_for_the_next_one(
    installation: Installation, explorer: OtherExplorer
) -> None:
    explorer.runs_s = lambda job: LONG_S if job.input["query_1"]["version"] == 1 else 0.2
    assert installation.command("retry", "a").returncode == 1  # there is no state yet
    write(installation, "a", 1)
    write(installation, "b", 2)
    with installation.daemon() as daemon:
        daemon.until_states(a="Running", b="Succeeded")
    for command, name in (("cancel", "a"), ("retry", "b")):
        told = installation.command(command, name)
        kept = f"no daemon runs: the wish to {command} is kept, and performed when one starts\n"
        assert (told.returncode, told.stdout) == (0, kept)
    with installation.daemon() as daemon:
        daemon.until_states(a="Interrupted", b="Succeeded")
        daemon.until(lambda: daemon.items()["b"]["attempt"] == 2, "the second attempt")
    assert len(explorer.jobs) == 3
    assert len(set(explorer.cancels())) == 1


def test_a_job_that_explorer_does_not_show_is_told_and_given_up_on_an_operators_word(
    installation: Installation, explorer: OtherExplorer
) -> None:
    explorer.job_s = LONG_S
    write(installation, "a", 1)
    with installation.daemon() as daemon:
        daemon.until_states(a="Running")
        [job] = explorer.jobs
        explorer.lost.add(job.id)
        told = "Explorer does not show its job; `reconciler cancel` gives it up"
        daemon.until(lambda: daemon.items()["a"]["reason"] == told, "that it is told")
        assert daemon.states() == {"a": "Running"}
        given_up = installation.command("cancel", "a").stdout
        assert given_up == f"job {job.id} of a is given up: Explorer does not show it\n"
        daemon.until_states(a="Interrupted")
        daemon.looks_again()
    assert explorer.cancels() == []
    assert len(explorer.jobs) == 1
