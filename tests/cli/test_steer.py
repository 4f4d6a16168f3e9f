"""`retry`, `cancel`, `pause` and `resume` on the command line, without a daemon."""

from __future__ import annotations

import getpass
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from reconciler.cli.main import cli
from reconciler.store.reading import Reader
from tests.cli.lasting import STATE, left_behind
from tests.cli.started import Command
from tests.engine.stage import Stage


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jobs.d").mkdir()
    return tmp_path / ".reconciler" / "state.db"


def said(*arguments: str) -> tuple[Any, str]:
    """What the command's function gives, and what it wrote."""
    ended = CliRunner().invoke(cli, arguments, standalone_mode=False)
    return ended.return_value if ended.exception is None else ended.exception, ended.output


def test_a_pause_is_recorded_with_who_and_why_and_a_resume_ends_it(site: Path) -> None:
    assert said("pause", "--why", "a move") == (0, "submissions are paused; `reconciler resume` goes on\n")
    with closing(Reader.open(site)) as reader:
        pause = reader.pause()
    assert pause is not None
    assert pause.why == "a move"
    assert pause.who.startswith(f"{getpass.getuser()}@")
    assert said("resume") == (0, "submissions go on\n")
    with closing(Reader.open(site)) as reader:
        assert reader.pause() is None
        assert [event.event for event in reader.history_since(0, 10)] == ["Paused", "Resumed"]


def test_whoever_has_no_name_is_named_by_a_number(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("no such user")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert said("pause")[0] == 0
    with closing(Reader.open(site)) as reader:
        pause = reader.pause()
    assert pause is not None
    assert pause.who.partition("@")[0].isdigit()


@pytest.mark.parametrize("wish", ["retry", "cancel"])
def test_a_wish_for_a_daemon_is_kept_and_that_is_said(tmp_path: Path, wish: str, command: Command) -> None:
    async def one_name(stage: Stage) -> None:
        await stage.claimed("a")

    left_behind(tmp_path, one_name)
    kept = f"no daemon runs: the wish to {wish} is kept, and performed when one starts\n"
    ended = command(wish, "a", "--why", "wrong data")
    assert (ended.status, ended.out) == (0, kept)
    with closing(Reader.open(tmp_path / STATE)) as reader:
        [found] = reader.open_wishes()
    assert found.kind == wish
    assert (found.arguments["name"], found.arguments["why"]) == ("a", "wrong data")
    assert f"Asked for, and not performed before a daemon runs: {wish} a" in command("get").err


@pytest.mark.parametrize("command", ["retry", "cancel"])
def test_no_wish_is_kept_for_a_name_that_nobody_knows(site: Path, command: str) -> None:
    failure, _ = said(command, "a")
    assert "nothing is known yet" in str(failure)
    assert not site.exists()
    said("pause")
    failure, _ = said(command, "a")
    assert "no manifest is known under a" in str(failure)
    with closing(Reader.open(site)) as reader:
        assert reader.open_wishes() == []
