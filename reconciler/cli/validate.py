"""`validate`: the walk's first two steps, without state or server."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.render import say, say_json
from reconciler.core.claims import Added, Claims, File, Read
from reconciler.core.model import Document, Invalid, Problem
from reconciler.core.plain import plain
from reconciler.core.policy import reader_under
from reconciler.engine.scanning import scan
from reconciler.errors import ExitCode, ReconcilerError
from reconciler.settings import Settings
from reconciler.source.putoff import Unsettled
from reconciler.source.reading import Content, read_file


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@options.output("text", "json")
@options.config
@options.jobs_dir
def validate(paths: Sequence[Path], output: str, config: Path | None, jobs_dir: str | None) -> int:
    """Check manifests: files or directories, by default the jobs directory.

    With RECONCILER_POLICY, also whether they may ask for what they ask for. How many a rule allows is only
    checked for the whole directory.
    """
    settings = options.settings_of(config, jobs_dir=jobs_dir)
    claims = _whole(settings) if not paths else _named(paths, settings)
    valid, problems = claims.valid, claims.problems
    if output == "json":
        say_json(_as_json(valid, problems))
    else:
        _print(valid, problems)
    return ExitCode.FAILED if problems else ExitCode.DONE


def _whole(settings: Settings) -> Claims:
    claims = Claims(settings.allowed)
    claims.update(scan(settings.jobs_dir, reader_under(settings.allowed)).changes)
    return claims


def _named(places: Sequence[Path], settings: Settings) -> Claims:
    """What is claimed in these files and directories together; in two of them a path may be the same."""
    files: dict[str, File] = {}
    for place in places:
        for path, file in _files(place, settings):
            before = files.get(path)
            files[path] = Read((*before.documents, *file.documents)) if before else file
    claims = Claims()
    claims.update({path: Added(file) for path, file in files.items()})
    return claims


def _files(place: Path, settings: Settings) -> Iterable[tuple[str, File]]:
    if os.path.isdir(place) or not os.path.lexists(place):  # noqa: PTH112 - Path's raises for some
        below = _in_tree(place, settings.jobs_dir)
        read = reader_under(settings.allowed, lambda path: f"{below}/{path}" if below else path)
        return scan(place, read).files.items()
    documents = _in_file(place, settings)
    return [(document.path, Read(documents)) for document in documents[:1]]


def _in_file(place: Path, settings: Settings) -> tuple[Document, ...]:
    named = os.fsencode(place).decode(errors="backslashreplace")  # whatever was typed, as text
    try:
        content = read_file(os.fspath(place))
    except Unsettled as unsettled:
        raise ReconcilerError(f"{unsettled}; try again") from None
    if not isinstance(content, Content):
        problem = Problem(named, content.line, 1, "", content.code, content.message)
        return (Invalid(None, named, content.line, (problem,)),)
    in_tree = _in_tree(place, settings.jobs_dir) or named
    return reader_under(settings.allowed, lambda _: in_tree)(named, content.data)


def _in_tree(place: Path, jobs_dir: Path) -> str:
    """A place's path within the jobs directory; nothing for what lies outside it.

    A link to a file goes by its own path, as it does in the tree.
    """
    is_directory = os.path.isdir(place)  # noqa: PTH112 - as above
    real = Path(os.path.realpath(place if is_directory else place.parent), "" if is_directory else place.name)
    root = Path(os.path.realpath(jobs_dir))
    path = str(real.relative_to(root)) if real.is_relative_to(root) and real != root else ""
    return os.fsencode(path).decode(errors="backslashreplace")


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


def _print(valid: int, problems: Sequence[Problem]) -> None:
    for problem in problems:
        say(plain(str(problem)))
    count = len(problems)
    found = f"{count} problem" if count == 1 else f"{count} problems"
    manifests = f"{valid} valid manifest" if valid == 1 else f"{valid} valid manifests"
    say(f"{manifests}, {found if count else 'no problems'}")
