"""`approve` and `baseline`: performed by a running daemon, or without one by the command itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.cli import asking
from reconciler.store.lock import Lock
from tests.cli.lasting import STATE, left_behind, living_daemon
from tests.cli.started import Command, until
from tests.engine.stage import QUICK, Stage, manifest_text, now_ms


@pytest.fixture
def guarded(tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Two new manifests where one is allowed."""
    monkeypatch.setenv("RECONCILER_MAX_NEW", "1")
    for name in ("a", "b"):
        (tmp_path / "jobs.d" / f"{name}.yaml").write_text(manifest_text(name))
    return command


def hash_in(command: Command) -> str:
    """The hash as `plan` prints it for a person."""
    return command("plan").lines[-1].split()[-1]


def states(command: Command) -> dict[str, str]:
    return {item["name"]: item["state"] for item in command("get", "-o", "json").json["items"]}


def test_the_hash_that_plan_prints_is_the_one_that_approve_takes(guarded: Command) -> None:
    ended = guarded("approve", hash_in(guarded))
    assert (ended.status, ended.out, ended.err) == (0, "approved 2 runs\n", "")
    assert "wait for you" not in guarded("plan").out


def test_another_hash_is_refused(guarded: Command) -> None:
    ended = guarded("approve", "f00")
    assert (ended.status, ended.out) == (1, "")
    assert hash_in(guarded) in ended.err
    assert "wait for you" in guarded("plan").out


def test_where_nothing_waits_there_is_nothing_to_approve(command: Command) -> None:
    ended = command("approve", "f00")
    assert ended.status == 1
    assert ended.err.startswith("nothing waits for approval")


def test_a_baseline_without_a_daemon_is_recorded_at_once(guarded: Command) -> None:
    ended = guarded("baseline", "a")
    assert (ended.status, ended.out) == (0, "recorded 1 run as already done\n")
    assert guarded("baseline", "a").status == 1
    assert guarded("baseline").out == "recorded 1 run as already done\n"
    assert "2 with nothing to do" in guarded("plan").out


def test_a_directory_that_cannot_be_read_approves_nothing(command: Command) -> None:
    ended = command("approve", "f00", "--jobs-dir", "nowhere")
    assert ended.status == 1
    assert ended.err.startswith("error: nowhere: ")


async def with_jobs_of_others(stage: Stage) -> None:
    await stage.sandbox.add_foreign_job(QUICK)
    stage.write("a")
    stage.write("b")


def test_a_running_daemon_approves_what_plan_shows(tmp_path: Path, command: Command) -> None:
    with living_daemon(tmp_path, with_jobs_of_others) as stage:
        ended = command("approve", hash_in(command))
        assert (ended.status, ended.out) == (0, "approved 2 runs\n")
        until(lambda: len(stage.jobs()) == 3)
    assert set(states(command)) == {"a", "b"}


def test_a_running_daemon_records_a_baseline(tmp_path: Path, command: Command) -> None:
    with living_daemon(tmp_path, with_jobs_of_others) as stage:
        assert command("baseline", "b").out == "recorded 1 run as already done\n"
        refused = command("baseline", "c")
        assert (refused.status, refused.err) == (
            1,
            "no new run waits under c; nothing was recorded\n",
        )
    assert len(stage.jobs()) == 1
    assert states(command) == {"a": "Waiting", "b": "Succeeded"}


def test_a_daemon_that_does_not_answer_is_told_of(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(_: Stage) -> None:
        pass

    monkeypatch.setattr(asking, "ANSWER_S", 0.1)
    left_behind(tmp_path, nothing)
    lock = Lock.take(tmp_path / STATE, {"pid": 1, "host": "here", "since": "now"})
    ended = command("baseline")
    lock.release()
    assert ended.status == 1
    assert "the wish to baseline stays in the state" in ended.err


def test_on_a_new_state_a_baseline_of_one_name_leaves_the_others_guarded(
    tmp_path: Path, command: Command
) -> None:
    for name in ("a", "b"):
        (tmp_path / "jobs.d" / f"{name}.yaml").write_text(manifest_text(name))
    assert command("baseline", "a").status == 0

    async def scene(stage: Stage) -> None:
        await stage.parts.reconciler.start()
        await stage.parts.reconciler.reconcile()
        await stage.store.workflow_listed(QUICK, [77], now_ms())
        assert (await stage.parts.reconciler.replan()).is_guarded

    left_behind(tmp_path, scene)
