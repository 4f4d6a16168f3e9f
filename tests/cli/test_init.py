"""`init`: a directory to begin in, in which nothing is overwritten."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tests.cli.started import Command


def test_what_it_writes_is_valid_and_submits_nothing(command: Command, tmp_path: Path) -> None:
    ended = command("init")
    assert ended.status == 0
    assert ended.lines[:3] == ["wrote jobs.d/first-job.yaml", "wrote reconciler.toml", "wrote .gitignore"]
    assert command("validate").out == "1 valid manifest, no problems\n"
    planned = command("plan", "--config", "reconciler.toml", "--detailed-exitcode")
    assert planned.status == 0
    assert planned.out.startswith("Plan: 0 to submit")
    assert ".reconciler/" in (tmp_path / ".gitignore").read_text()


def test_nothing_is_overwritten_or_added_to(command: Command, tmp_path: Path) -> None:
    ours = {"jobs.d/team/ours.yml": "# ours\n", "reconciler.toml": "rate = 1\n", ".gitignore": "*.pyc\n"}
    for name, text in ours.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    ended = command("init")
    assert ended.status == 0
    assert not any(line.startswith("wrote") for line in ended.lines)
    assert {name: (tmp_path / name).read_text() for name in ours} == ours
    assert not (tmp_path / "jobs.d" / "first-job.yaml").exists()


def test_another_directory_and_another_name_may_be_chosen(command: Command, tmp_path: Path) -> None:
    assert command("init", "new/place", "--jobs-dir", 'odd"manifests').status == 0
    place = tmp_path / "new" / "place"
    assert (place / 'odd"manifests' / "first-job.yaml").exists()
    assert tomllib.loads((place / "reconciler.toml").read_text())["jobs_dir"] == 'odd"manifests'


def test_a_place_that_cannot_be_written_is_told(command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = command("init", "file/below")
    assert ended.status == 1
    assert ended.err == "error: file/below/jobs.d/first-job.yaml cannot be written: Not a directory\n"
