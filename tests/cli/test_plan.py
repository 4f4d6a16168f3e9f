"""`plan`: what would happen, for people and for programs, and its exit statuses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reconciler.core.model import JobId, Pause
from reconciler.core.outcome import Created, NotCreated, Throttled, Unclear
from reconciler.core.reason import Reason
from tests.cli.lasting import left_behind
from tests.cli.started import Command
from tests.engine.stage import QUICK, SLOW, Stage, manifest_text, now_ms


def write(directory: Path, *names: str, suspend: bool = False) -> None:
    for name in names:
        text = manifest_text(name, suspend=suspend)
        (directory / "jobs.d" / f"{name}.yaml").write_text(text)


async def sent(stage: Stage, name: str, receipt: Created | NotCreated | Unclear) -> None:
    begun = await stage.store.begin((await stage.latest(name)).key, "ab" * 16, now_ms())
    await stage.store.record(begun, receipt, now_ms(), 0.99, 60_000)


async def all_kinds(stage: Stage) -> None:
    """A state with a run in every situation that a plan tells of."""
    for name in ("done", "held", "lost", "backoff", "gone", "unsent"):
        await stage.claimed(name)
    await sent(stage, "done", Created(JobId(101)))
    for name in ("held", "lost"):
        await sent(stage, name, Unclear("reset"))
    held = (await stage.latest("held")).key
    await stage.store.stop_looking(held, "no listing tells it", now_ms())
    await sent(stage, "backoff", NotCreated(Throttled(50.0)))
    stage.remove("gone")
    stage.write("unsent", suspend=True)
    stage.write("new", SLOW)
    stage.write_text("broken.yaml", "metadata: {name: broken}\n")


def test_a_fresh_directory_is_planned_without_a_state(tmp_path: Path, command: Command) -> None:
    write(tmp_path, "a")
    ended = command("plan")
    assert ended.status == 0
    assert ended.lines == [
        "ACTION  NAME  WHY",
        "submit  a     waits until Explorer has listed the workflow's jobs once",
        "",
        "To be listed first: workflow 1. Only Explorer knows what jobs are there; on a state without any run,"
        " manifests of a workflow that has some are guarded",
        "Plan: 1 to submit, 0 with nothing to do.",
        f"Hash: {command('plan', '-o', 'json').json['hash']}",
    ]
    assert not (tmp_path / ".reconciler").exists()


def test_an_empty_directory_has_nothing_to_do(command: Command) -> None:
    ended = command("plan", "--detailed-exitcode")
    assert (ended.status, ended.out) == (0, "Plan: 0 to submit, 0 with nothing to do.\n")


def test_every_situation_is_told_with_its_reason(tmp_path: Path, command: Command) -> None:
    left_behind(tmp_path, all_kinds)
    ended = command("plan", "-o", "json")
    assert {it["name"]: it["action"] for it in ended.json["actions"]} == {
        "done": "nothing",
        "held": "held",
        "lost": "unknown",
        "backoff": "submit",
        "gone": "wait",
        "unsent": "give up",
        "new": "submit",
        "broken": "invalid",
    }
    reasons = {it["name"]: it["reason"] for it in ended.json["actions"]}
    assert reasons["backoff"] == f"{Reason.BACKOFF}: Explorer asks to wait 50 s"
    assert reasons["gone"] == Reason.ABSENT_ONCE
    assert ended.status == 1


def test_people_are_told_what_is_not_settled_and_the_rest_is_counted(
    tmp_path: Path, command: Command
) -> None:
    left_behind(tmp_path, all_kinds)
    ended = command("plan")
    assert {line.split()[1] for line in ended.lines if line.startswith("submit ")} == {"backoff", "new"}
    assert not any(" done " in line for line in ended.lines)
    assert ended.lines[-2] == (
        "Plan: 2 to submit, 1 to give up, 1 waiting, 1 being looked for, 1 held, 1 invalid,"
        " 1 with nothing to do."
    )
    assert ended.err.startswith("broken.yaml:1:1: ")
    assert ended.status == 1


@pytest.mark.parametrize(("option", "status"), [((), 0), (("--detailed-exitcode",), 2)])
def test_changes_that_are_pending_have_a_status_if_it_is_asked_for(
    tmp_path: Path, command: Command, option: tuple[str, ...], status: int
) -> None:
    write(tmp_path, "a")
    assert command("plan", *option).status == status
    write(tmp_path, "a", suspend=True)
    assert command("plan", *option).status == 0


def test_problems_count_more_than_what_is_pending(tmp_path: Path, command: Command) -> None:
    write(tmp_path, "a")
    (tmp_path / "jobs.d" / "odd.yaml").write_text("\0")
    ended = command("plan", "--detailed-exitcode")
    assert ended.status == 1
    assert "1 invalid" in ended.lines[-2]


def test_too_many_new_runs_end_with_the_hash_to_approve(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_MAX_NEW", "1")
    write(tmp_path, "a", "b")
    ended, as_json = command("plan", "--detailed-exitcode"), command("plan", "-o", "json").json
    assert ended.status == 2
    assert ended.lines[-1] == f"2 new runs wait for you: reconciler approve {as_json['hash']}"
    assert as_json["isGuarded"] is True
    assert [it["name"] for it in as_json["unapproved"]] == ["a", "b"]
    assert {it["reason"] for it in as_json["actions"]} == {str(Reason.TOO_MANY_NEW)}


def test_a_changed_manifest_shows_its_changed_values(tmp_path: Path, command: Command) -> None:
    async def scene(stage: Stage) -> None:
        await stage.claimed("a", QUICK, "Tim Duncan")
        await sent(stage, "a", Created(JobId(101)))
        stage.write("a", SLOW, "Tony Parker")

    left_behind(tmp_path, scene)
    lines = command("plan").lines
    assert lines[1] == "submit  a     waits until Explorer has listed the workflow's jobs once"
    assert lines[2:6] == [
        '        - spec.workflowId: "1"',
        '        + spec.workflowId: "2"',
        '        - spec.input.query_1.name: "Tim Duncan"',
        '        + spec.input.query_1.name: "Tony Parker"',
    ]
    [action] = command("plan", "-o", "json").json["actions"]
    assert action["changes"][0] == {"path": "spec.workflowId", "before": "1", "after": "2"}
    assert (action["workflowId"], action["until"]) == ("2", None)


def test_a_new_rerun_is_told_where_no_value_differs(tmp_path: Path, command: Command) -> None:
    async def scene(stage: Stage) -> None:
        await stage.claimed("a", QUICK)
        await sent(stage, "a", Created(JobId(101)))
        stage.write_text("a.yaml", manifest_text("a") + "  rerun: 2\n")

    left_behind(tmp_path, scene)
    assert f"{Reason.CHANGED}; spec.rerun changed" in command("plan").out


async def replacing(stage: Stage) -> None:
    """A job that runs, of a manifest that has changed and wants it replaced."""
    stage.write_text("a.yaml", manifest_text("a", SLOW) + "  onChange: replace\n")
    await stage.store.workflow_listed(SLOW, [], now_ms())
    await stage.parts.reconciler.reconcile()
    await sent(stage, "a", Created(JobId(101)))
    stage.write_text("a.yaml", manifest_text("a", SLOW, "y") + "  onChange: replace\n")


def test_jobs_to_be_stopped_are_told_apart_from_what_happens_to_names(
    tmp_path: Path, command: Command
) -> None:
    left_behind(tmp_path, replacing)
    shown = command("plan", "-o", "json").json
    assert [(it["name"], it["action"]) for it in shown["actions"]] == [("a", "wait")]
    assert [(it["name"], it["action"], it["jobId"]) for it in shown["cancels"]] == [("a", "cancel", "101")]
    assert shown["cancels"][0]["reason"] == Reason.CANCEL_REPLACED
    ended = command("plan", "--detailed-exitcode")
    assert ended.status == 2
    assert ended.lines[1] == f"cancel  a     job 101: {Reason.CANCEL_REPLACED}"
    assert "Plan: 0 to submit, 1 to cancel, 1 waiting, 0 with nothing to do." in ended.lines
    explained = command("explain", "a").out
    assert f"Job 101 is stopped: {Reason.CANCEL_REPLACED}." in explained


def test_what_waits_says_until_when(tmp_path: Path, command: Command) -> None:
    left_behind(tmp_path, all_kinds)
    [line] = [line for line in command("plan").lines if " backoff " in line]
    assert re.search(r"Explorer asks to wait 50 s \(until 20\S+Z, in \d+s\)$", line)
    untils = {it["name"]: it["until"] for it in command("plan", "-o", "json").json["actions"]}
    assert untils["backoff"].endswith("Z")
    assert untils["new"] is None


def test_a_pause_is_told(tmp_path: Path, command: Command) -> None:
    async def scene(stage: Stage) -> None:
        await stage.store.pause(Pause("anna", "a migration", now_ms()))

    left_behind(tmp_path, scene)
    assert re.match(
        r"Submissions are paused since 20\S+Z by anna: a migration\. `reconciler resume` goes on",
        command("plan").lines[0],
    )
    assert command("plan", "-o", "json").json["paused"]["by"] == "anna"


def test_a_pull_request_gets_markdown(tmp_path: Path, command: Command) -> None:
    left_behind(tmp_path, all_kinds)
    ended = command("plan", "-o", "markdown")
    assert ended.lines[0].startswith("### Plan: 2 to submit, 1 to give up, ")
    assert "| give up | `unsent` | the manifest is suspended |" in ended.lines
    assert ended.lines[-1].startswith("Hash: `")
    assert any(line.startswith("- broken.yaml:1:1: ") for line in ended.lines)


def test_on_a_terminal_reasons_are_whole_and_lines_fit(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "n" * 253
    write(tmp_path, "a")
    (tmp_path / "jobs.d" / "long.yaml").write_text(manifest_text(long))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    ended = command("plan")
    assert max(map(len, ended.lines)) <= 80
    text = " ".join(ended.out.split())
    assert text.count("waits until Explorer has listed the workflow's jobs once") == 2


def test_the_state_of_the_sandbox_is_asked_for_by_name(tmp_path: Path, command: Command) -> None:
    async def scene(stage: Stage) -> None:
        await stage.claimed("a")

    write(tmp_path, "a")
    left_behind(tmp_path, scene)
    assert str(Reason.SEND) in command("plan").out
    assert str(Reason.NOT_LISTED) in command("plan", "--sandbox").out
    assert str(Reason.SEND) in command("plan", "--sandbox", "--state", ".reconciler/state.db").out


def test_a_state_that_is_none_is_an_error(tmp_path: Path, command: Command) -> None:
    (tmp_path / "state.db").write_text("not a database at all" * 100)
    ended = command("plan", "--state", "state.db")
    assert ended.status == 1
    assert ended.err.startswith("error: state.db cannot be read: ")
