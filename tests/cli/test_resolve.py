"""`resolve`: how an operator ends a hold, with and without a daemon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.holds import held, unknown
from tests.cli.lasting import left_behind, living_daemon
from tests.cli.started import Command, until
from tests.engine.stage import SLOW, Stage, now_ms


def items(command: Command) -> dict[str, dict[str, Any]]:
    return {item["name"]: item for item in command("get", "-o", "json").json["items"]}


@pytest.fixture
def known(tmp_path: Path, command: Command) -> Command:
    """A held run `a` with the candidates 7 and 8."""
    left_behind(tmp_path, lambda stage: held(stage, 7, 8))
    return command


def test_a_held_run_is_given_one_of_its_candidates(known: Command) -> None:
    ended = known("resolve", "a", "--adopt", "8")
    assert (ended.status, ended.out) == (0, "job 8 is the job of a\n")
    assert (items(known)["a"]["state"], items(known)["a"]["jobId"]) == ("Running", "8")


def test_what_is_no_candidate_is_refused_and_the_candidates_are_named(known: Command) -> None:
    ended = known("resolve", "a", "--adopt", "9")
    assert (ended.status, ended.out) == (1, "")
    assert ended.err == "job 9 is not a candidate for a#1.1; candidates: 7, 8\n"
    assert items(known)["a"]["candidates"] == ["7", "8"]


def test_a_run_that_was_not_created_is_sent_again(known: Command) -> None:
    ended = known("resolve", "a", "--not-created")
    assert (ended.status, ended.out) == (0, "a is sent again\n")
    assert items(known)["a"]["state"] == "Waiting"


def test_where_nothing_is_held_nothing_is_resolved(known: Command) -> None:
    ended = known("resolve", "b", "--not-created")
    assert ended.status == 1
    assert ended.err == "no run of b is held; `reconciler get b` shows how it is\n"


def test_what_is_still_looked_for_is_not_resolved(tmp_path: Path, command: Command) -> None:
    left_behind(tmp_path, unknown)
    ended = command("resolve", "a", "--not-created")
    assert ended.status == 1
    assert "a#1.1 is not held: it is still looked for, next at about 20" in ended.err


def test_with_several_held_generations_one_has_to_be_named(tmp_path: Path, command: Command) -> None:
    async def scene(stage: Stage) -> None:
        await held(stage, 7)
        await held(stage, 7, 9, value="y")

    left_behind(tmp_path, scene)
    refused = command("resolve", "a", "--adopt", "7")
    assert "several runs of a are held; say --generation, one of 1, 2" in refused.err
    assert command("resolve", "a", "--generation", "1", "--adopt", "7").status == 0
    assert command("resolve", "a", "--adopt", "9").status == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["a"],
        ["--adopt", "7"],
        ["a", "--adopt", "7", "--not-created"],
        ["a", "--not-ours"],
        ["--workflow", "1"],
        ["a", "--workflow", "1", "--not-ours"],
        ["--workflow", "1", "--not-ours", "--not-created"],
        ["--workflow", "../1", "--not-ours"],
        ["a", "--adopt", "0"],
    ],
)
def test_what_contradicts_itself_is_a_usage_error(arguments: list[str], command: Command) -> None:
    assert command("resolve", *arguments).status == 64


def test_a_workflow_that_is_not_held_cannot_be_released(known: Command) -> None:
    ended = known("resolve", "--workflow", SLOW, "--not-ours")
    assert (ended.status, ended.err) == (1, f"workflow {SLOW} is not held\n")


def test_a_running_daemon_resolves_and_follows_the_job(tmp_path: Path, command: Command) -> None:
    async def before(stage: Stage) -> None:
        await stage.sandbox.add_foreign_job(SLOW)

    left_behind(tmp_path, lambda stage: held(stage, 7))
    with living_daemon(tmp_path, before) as stage:
        [job] = stage.jobs(SLOW)
        ended = command("resolve", "a", "--adopt", str(job.id))
        assert (ended.status, ended.out) == (0, f"job {job.id} is the job of a\n"), "it turned up late"
        until(lambda: stage.parts.follower.jobs)
        assert stage.told.of("submission") == [("adopted",)]


def test_a_running_daemon_sends_again_what_was_not_created(tmp_path: Path, command: Command) -> None:
    async def before(stage: Stage) -> None:
        pass

    left_behind(tmp_path, lambda stage: held(stage, 7))
    with living_daemon(tmp_path, before) as stage:
        assert command("resolve", "a", "--not-created").status == 0
        until(lambda: stage.jobs(SLOW))


async def restored(stage: Stage) -> None:
    """A restored state whose workflow has job 7, which it does not know; manifest `a` is wanted there."""
    stage.store._writer._connection.execute("INSERT INTO meta (key, value) VALUES ('quarantine', 'a copy')")
    stage.write("a", SLOW)
    await stage.parts.reconciler.reconcile()
    await stage.store.workflow_listed(SLOW, [7], now_ms())
    await stage.parts.reconciler.replan()


def test_a_restored_states_workflow_is_released_by_an_operators_word(
    tmp_path: Path, command: Command
) -> None:
    left_behind(tmp_path, restored)
    assert "jobs 7" in items(command)["a"]["reason"]
    ended = command("resolve", "--workflow", SLOW, "--not-ours")
    assert (ended.status, ended.out) == (0, f"workflow {SLOW} is used again\n")
    assert "1 to submit" in command("plan").out


def test_in_a_restored_state_a_manifest_is_given_the_job_that_it_made_before(
    tmp_path: Path, command: Command
) -> None:
    left_behind(tmp_path, restored)
    assert command("resolve", "a", "--adopt", "7").out == "job 7 is the job of a\n"
    assert items(command)["a"]["jobId"] == "7"
    assert command("resolve", "--workflow", SLOW, "--not-ours").status == 1, "it is used again already"
