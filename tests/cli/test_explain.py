"""`explain`: one paragraph, of the same plan as `plan` prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.core.model import JobId
from reconciler.core.outcome import Created
from reconciler.core.reason import Reason
from tests.cli.lasting import left_behind
from tests.cli.started import Command
from tests.engine.stage import SLOW, Stage, manifest_text, now_ms


async def several(stage: Stage) -> None:
    key = await stage.claimed("runs", SLOW)
    begun = await stage.store.begin(key, "ab" * 16, now_ms())
    await stage.store.record(begun, Created(JobId(101)), now_ms(), 0.0, 60_000)
    await stage.claimed("waits", SLOW)
    await stage.claimed("gone", SLOW)
    stage.remove("gone")
    stage.write("new", "77")


@pytest.fixture
def known(tmp_path: Path, command: Command) -> Command:
    left_behind(tmp_path, several)
    return command


def test_one_paragraph_says_it_all(known: Command) -> None:
    ended = known("explain", "runs")
    assert ended.status == 0
    [paragraph] = ended.lines
    assert paragraph.startswith(
        f"runs is wanted: runs.yaml:1 asks for a job of workflow {SLOW}. Generation 1 has job 101,"
    )
    assert f"Nothing is to be submitted: {Reason.RUNNING}." in paragraph


@pytest.mark.parametrize("name", ["runs", "waits", "new", "gone"])
def test_the_reason_is_that_of_the_plan(known: Command, name: str) -> None:
    planned = {it["name"]: it for it in known("plan", "-o", "json").json["actions"]}
    explained = known("explain", name, "-o", "json").json
    assert explained["action"] == planned[name]["action"]
    assert explained["reason"] == planned[name]["reason"]
    assert explained["until"] == planned[name]["until"]
    assert explained["daemon"] is None


def test_a_manifest_that_the_state_has_not_seen_is_explained(command: Command, tmp_path: Path) -> None:
    (tmp_path / "jobs.d" / "a.yaml").write_text(manifest_text("a"))
    text = command("explain", "a").out
    assert "Nothing was ever submitted for it." in text
    assert str(Reason.NOT_LISTED) in text


def test_a_name_that_was_deleted_is_explained(tmp_path: Path, command: Command) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("other", suspend=True)
        await stage.claimed("a", SLOW)
        stage.remove("a")
        for _ in range(2):
            await stage.parts.reconciler.reconcile()

    left_behind(tmp_path, scene)
    text = command("explain", "a").out
    assert "a stands in no file that can be read. Generation 1 was given up" in text
    assert f"Nothing is left to do: {Reason.DELETED}." in text
    assert command("explain", "a", "-o", "json").json["reason"] == Reason.DELETED


def test_a_name_that_nobody_knows_names_the_nearest(known: Command) -> None:
    ended = known("explain", "wait")
    assert ended.status == 1
    assert "no manifest is known under wait; the nearest is waits." in ended.err


def test_on_a_terminal_the_paragraph_fits(known: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    lines = known("explain", "runs").lines
    assert len(lines) > 2
    assert max(map(len, lines)) <= 60
