"""`validate`: files and directories, for people and for programs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.started import Command
from tests.engine.stage import manifest_text

WRONG = manifest_text("b").replace("kind:", "knid:")


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    """The jobs directory, with one good manifest."""
    (tmp_path / "jobs.d" / "team").mkdir(parents=True)
    (tmp_path / "jobs.d" / "team" / "a.yaml").write_text(manifest_text("a"))
    return tmp_path / "jobs.d"


def test_good_manifests_are_counted(jobs: Path, command: Command) -> None:
    ended = command("validate")
    assert (ended.status, ended.out) == (0, "1 valid manifest, no problems\n")


def test_an_empty_directory_is_fine(command: Command) -> None:
    assert command("validate").out == "0 valid manifests, no problems\n"


def test_a_problem_is_told_with_its_place(jobs: Path, command: Command) -> None:
    (jobs / "b.yaml").write_text(WRONG)
    ended = command("validate")
    assert ended.status == 1
    *problems, summary = ended.lines
    assert problems[0].startswith("b.yaml:1:1: ")
    assert "kind" in problems[0]
    assert summary.startswith("1 valid manifest, ")
    assert summary.endswith(f"{len(problems)} problem{'s' if len(problems) > 1 else ''}")


def test_one_problem_is_one_problem(jobs: Path, command: Command) -> None:
    (jobs / "b.yaml").write_text(manifest_text("b").replace('"1"', "one"))
    assert command("validate").lines[-1] == "1 valid manifest, 1 problem"


def test_programs_get_json(jobs: Path, command: Command) -> None:
    (jobs / "b.yaml").write_text(manifest_text("b").replace('"1"', "one"))
    ended = command("validate", "-o", "json")
    assert ended.status == 1
    [problem] = ended.json["problems"]
    assert ended.json["valid"] == 1
    assert list(problem) == ["path", "line", "column", "pointer", "code", "message"]
    assert (problem["path"], problem["line"], problem["pointer"]) == ("b.yaml", 5, "/spec/workflowId")


def test_files_and_directories_may_be_named(jobs: Path, command: Command, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "c.yaml").write_text(manifest_text("c"))
    ended = command("validate", "jobs.d/team/a.yaml", "more")
    assert (ended.status, ended.lines) == (0, ["2 valid manifests, no problems"])


def test_a_name_is_unique_over_all_that_is_named(jobs: Path, command: Command, tmp_path: Path) -> None:
    (tmp_path / "again.yaml").write_text(manifest_text("a"))
    ended = command("validate", "jobs.d", "again.yaml", "-o", "json")
    assert {problem["code"] for problem in ended.json["problems"]} == {"duplicate_name"}
    assert ended.json["valid"] == 0


def test_a_document_without_a_usable_name_is_told(jobs: Path, command: Command) -> None:
    (jobs / "odd.yaml").write_text("\0")
    ended = command("validate")
    assert ended.status == 1
    assert ended.lines[0].startswith("odd.yaml:1:1: ")


@pytest.mark.parametrize("option", ["--jobs-dir", None])
def test_a_directory_that_is_not_there_is_an_error(command: Command, option: str | None) -> None:
    arguments = [option, "nowhere"] if option else ["nowhere"]
    ended = command("validate", *arguments)
    assert ended.status == 1
    assert ended.err.startswith("error: nowhere: ")
    assert ended.out == ""


def test_no_explorer_and_no_state_are_needed(jobs: Path, command: Command, tmp_path: Path) -> None:
    command("validate")
    assert not (tmp_path / ".reconciler").exists()


def test_a_file_that_is_named_is_read_as_one_of_the_tree_is(jobs: Path, command: Command) -> None:
    os.mkfifo(jobs / "fifo.yaml")
    with (jobs / "huge.yaml").open("wb") as file:
        file.truncate(8 * 1024**3)
    ended = command("validate", "jobs.d/fifo.yaml", "jobs.d/huge.yaml", "jobs.d/" + "x" * 300)
    assert (ended.status, ended.out) == (1, "")
    assert "File name too long" in ended.err
    ended = command("validate", "jobs.d/fifo.yaml", "jobs.d/huge.yaml")
    assert ended.lines == [
        "jobs.d/fifo.yaml:1:1: this is a FIFO; a manifest is a regular file",
        "jobs.d/huge.yaml:1:1: the file has 8,589,934,592 bytes; at most 262,144 are read. Split it into"
        " several files",
        "0 valid manifests, 2 problems",
    ]


def test_what_stands_in_a_file_cannot_steer_the_terminal(jobs: Path, command: Command) -> None:
    (jobs / "\x1b[2J.yaml").write_text(WRONG)
    ended = command("validate")
    assert "\x1b" not in ended.out
    assert ended.lines[0].startswith("\\u001b[2J.yaml:1:1: ")


def test_a_path_that_no_text_can_hold_is_shown_with_escapes(command: Command, tmp_path: Path) -> None:
    (tmp_path / "jobs.d" / "odd\udcff.yaml").write_text(WRONG)
    path = "jobs.d/odd\udcff.yaml"
    assert command("validate", path).lines[0].startswith("jobs.d/odd\\xff.yaml:1:1: ")
    assert command("validate", "-o", "json", path).json["problems"]
    assert command("validate").status == 1
