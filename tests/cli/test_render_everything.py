"""Every command with hostile text in all that it shows: nothing steers a terminal or is interpreted.

What is hostile stands where it can get in reality: in files' names and contents, in what a server says, in
what was typed, and, since a state may be somebody else's doing, in every text column of it.
"""

from __future__ import annotations

import ast
import json
import os
import sqlite3
import unicodedata
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.cli.main import COMMANDS
from reconciler.core.plain import plain
from reconciler.store.sums import register
from tests.cli.started import Command, Ended
from tests.store.lived import lived

CLI = Path(__file__).parents[2] / "reconciler" / "cli"
HOSTILE = (
    "[/x][link=http://evil.example]\x1b[2J\x1b]0;t\x07\x9b31m\x85\r\u202e\u2066\u200b\u2028\x7f%s{0}<script>"
)
MARKUP = "[/x][link=http://evil.example]"
FILE = "x\x1b[31m\u202e[red].yaml"
NO_UTF8 = b"y\xff\x9b31m.yaml"


def is_harmless(text: str) -> bool:
    """Whether nothing in it, but for the ends of lines, steers a terminal or hides."""
    lines = text.split("\n")
    return all(plain(line) == line for line in lines) and not any(
        unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for line in lines for letter in line
    )


def assert_harmless(ended: Ended) -> None:
    assert is_harmless(ended.out), ascii(ended.out)
    assert is_harmless(ended.err), ascii(ended.err)


@pytest.fixture
def tree(tmp_path: Path, command: Command) -> Path:
    """A jobs directory with hostile names and contents."""
    jobs = tmp_path / "jobs.d"
    (jobs / FILE).write_text("[1, 2\n")
    (jobs / "dir\x1b]0;x\x07").mkdir()
    (jobs / "dir\x1b]0;x\x07" / "a.yaml").write_text(
        json.dumps({"metadata": {"name": HOSTILE}, HOSTILE: HOSTILE})
    )
    (jobs / "good.yaml").write_text(
        json.dumps(
            {
                "apiVersion": "reconciler/v1",
                "kind": "WorkflowJob",
                "metadata": {"name": "good", "labels": {"l": "x"}},
                "spec": {
                    "workflowId": "42",
                    "input": {"query_1": {"name": "[/x][link=http://evil.example]"}},
                },
            }
        )
    )
    (tmp_path / "jobs.d" / "z.yaml").write_bytes(b"kind: \x1b[31m\xff\n")
    (Path(os.fsdecode(os.fsencode(jobs) + b"/" + NO_UTF8))).write_text("kind: [\n")
    return tmp_path


FREE = ("path", "reason", "revision", "why", "detail", "outcome", "trace_id", "event", "answer")
"""The columns of a state that hold free text, or text that nobody checks again when it is shown."""


def poisoned(state: Path) -> int:
    """Put the hostile text into every free text of the state; gives how many columns that were."""
    with closing(sqlite3.connect(state, isolation_level=None)) as connection:
        register(connection)
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        columns = [("jobs_seen", "name")]
        for (table,) in tables:
            found = [column[1] for column in connection.execute(f"PRAGMA table_info({table})")]
            columns += [(table, column) for column in found if column in FREE]
        for table, column in columns:
            connection.execute(f"UPDATE {table} SET {column} = ?", (HOSTILE,))
    return len(columns)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state that has lived, with hostile text wherever a text can be; who only reads does not verify it."""
    place = lived(tmp_path / "made").closed.put(tmp_path / "state")
    assert poisoned(place) >= 10
    return place


def readings(state: Path) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(state)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM names")]
    described = [
        ("describe", name, "-o", form, "--state", str(state)) for name in names for form in ("text", "json")
    ]
    listed = [("get", "-o", form, "--state", str(state)) for form in ("table", "json", "name")]
    return [*listed, *described]


def test_what_a_state_says_is_harmless_in_every_command_that_reads_it(
    state: Path, tree: Path, command: Command
) -> None:
    shown = 0
    for arguments in readings(state):
        ended = command(*arguments)
        assert_harmless(ended)
        shown += MARKUP in ended.out
    assert shown > 10, "what was planted was not shown at all"


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_a_tree_holds_is_harmless_in_what_validate_and_plan_say(
    tree: Path, command: Command, form: str
) -> None:
    for arguments in (
        ("validate",),
        ("validate", "jobs.d", f"jobs.d/{FILE}", "jobs.d/none\x1b[2J"),
        ("plan",),
    ):
        ended = command(*arguments, "-o", form)
        assert ended.status in (1, 64)
        assert_harmless(ended)
        assert "\\u001b" in ended.out + ended.err or arguments == ("plan",)


TYPED: tuple[tuple[str, ...], ...] = (
    (HOSTILE,),
    (f"--{HOSTILE}",),
    *((name, f"--{HOSTILE}") for name in COMMANDS),
    *(
        (name, "--config", HOSTILE)
        for name in ("run", "validate", "plan", "get", "approve", "baseline", "backup")
    ),
    ("validate", HOSTILE),
    ("plan", "-o", HOSTILE),
    ("plan", "--jobs-dir", HOSTILE),
    ("plan", "--state", HOSTILE),
    ("get", HOSTILE),
    ("get", "--state", HOSTILE),
    ("describe", HOSTILE),
    ("approve", HOSTILE),
    ("baseline", HOSTILE),
    ("resolve", HOSTILE, "--not-created"),
    ("resolve", HOSTILE, "--adopt", HOSTILE),
    ("resolve", "--workflow", HOSTILE, "--not-ours"),
    ("backup", HOSTILE),
    ("backup", f"none/{HOSTILE}", "--state", "state.db"),
    ("run", "--once", "--listen", HOSTILE),
    ("sandbox", "--listen", HOSTILE),
)


@pytest.mark.parametrize("arguments", TYPED, ids=lambda it: ascii(" ".join(it))[:60])
def test_what_was_typed_is_harmless_when_it_is_said_again(
    tree: Path, command: Command, arguments: tuple[str, ...]
) -> None:
    assert_harmless(command(*arguments))


def test_an_error_that_nobody_foresaw_is_told_harmlessly_and_without_a_token(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(**_: object) -> None:
        raise RuntimeError(f"{HOSTILE} eyJhbGciOiJIUzI1NiJ9.eyJjYW5hcnkiOiIifQ.canary")

    monkeypatch.setattr("reconciler.cli.main.cli.main", fails)
    ended = command("plan")
    assert ended.status == 1
    assert "Traceback" in ended.err
    assert "RuntimeError: [/x]" in ended.err
    assert "canary" not in ended.err
    assert_harmless(ended)


def writers(source: str) -> list[str]:
    """What writes to a stream in this text, by itself."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in ("print", "click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write"):
                found.append(name)
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.stdout":
            found.append("sys.stdout")
    return found


@pytest.mark.parametrize("path", sorted(CLI.glob("*.py")), ids=lambda path: path.name)
def test_only_one_module_writes_to_the_terminal(path: Path) -> None:
    if path.name != "render.py":
        assert writers(path.read_text("utf-8")) == []


def test_another_way_to_the_terminal_would_be_found() -> None:
    assert writers("import click\ndef f():\n    click.echo(x)\n    print(x)\n") == ["click.echo", "print"]
    assert writers("import sys\nsys.stdout.write(x)") == ["sys.stdout.write", "sys.stdout"]
