"""How commands end: their exit statuses, and what is said where they fail."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import click
import pytest

from reconciler import __version__
from reconciler.cli import main as module
from reconciler.cli.main import COMMANDS, cli
from reconciler.errors import ExitCode, ReconcilerError
from reconciler.store.lock import Lock
from tests.cli.started import Command, start
from tests.engine.stage import manifest_text


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """From now on every command ends by this."""

    def ends(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli, "main", ends)


def test_help_lists_every_command_in_the_order_of_use(command: Command) -> None:
    ended = command("--help")
    assert ended.status == 0
    listed = [line.split()[0] for line in ended.out.partition("Commands:\n")[2].splitlines()]
    assert listed == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does(command: Command, name: str) -> None:
    ended = command(name, "-h")
    assert ended.status == 0
    assert f"Usage: reconciler {name}" in ended.out


@pytest.mark.parametrize(
    "arguments",
    [(), ("levitate",), ("--levitate",), ("plan", "--levitate"), ("plan", "-o", "xml"), ("approve",)],
)
def test_what_is_not_understood_is_a_usage_error(command: Command, arguments: tuple[str, ...]) -> None:
    ended = command(*arguments)
    assert ended.status == 64
    assert "Usage: reconciler" in ended.err
    assert ended.out == ""


def test_a_command_that_does_not_exist_is_told_with_the_nearest(command: Command) -> None:
    assert "there is no command 'descrbe'; the nearest is describe" in command("descrbe").err
    assert "there is no command 'zzz'; `reconciler --help` lists all" in command("zzz").err


def test_the_version_is_told_either_way(command: Command) -> None:
    assert command("--version").out == command("version").out.replace(" ", ", version ")
    assert __version__ in command("version").out


def test_all_wrong_settings_are_told_at_once(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILER_RESYNC_S", "-1")
    monkeypatch.setenv("RECONCILER_RATE", "fast")
    monkeypatch.setenv("RECONCILER_RESINK_S", "1")
    ended = command("plan")
    assert ended.status == 78
    lines = ended.err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("error: RECONCILER_R") for line in lines)


def test_a_missing_setting_for_explorer_is_told_by_run_only(command: Command) -> None:
    ended = command("run", "--once")
    assert ended.status == 78
    assert "RECONCILER_EXPLORER_URL" in ended.err
    assert command("plan").status == 0


def test_a_file_of_settings_counts(command: Command, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('jobs_dir = "elsewhere"\n')
    assert "elsewhere" in command("plan", "--config", "settings.toml").err
    assert command("plan", "--config", "settings.toml", "--jobs-dir", "jobs.d").status == 0


def test_a_state_in_use_ends_with_75_and_names_the_holder(command: Command, tmp_path: Path) -> None:
    state = tmp_path / ".reconciler/sandbox/state.db"
    state.parent.mkdir(parents=True)
    lock = Lock.take(state, {"pid": 4711, "host": "over-there", "since": "yesterday"})
    ended = command("run", "--once", "--sandbox")
    lock.release()
    assert ended.status == 75
    assert ended.err.splitlines()[-1].endswith("is in use by process 4711 on over-there, since yesterday")


def test_an_explorer_out_of_reach_ends_once_with_69(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "jobs.d" / "a.yaml").write_text(
        "{apiVersion: reconciler/v1, kind: WorkflowJob, metadata: {name: a}, spec: {workflowId: 1}}"
    )
    (tmp_path / "password").write_text("secret")
    monkeypatch.setenv("RECONCILER_EXPLORER_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("RECONCILER_USERNAME", "root")
    monkeypatch.setenv("RECONCILER_PASSWORD_FILE", "password")
    monkeypatch.setenv("RECONCILER_GRAPHD_ADDRESS", "graphd:9669")
    ended = command("run", "--once", "--state", "state.db")
    assert ended.status == 69
    assert "secret" not in ended.err
    monkeypatch.setenv("RECONCILER_EXPLORER_URL", "http://127.0.0.1:2")
    ended = command("run", "--once", "--state", "state.db")
    assert ended.status == 78
    assert "belongs to the Explorer at http://127.0.0.1:1" in ended.err
    assert command("run", "--once", "--state", "state.db", "--explorer-moved").status == 69


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), click.Abort()])
def test_an_interruption_ends_with_130(
    command: Command, monkeypatch: pytest.MonkeyPatch, interruption: BaseException
) -> None:
    raising(monkeypatch, interruption)
    assert command("plan").status == 130


def test_an_error_is_told_line_by_line(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    raising(monkeypatch, ReconcilerError("one\ntwo"))
    ended = command("plan")
    assert (ended.status, ended.err) == (1, "error: one\nerror: two\n")


def test_a_command_that_gives_no_status_is_done(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "main", lambda **_: None)
    assert command("plan").status == ExitCode.DONE


@pytest.mark.parametrize("arguments", [("schema",), ("validate", "-o", "json"), ("plan", "-o", "json")])
def test_nothing_is_said_to_a_reader_who_has_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "jobs.d").mkdir()
    monkeypatch.chdir(tmp_path)
    reader, writer = os.pipe()
    os.close(reader)
    errors = io.StringIO()
    out = os.fdopen(writer, "w", encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", out)
        patch.setattr("sys.stderr", errors)
        status = start(*arguments)
    with suppress(BrokenPipeError):
        out.close()
    assert (status, errors.getvalue()) == (1, "")


@pytest.mark.parametrize("asked", ["version", "--help"])
def test_version_and_help_load_nothing_heavy(asked: str) -> None:
    script = (
        "import sys\n"
        "before = set(sys.modules)\n"  # what measures the coverage brings some of its own
        "from reconciler.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'asyncio', 'difflib', 'httpx', 'jsonschema', 'structlog', 'yaml', 'rich', 'sqlite3'}\n"
        "print(*heavy & set(sys.modules) - before)"
    )
    said = subprocess.run([sys.executable, "-c", script, asked], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines()[-1] == ""


def test_a_daemon_loads_at_first_what_it_needs_on_a_good_day() -> None:
    script = (
        "import sys\n"
        "import reconciler.cli.run\n"
        "from reconciler.core.manifest import read\n"
        "[found] = read('a.yaml', sys.stdin.buffer.read())\n"
        "print(found.name, *{'jsonschema', 'jinja2', 'reconciler.sandbox'} & set(sys.modules))"
    )
    said = subprocess.run(
        [sys.executable, "-c", script],
        input=manifest_text("good"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "good\n"


def test_what_was_imported_is_left_out_of_collections_and_a_command_is_not() -> None:
    script = (
        "import gc, sys\n"
        "from unittest import mock\n"
        "from reconciler.__main__ import main\n"
        "seen = lambda: print(gc.isenabled(), gc.get_freeze_count() > 1_000) or sys.exit(3)\n"
        "with mock.patch('reconciler.cli.main.main', seen): main()"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout) == (3, "True True\n")


def test_the_table_of_commands_names_functions_that_exist() -> None:
    context = click.Context(cli)
    assert [cli.get_command(context, name) is not None for name in module.COMMANDS] == [True] * len(COMMANDS)
    assert cli.get_command(context, "levitate") is None


@pytest.mark.parametrize(
    "arguments",
    [
        *((word,) for word in ("get", "describe", "explain", "history", "results", "retry", "cancel")),
        ("resolve", "--not-created"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_bytes_that_are_no_text_are_no_name(command: Command, arguments: tuple[str, ...]) -> None:
    ended = command(*arguments, "\udcff")
    assert ended.status == 64
    assert "is no name: it is not UTF-8" in ended.err
