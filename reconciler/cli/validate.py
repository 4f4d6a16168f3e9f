"""`validate`: the walk's first two steps, without state or server."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.render import plain
from reconciler.core.desired import Desired, desired_of
from reconciler.core.manifest import read
from reconciler.core.model import Document, Manifest, Problem
from reconciler.engine.planning import scan
from reconciler.errors import ExitCode


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@options.output("text", "json")
@options.config
@options.jobs_dir
def validate(paths: Sequence[Path], output: str, config: Path | None, jobs_dir: str | None) -> int:
    """Check manifests: files or directories, by default the jobs directory."""
    places = paths or (options.settings_of(config, jobs_dir=jobs_dir).jobs_dir,)
    desired = desired_of(document for place in places for document in _documents(place))
    valid = sum(isinstance(wish, Manifest) for wish in desired.wishes.values())
    if output == "json":
        click.echo(json.dumps(_as_json(valid, desired.problems), ensure_ascii=False, indent=2))
    else:
        _print(valid, desired)
    return ExitCode.FAILED if desired.problems else ExitCode.DONE


def _documents(place: Path) -> Iterator[Document]:
    if place.is_file():
        named = os.fsencode(place).decode(errors="backslashreplace")  # whatever was typed, as text
        yield from read(named, place.read_bytes())
        return
    for file in scan(place).files.values():
        yield from file.documents


def _as_json(valid: int, problems: Sequence[Problem]) -> dict[str, object]:
    rows = [
        {
            "path": problem.path,
            "line": problem.line,
            "column": problem.column,
            "pointer": problem.pointer,
            "code": problem.code,
            "message": problem.message,
        }
        for problem in problems
    ]
    return {"valid": valid, "problems": rows}


def _print(valid: int, desired: Desired) -> None:
    for problem in desired.problems:
        click.echo(plain(str(problem)))
    count = len(desired.problems)
    found = f"{count} problem" if count == 1 else f"{count} problems"
    manifests = f"{valid} valid manifest" if valid == 1 else f"{valid} valid manifests"
    click.echo(f"{manifests}, {found if count else 'no problems'}")
