"""`get`: what is known of each name, as a table, as JSON and as names."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from reconciler.core.model import JobId, Pause
from reconciler.core.outcome import Created, NotCreated, Refused, Unclear
from tests.cli.holds import held
from tests.cli.lasting import left_behind
from tests.cli.started import Command
from tests.engine.stage import SLOW, Stage, now_ms

KEYS = [
    *("name", "path", "workflowId", "digest", "generation", "attempt", "state", "reason", "jobId"),
    *("jobStatus", "candidates", "revision", "traceId", "submittedAt", "updatedAt"),
]


async def some(stage: Stage) -> None:
    """One name in each of several states."""
    receipts = {
        "runs": Created(JobId(101)),
        "held": Unclear("reset"),
        "lost": Unclear("reset"),
        "refused": NotCreated(Refused(40004001, "no such\x1b[2J task 蒂姆")),
    }
    for name, receipt in receipts.items():
        await stage.claimed(name, SLOW)
        begun = await stage.store.begin((await stage.latest(name)).key, "ab" * 16, now_ms())
        await stage.store.record(begun, receipt, now_ms(), 0.0, 60_000)
    key = (await stage.latest("held")).key
    await stage.store.stop_looking(key, "no listing tells it", now_ms())
    for name, labels in {
        "runs": "team: graph",
        "lost": "team: graph, old: x",
        "later": "team: search",
    }.items():
        file = stage.write(name, SLOW, suspend=name == "later")
        file.write_text(file.read_text().replace(f"name: {name}}}", f"name: {name}, labels: {{{labels}}}}}"))
    await stage.parts.reconciler.reconcile()


@pytest.fixture
def known(tmp_path: Path, command: Command) -> Command:
    left_behind(tmp_path, some)
    return command


def test_each_name_is_a_row(known: Command) -> None:
    ended = known("get")
    assert ended.status == 0
    titles, *rows = ended.lines
    assert titles.split() == ["NAME", "STATE", "JOB", "AGE", "REASON"]
    assert [row.split()[:3] for row in rows] == [
        ["held", "Held", "-"],
        ["later", "Suspended", "-"],
        ["lost", "Unknown", "-"],
        ["refused", "Rejected", "-"],
        ["runs", "Running", "101"],
    ]
    assert rows[1].endswith("the manifest is suspended")


def test_what_explorer_said_cannot_steer_the_terminal(known: Command) -> None:
    assert "40004001 no such\\u001b[2J task 蒂姆" in known("get").out


def test_on_a_terminal_only_the_reason_is_cut(known: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("NO_COLOR", "1")
    lines = known("get").lines
    assert max(map(len, lines)) == 60
    assert lines[3].endswith("…")


def test_a_wide_table_tells_more(known: Command) -> None:
    titles, *rows = known("get", "-o", "wide").lines
    assert titles.split() == [
        *("NAME", "STATE", "JOB", "STATUS", "GEN", "TRY", "AGE", "WORKFLOW", "PATH", "REVISION", "REASON")
    ]
    assert rows[-1].split()[:6] == ["runs", "Running", "101", "Preparing", "1", "1"]
    assert rows[-1].split()[7:10] == [SLOW, "runs.yaml", "-"]


def test_on_a_terminal_states_have_a_colour(known: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[33mHeld" in known("get").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in known("get").out


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("-l", "team=graph"), ["lost", "runs"]),
        (("-l", "team!=graph"), ["held", "later", "refused"]),
        (("-l", "team in (graph,search),!old"), ["later", "runs"]),
        (("--selector", "old"), ["lost"]),
        (("-l", "team=graph", "runs", "held"), ["runs"]),
        (("--state", "Held"), ["held"]),
        (("--state", "held", "--state", "SUSPENDED"), ["held", "later"]),
        (("--state", "Running", "-l", "team=graph"), ["runs"]),
        (("--sort-by", "state"), ["later", "held", "lost", "runs", "refused"]),
        (("--sort-by", "job"), ["held", "later", "lost", "refused", "runs"]),
        (("--sort-by", "reason"), ["refused", "runs", "held", "lost", "later"]),
        (("--sort-by", "path"), ["held", "later", "lost", "refused", "runs"]),
    ],
)
def test_names_are_chosen_and_sorted(known: Command, arguments: tuple[str, ...], names: list[str]) -> None:
    assert known("get", "-o", "name", *arguments).lines == names


def test_the_youngest_come_first_by_age(known: Command) -> None:
    [*items] = known("get", "--sort-by", "age", "-o", "json").json["items"]
    assert [it["updatedAt"] for it in items] == sorted((it["updatedAt"] for it in items), reverse=True)


def test_where_nothing_is_as_asked_that_is_said(known: Command) -> None:
    ended = known("get", "--state", "Invalid")
    assert (ended.status, ended.out) == (0, "")
    assert ended.err == "no manifest is as you ask; `reconciler get` lists all\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-l", "team in graph"), "'graph' stands where ( was expected"),
        (("--state", "Runing"), "'Runing' is no state (Invalid, Suspended, "),
        (("--sort-by", "colour"), "'colour' is not one of"),
    ],
)
def test_what_is_asked_for_wrongly_is_told(command: Command, arguments: tuple[str, ...], said: str) -> None:
    ended = command("get", *arguments)
    assert (ended.status, ended.out) == (64, "")
    assert said in ended.err


def test_the_option_for_a_state_takes_its_file_too(known: Command, tmp_path: Path) -> None:
    (tmp_path / ".reconciler" / "state.db").rename(tmp_path / "other.db")
    assert known("get", "-o", "name").lines == []
    assert known("get", "--state", "./other.db", "--state", "Held", "-o", "name").lines == ["held"]


def test_yaml_is_the_same_as_json(known: Command) -> None:
    assert yaml.safe_load(known("get", "-o", "yaml").out) == known("get", "-o", "json").json


def test_programs_get_json(known: Command) -> None:
    items = known("get", "-o", "json").json["items"]
    assert [list(item) for item in items] == [KEYS] * 5
    runs = items[-1]
    assert (runs["jobId"], runs["jobStatus"], runs["traceId"]) == ("101", "Preparing", "ab" * 16)
    assert (runs["path"], runs["workflowId"], runs["candidates"]) == ("runs.yaml", SLOW, [])
    assert runs["submittedAt"].endswith("Z")
    assert items[1]["jobId"] is None


def test_names_are_all_that_a_script_may_want(known: Command) -> None:
    assert known("get", "-o", "name").lines == ["held", "later", "lost", "refused", "runs"]


def test_a_pause_is_told_beside_the_table(tmp_path: Path, command: Command) -> None:
    async def scene(stage: Stage) -> None:
        await stage.store.pause(Pause("anna", "a migration", now_ms()))

    left_behind(tmp_path, scene)
    ended = command("get")
    assert (ended.status, ended.out) == (0, "")
    assert "by anna: a migration. `reconciler resume` goes on" in ended.err
    assert command("get", "-o", "json").err == ""


def test_some_names_may_be_asked_for(known: Command) -> None:
    ended = known("get", "runs", "held", "-o", "name")
    assert (ended.status, ended.lines) == (0, ["held", "runs"])


def test_a_name_that_nobody_knows_is_an_error_after_the_others(known: Command) -> None:
    ended = known("get", "runs", "who", "what", "-o", "name")
    assert (ended.status, ended.lines) == (1, ["runs"])
    assert ended.err == "error: no manifest is known under what, who; `reconciler get` lists all\n"


@pytest.mark.parametrize(("output", "out"), [("table", ""), ("name", ""), ("json", '{\n  "items": []\n}\n')])
def test_before_the_first_run_nothing_is_known(command: Command, output: str, out: str) -> None:
    ended = command("get", "-o", output)
    assert (ended.status, ended.out) == (0, out)
    assert ("nothing is known yet" in ended.err) == (output == "table")
    assert "--sandbox" not in ended.err


def test_who_has_only_tried_the_sandbox_is_told_where_to_look(command: Command, tmp_path: Path) -> None:
    (tmp_path / ".reconciler" / "sandbox").mkdir(parents=True)
    (tmp_path / ".reconciler" / "sandbox" / "state.db").touch()
    assert "what the sandbox did: `reconciler get --sandbox`" in command("get").err


def test_long_and_wide_values_keep_their_columns(tmp_path: Path, command: Command) -> None:
    long = "n" + "ame-" * 40 + "x"

    async def scene(stage: Stage) -> None:
        stage.write(long, suspend=True)
        stage.write("b", suspend=True)
        await stage.parts.reconciler.reconcile()

    left_behind(tmp_path, scene)
    lines = command("get").lines
    assert (
        len({line.index(word) for line, word in zip(lines, ["STATE", *["Suspended"] * 2], strict=True)}) == 1
    )


def test_an_older_run_that_is_held_is_named_below_the_table(tmp_path: Path, command: Command) -> None:
    async def scene(stage: Stage) -> None:
        await held(stage, 7)
        await held(stage, 7, 9, value="y")
        await held(stage, 12, name="b")

    left_behind(tmp_path, scene)
    ended = command("get")
    assert ended.out.count("Held") == 2
    assert ended.err == "a#1.1 is held as well; `reconciler describe a` says by what\n"
    assert command("get", "b").err == ""
    assert command("get", "-o", "json").err == ""
