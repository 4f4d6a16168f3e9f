"""Completion: what each shell is given, and what it is told of commands, options and names."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.lasting import left_behind
from tests.cli.started import Command
from tests.engine.stage import Stage


async def two_names(stage: Stage) -> None:
    for name in ("tim-duncan", "tony-parker"):
        stage.write(name, suspend=True)
    await stage.parts.reconciler.reconcile()


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch, command: Command):
    """What bash is offered for the last of these words."""

    def offered(*words: str) -> list[str]:
        with monkeypatch.context() as patch:
            patch.setenv("_RECONCILER_COMPLETE", "bash_complete")
            patch.setenv("COMP_WORDS", " ".join(("reconciler", *words)))
            patch.setenv("COMP_CWORD", str(len(words)))
            return [line.partition(",")[2] for line in command().lines if line]

    return offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_that_it_can_read(command: Command, shell: str, tmp_path: Path) -> None:
    ended = command("completion", shell)
    assert ended.status == 0
    assert "_RECONCILER_COMPLETE" in ended.out
    found = shutil.which(shell)
    if found:
        (tmp_path / "script").write_text(ended.out)
        subprocess.run([found, "-n", str(tmp_path / "script")], check=True)


def test_ones_own_shell_is_the_default(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/zsh")
    assert command("completion").out == command("completion", "zsh").out
    monkeypatch.setenv("SHELL", "/bin/dash")
    ended = command("completion")
    assert (ended.status, ended.out) == (64, "")
    assert "say which shell: one of bash, zsh, fish" in ended.err


def test_commands_and_their_options_are_completed(complete) -> None:
    assert complete("des") == ["describe"]
    assert "--sort-by" in complete("get", "--so")
    assert complete("get", "--sort-by", "na") == ["name"]
    assert complete("get", "--state", "he") == ["Held"]


@pytest.mark.parametrize("command_name", ["get", "describe", "results", "explain", "history"])
def test_names_are_completed_from_the_state(tmp_path: Path, complete, command_name: str) -> None:
    left_behind(tmp_path, two_names)
    assert complete(command_name, "ti") == ["tim-duncan"]
    assert complete(command_name, "t") == ["tim-duncan", "tony-parker"]
    assert complete(command_name, "--state", "./other.db", "t") == []


def test_where_nothing_can_be_read_nothing_is_offered(
    complete, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert complete("get", "t") == []
    (tmp_path / ".reconciler").mkdir()
    (tmp_path / ".reconciler" / "state.db").write_text("no state")
    assert complete("get", "t") == []
    monkeypatch.setenv("RECONCILER_RATE", "fast")
    assert complete("get", "t") == []
