"""Each assumption of docs/exactly-once.md broken under a real daemon: what happens is what that page says.

Where nothing can notice that an assumption is broken, the promise is gone, and a test here says exactly how.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable

import pytest

from tests.walk.daemon import Daemon, Installation
from tests.walk.manifests import manifest
from tests.walk.other_explorer import Cut, Job, OtherExplorer, refusal

SETTLE_S = 0.8


@pytest.fixture
def site(installation: Installation) -> Installation:
    installation.settings |= {"SETTLE_S": str(SETTLE_S), "MAX_NEW": "0"}
    return installation


def violations(daemon: Daemon, assumption: str) -> float:
    return daemon.metric(f'assumption_violations_total{{assumption="{assumption}"}}')


def reason_of(daemon: Daemon, name: str) -> str:
    """Why the name is in its state; nothing before a first pass."""
    items = daemon.items()
    return str(items[name]["reason"]) if name in items else ""


def losing(explorer: OtherExplorer, times: int = 1) -> Callable[[Job], Cut | None]:
    """Loses the replies to the first submissions, once their jobs are made."""
    left = iter(range(times))
    return lambda _: Cut() if next(left, None) is not None else None


def copied(site: Installation, *endings: str) -> None:
    """Put a copy of the state aside."""
    for ending in endings:
        shutil.copy(f"{site.state}{ending}", f"{site.directory}/copy{ending}")


def put_back(site: Installation, *endings: str) -> None:
    for ending in ("", "-wal", "-shm"):
        site.state.with_name(site.state.name + ending).unlink(missing_ok=True)
    for ending in endings:
        shutil.copy(f"{site.directory}/copy{ending}", f"{site.state}{ending}")


def lived(site: Installation, explorer: OtherExplorer) -> None:
    """A state was copied, and then a job was made that the copy does not know."""
    site.write("a.yaml", manifest("a", value=1))
    with site.daemon() as daemon:
        daemon.until_states(a="Succeeded")
    copied(site, "", ".intents")
    site.write("a.yaml", manifest("a", value=2))
    with site.daemon() as daemon:
        explorer.wait_for_jobs(2)
        daemon.until_states(a="Succeeded")


def test_a1_a_copy_of_the_state_that_is_put_back_holds_what_it_forgot(
    site: Installation, explorer: OtherExplorer
) -> None:
    lived(site, explorer)
    put_back(site, "")
    with site.daemon() as daemon:
        daemon.until(lambda: "jobs 5001" in reason_of(daemon, "a"), "a held workflow")
        daemon.until(lambda: violations(daemon, "A1") == 1, "the sign")
        assert site.command("resolve", "a", "--adopt", "5001").returncode == 0
        daemon.until_states(a="Succeeded")
    assert len(explorer.submissions()) == 2


def test_a1_a_copy_with_its_high_water_file_is_noticed_only_if_somebody_says_so(
    site: Installation, explorer: OtherExplorer
) -> None:
    lived(site, explorer)
    put_back(site, "", ".intents")
    with site.daemon() as daemon:
        explorer.wait_for_jobs(3)
        daemon.until_states(a="Succeeded")
    assert [job.input["query_1"]["value"] for job in explorer.jobs] == [1, 2, 2], "a duplicate"


def test_a2_a_replayed_request_makes_a_job_that_nobody_has(
    site: Installation, explorer: OtherExplorer
) -> None:
    explorer.before_reply = lambda job: explorer.add_job(job.workflow, job.body) and None
    site.settings["EXCLUSIVE"] = "42"
    site.write("a.yaml", manifest("a", value=1))
    with site.daemon() as daemon:
        daemon.until_states(a="Succeeded")
        daemon.until(lambda: violations(daemon, "A8") == 1, "a sign of it in an exclusive workflow")
        assert daemon.items()["a"]["jobId"] == "5000"
    assert len(explorer.jobs) == 2


def test_a3_a_refusal_of_a_job_that_was_made_leaves_it_to_nobody(
    site: Installation, explorer: OtherExplorer
) -> None:
    explorer.before_reply = lambda _: refusal(40004001)
    site.write("a.yaml", manifest("a", value=1))
    with site.daemon() as daemon:
        daemon.until_states(a="Rejected")
        daemon.looks_again()
    assert len(explorer.jobs) == 1
    assert len(explorer.submissions()) == 1


def test_a4_two_writers_do_not_send_the_same_run(site: Installation, explorer: OtherExplorer) -> None:
    for number in range(6):
        site.write(f"{number}.yaml", manifest(f"m{number}", str(42 + number), value=number))
    with site.daemon() as first:
        assert site.command("run").returncode == 75, "the lock"
        site.state.with_name(site.state.name + ".lock").unlink()  # a file system without locks, say
        with site.daemon() as second:
            for daemon in (first, second):
                daemon.looks_again()
            site.write("late.yaml", manifest("late", value="late"))
            explorer.wait_for_jobs(7)
            first.looks_again(6)
    assert sorted(job.body for job in explorer.jobs) == sorted({job.body for job in explorer.jobs})


def test_a5_a_job_that_comes_later_than_the_settle_time_is_made_twice_under_auto(
    site: Installation, explorer: OtherExplorer
) -> None:
    late: list[bytes] = []

    def instead(workflow: str, body: bytes) -> Cut | None:
        late.append(body)
        if len(late) == 1:
            return Cut()
        explorer.add_job(workflow, late[0])  # the first request has arrived only now
        return None

    explorer.instead_of_job = instead
    site.write("a.yaml", manifest("a", value=1))
    with site.daemon() as daemon:
        explorer.wait_for_jobs(2)
        daemon.until_states(a="Succeeded")
    assert len(explorer.submissions()) == 2


def test_a5_under_hold_a_late_job_becomes_a_candidate(site: Installation, explorer: OtherExplorer) -> None:
    late: list[tuple[str, bytes]] = []

    def instead(workflow: str, body: bytes) -> Cut:
        late.append((workflow, body))
        return Cut()

    explorer.instead_of_job = instead
    site.write("a.yaml", manifest("a", value=1).replace("spec:\n", "spec:\n  onUnknown: hold\n"))
    with site.daemon() as daemon:
        daemon.until_states(a="Held")
        [request] = late
        explorer.add_job(*request)
        daemon.until(lambda: daemon.items()["a"]["candidates"] == ["5000"], "the late job")
    assert len(explorer.submissions()) == 1


def test_a6_a_job_that_is_deleted_before_anybody_looks_is_made_again(
    site: Installation, explorer: OtherExplorer
) -> None:
    lose = losing(explorer)

    def deleted(job: Job) -> Cut | None:
        cut = lose(job)
        if cut is not None:
            explorer.jobs.remove(job)
        return cut

    explorer.before_reply = deleted
    site.write("a.yaml", manifest("a", value=1))
    with site.daemon() as daemon:
        daemon.until_states(a="Succeeded")
    assert len(explorer.submissions()) == 2


def test_a6_a_job_of_ours_that_vanishes_is_counted_and_not_made_again(
    site: Installation, explorer: OtherExplorer
) -> None:
    explorer.job_s = 3600
    site.write("a.yaml", manifest("a", value=1))
    with site.daemon() as daemon:
        daemon.until_states(a="Running")
        explorer.jobs.clear()
        daemon.until(lambda: violations(daemon, "A6") == 1, "the sign")
        daemon.looks_again()
        assert daemon.states() == {"a": "Running"}
    assert len(explorer.submissions()) == 1


def test_a7_an_id_that_does_not_grow_holds_the_run(site: Installation, explorer: OtherExplorer) -> None:
    explorer.add_job("42")
    explorer._ids = itertools.count(7)
    site.write("a.yaml", manifest("a", value=1))
    with site.daemon() as daemon:
        daemon.until(lambda: "waits for `approve`" in reason_of(daemon, "a"), "the guard")
        approve = site.plan()["hash"]
        assert site.command("approve", approve).returncode == 0
        daemon.until_states(a="Held")
        daemon.until(lambda: violations(daemon, "A7") == 1, "the sign")
        daemon.until(lambda: daemon.items()["a"]["candidates"] == ["7"], "the job")
        daemon.looks_again()
        assert site.command("resolve", "a", "--adopt", "7").returncode == 0
        daemon.until_states(a="Succeeded")
    assert len(explorer.submissions()) == 1


def test_a8_in_a_workflow_that_is_not_exclusive_a_foreign_job_may_be_adopted(
    site: Installation, explorer: OtherExplorer
) -> None:
    def instead(workflow: str, _: bytes) -> Cut | None:
        if explorer.jobs:
            return None
        explorer.add_job(workflow, b'{"input":{"query_1":{"value":"foreign"}}}')
        return Cut()

    explorer.instead_of_job = instead
    site.settings["EXCLUSIVE"] = "*"
    site.write("a.yaml", manifest("a", value=1))
    with site.daemon() as daemon:
        daemon.until_states(a="Succeeded")
        assert daemon.items()["a"]["jobId"] == "5000"
        daemon.until(lambda: daemon.metric('submissions_total{result="adopted"}') == 1, "the metric")
    assert explorer.jobs[0].input["query_1"]["value"] == "foreign"


def test_a8_once_it_is_disproved_a_foreign_job_is_never_adopted(
    site: Installation, explorer: OtherExplorer
) -> None:
    site.settings["EXCLUSIVE"] = "*"
    explorer.job_s = 3600
    site.write("a.yaml", manifest("a", value=1))
    with site.daemon() as daemon:
        daemon.until_states(a="Running")
        explorer.add_job("42")
        daemon.until(lambda: violations(daemon, "A8") == 1, "the sign")
        explorer.before_reply = losing(explorer)
        site.write("b.yaml", manifest("b", value=2))
        daemon.until_states(b="Held")
        daemon.until(lambda: daemon.items()["b"]["candidates"] == ["5002"], "the job")
        assert site.command("resolve", "b", "--adopt", "5002").returncode == 0
        daemon.until_states(b="Running")
    assert len(explorer.submissions()) == 2
