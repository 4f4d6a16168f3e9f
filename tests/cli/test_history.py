"""`history`: what happened to one name, and to all, since when one likes."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.core.model import JobId
from reconciler.core.outcome import Created, NotCreated, Refused
from tests.cli.lasting import left_behind
from tests.cli.started import Command
from tests.engine.stage import SLOW, Stage, now_ms


async def two_stories(stage: Stage) -> None:
    receipts = {"runs": Created(JobId(101)), "refused": NotCreated(Refused(40004001, "no\x1b[2J task"))}
    for name, receipt in receipts.items():
        key = await stage.claimed(name, SLOW)
        begun = await stage.store.begin(key, "ab" * 16, now_ms())
        await stage.store.record(begun, receipt, now_ms(), 0.0, 60_000)


@pytest.fixture
def known(tmp_path: Path, command: Command) -> Command:
    left_behind(tmp_path, two_stories)
    return command


def test_one_name_has_its_story(known: Command) -> None:
    ended = known("history", "runs")
    assert ended.status == 0
    titles, *rows = ended.lines
    assert titles.split() == ["TIME", "RUN", "EVENT", "REASON"]
    assert rows[-1].split()[1] == "1.1"
    assert "job 101" in rows[-1]
    assert not any("refused" in row for row in rows)


def test_all_names_have_one_story(known: Command) -> None:
    titles, *rows = known("history").lines
    assert titles.split() == ["TIME", "NAME", "EVENT", "REASON"]
    assert {"runs#1.1", "refused#1.1", "workflow"} <= {row.split()[1] for row in rows}
    assert "\\u001b" in known("history").out
    assert [row.split()[0] for row in rows] == sorted(row.split()[0] for row in rows)


def test_programs_read_the_same(known: Command) -> None:
    events = known("history", "runs", "-o", "json").json["events"]
    assert {it["name"] for it in events} == {"runs"}
    assert events[-1]["jobId"] == "101"
    assert events[-1]["traceId"] == "ab" * 16
    assert known("history", "-o", "json", "--limit", "2").json["events"][-1]["name"] == "refused"


def test_the_past_may_be_left_out(known: Command) -> None:
    assert known("history", "--since", "1h", "-o", "json").json["events"]
    ended = known("history", "runs", "--since", "2999-01-01")
    assert (ended.status, ended.out) == (0, "")
    assert ended.err.startswith("nothing happened then")
    newest = known("history", "runs", "--limit", "1")
    assert (len(newest.lines), newest.err) == (2, "these are the newest 1; --limit shows more\n")
    assert known("history", "runs").err == ""


def test_what_is_no_moment_is_told(known: Command) -> None:
    ended = known("history", "--since", "yesterday")
    assert ended.status == 64
    assert "'yesterday' is no moment; it takes a duration such as 90s" in ended.err


def test_a_name_that_nobody_knows_names_the_nearest(known: Command, tmp_path: Path) -> None:
    ended = known("history", "refuse")
    assert ended.status == 1
    assert "the nearest is refused" in ended.err
    assert known("history", "x", "--state", "none.db").status == 1
    assert known("history", "--state", "none.db").status == 0
