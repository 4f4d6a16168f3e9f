"""Cancels, with a daemon that is killed (SIGKILL) at the moments that matter: never more, never fewer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.walk.daemon import PATIENCE_S, Daemon, Installation, Item
from tests.walk.manifests import manifest
from tests.walk.other_explorer import Answer, Cut, Job, OtherExplorer, Reply

LONG_S = 3600.0
SOON_AGAIN = "import"


def write(installation: Installation, name: str, version: int, **policies: Any) -> None:
    installation.write(f"{name}.yaml", manifest(name, policies=policies, version=version))


@dataclass
class Kept:
    """Keeps a request back in its own thread, the first time only, and gives no answer to it."""

    has_come: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)

    def __call__(self, *_: object) -> Answer | None:
        if self.has_come.is_set():
            return None
        self.has_come.set()
        self.go.wait(PATIENCE_S)
        return Cut()

    def kill(self, daemon: Daemon) -> None:
        """Kill the daemon while it waits for the answer, and only then let the request go."""
        daemon.until(self.has_come.is_set, "the request")
        daemon.kill()
        self.go.set()


def before_it_counts(explorer: OtherExplorer, kept: Kept) -> None:
    explorer.before_cancel = kept


def after_it_counted(explorer: OtherExplorer, kept: Kept) -> None:
    explorer.after_cancel = kept


def before_its_end_is_seen(explorer: OtherExplorer, kept: Kept) -> None:
    """The job has ended by the cancel, and the daemon that asks how it is gets no answer."""

    def reading(path: str, _: str) -> Answer | None:
        has_ended = any(explorer.status_of(job) == 4 for job in explorer.jobs)
        return kept() if has_ended and "/jobs" in path else None

    explorer.instead_of_reading = reading


MOMENTS = [before_it_counts, after_it_counted, before_its_end_is_seen]
Moment = Callable[[OtherExplorer, Kept], None]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_replacement_is_one_cancel_and_one_new_job_wherever_the_daemon_dies(
    installation: Installation, explorer: OtherExplorer, moment: Moment
) -> None:
    explorer.runs_s = lambda job: LONG_S if job.input["query_1"]["version"] == 1 else 0.2
    kept = Kept()
    write(installation, "a", 1, onChange="replace")
    write(installation, "b", 1)
    with installation.daemon() as daemon:
        daemon.until_states(a="Running", b="Running")
        first = int(daemon.items()["a"]["jobId"])
        moment(explorer, kept)
        write(installation, "a", 2, onChange="replace")
        kept.kill(daemon)
    assert len(explorer.jobs) == 2
    with installation.daemon() as daemon:
        daemon.until_states(a="Succeeded", b="Running")
        daemon.looks_again()
    assert set(explorer.cancels()) == {first}
    assert sorted(job.input["query_1"]["version"] for job in explorer.jobs) == [1, 1, 2]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_deadline_is_one_cancel_and_no_new_job_wherever_the_daemon_dies(
    installation: Installation, explorer: OtherExplorer, moment: Moment
) -> None:
    explorer.job_s = LONG_S
    kept = Kept()
    moment(explorer, kept)
    write(installation, SOON_AGAIN, 1, activeDeadlineSeconds=0.3, backoffLimit=2)
    with installation.daemon() as daemon:
        kept.kill(daemon)
    with installation.daemon() as daemon:
        daemon.until_states(**{SOON_AGAIN: "Failed"})
        daemon.looks_again()
    assert set(explorer.cancels()) == {explorer.first_id}
    assert len(explorer.jobs) == 1


def test_the_cancel_of_a_deleted_manifest_goes_on_after_a_kill(
    installation: Installation, explorer: OtherExplorer
) -> None:
    explorer.job_s = LONG_S
    kept = Kept()
    before_it_counts(explorer, kept)
    write(installation, "a", 1, onDelete="cancel")
    write(installation, "b", 1)
    with installation.daemon() as daemon:
        daemon.until_states(a="Running", b="Running")
        first = int(daemon.items()["a"]["jobId"])
        (installation.jobs_dir / "a.yaml").unlink()
        kept.kill(daemon)
    with installation.daemon() as daemon:
        daemon.until_states(a="Deleted")
        daemon.until(lambda: daemon.items()["a"]["jobStatus"] == "Interrupted", "the end of the job")
        daemon.looks_again()
    assert set(explorer.cancels()) == {first}


def second_has_failed(item: Item) -> bool:
    return (item.get("attempt"), item.get("state")) == (2, "Failed")


def test_a_failed_job_is_submitted_again_once_although_the_daemon_dies_in_between(
    installation: Installation, explorer: OtherExplorer
) -> None:
    kept = Kept()
    explorer.ends_as = lambda _: 3
    explorer.instead_of_reading = lambda path, _: (
        kept() if "/jobs" in path and any(explorer.status_of(job) == 3 for job in explorer.jobs) else None
    )
    write(installation, SOON_AGAIN, 1, backoffLimit=1)
    with installation.daemon() as daemon:
        kept.kill(daemon)
    with installation.daemon() as daemon:
        daemon.until(lambda: second_has_failed(daemon.items().get(SOON_AGAIN, {})), "the end of the second")
        daemon.kill()
    with installation.daemon() as daemon:
        daemon.comes_to_rest()
        item = daemon.items()[SOON_AGAIN]
    assert len(explorer.jobs) == 2
    assert (item["attempt"], item["state"]) == (2, "Failed")


def test_a_cancel_is_repeated_until_the_server_shows_that_the_job_has_ended(
    installation: Installation, explorer: OtherExplorer
) -> None:
    answers: list[Answer | None] = [
        Reply(200, {"code": 0, "data": {"success": True}, "message": "Success"}),  # and nothing comes of it
    ]
    explorer.job_s = LONG_S
    explorer.before_cancel = lambda _: answers.pop(0) if answers else None
    installation.settings["POLL_S"] = "0.1"
    write(installation, "a", 1, activeDeadlineSeconds=0.2)
    with installation.daemon() as daemon:
        daemon.until_states(a="Failed")
        daemon.until(lambda: len(daemon.says("cancel sent")) >= 2, "a second cancel")
    assert set(explorer.cancels()) == {explorer.first_id}


def test_a_job_that_ends_by_itself_before_its_cancel_counts_for_what_it_is(
    installation: Installation, explorer: OtherExplorer
) -> None:
    explorer.runs_s = lambda _: 0.0 if explorer.cancels() else LONG_S
    explorer.before_cancel = lambda _: Reply(500, {"code": 50004000, "message": "ErrInternalServer"})
    write(installation, "a", 1, activeDeadlineSeconds=0.3)
    with installation.daemon() as daemon:
        daemon.until_states(a="Succeeded")
    assert explorer.cancels()


def nobody_elses(explorer: OtherExplorer) -> Job:
    return explorer.add_job("42")


def test_no_job_of_anybody_else_is_ever_cancelled(
    installation: Installation, explorer: OtherExplorer
) -> None:
    explorer.job_s = LONG_S
    write(installation, "a", 1, onChange="replace", onDelete="cancel")
    write(installation, "b", 1)
    with installation.daemon() as daemon:
        daemon.until_states(a="Running", b="Running")
        foreign = nobody_elses(explorer)
        (installation.jobs_dir / "a.yaml").unlink()
        daemon.until(lambda: daemon.items()["a"]["jobStatus"] == "Interrupted", "the end of the job")
        daemon.looks_again()
    assert foreign.id not in explorer.cancels()
    assert explorer.status_of(foreign) in (0, 1)
