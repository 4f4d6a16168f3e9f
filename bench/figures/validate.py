"""`reconciler validate`, beside programs that check YAML against the same schema and nothing else."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import rivals, trees
from bench.place import Place
from bench.row import Goal, Row, ahead, left_out
from bench.samples import Samples, alternating
from bench.site import ROOT, Site

FIGURE = "validate"
SCHEMA = ROOT / "schemas" / "workflowjob.schema.json"
MOST_FOR_RIVALS = 10_000
"""As many as fit into one command line; what one takes is the same for more, which would take minutes."""


@dataclass(frozen=True, slots=True)
class Rival:
    """Another program: how it is called for these files, and the goals beside it."""

    name: str
    command: Callable[[list[str]], list[str]]
    per_manifest: Goal
    with_start: Goal | None
    """With the start of both processes, at 10,000."""


def rows(place: Place) -> Iterator[Row]:
    """For each size and rival: per manifest, and with the start of the process."""
    found: list[Rival] = []
    for install in () if place.is_brief else (_check_jsonschema, _ajv):
        try:
            found.append(install(place.directory / "rivals"))
        except rivals.AbsentError as absent:
            yield left_out(f"{FIGURE} beside {install.__name__.strip('_')}", None, str(absent))
    for size in place.sizes:
        yield from _beside(place, size, tuple(found))


def measured(place: Place, size: int) -> Samples:
    """Seconds of `validate` on a tree of this size."""
    site = place.site(size)
    return place.once(FIGURE, size, lambda: alternating(place.times(5), [_ours(site)])[0])


def _beside(place: Place, size: int, found: tuple[Rival, ...]) -> Iterator[Row]:
    site = place.site(size)
    many = [trees.path_of(number) for number in range(min(size, MOST_FOR_RIVALS))]
    measures = [_ours(site)]
    for rival in found:
        measures += [_timed(rival.command(files), site.jobs_dir) for files in (many[:1], many)]
    ours, *theirs = alternating(place.times(5), measures)
    place.once(FIGURE, size, lambda: ours)
    if not found:
        yield Row(FIGURE, size, "s", ours)
    for rival, alone, together in zip(found, theirs[::2], theirs[1::2], strict=True):
        each = (together.median - alone.median) / (len(many) - 1)
        per_manifest = Samples.of((value - alone.median) / (len(many) - 1) for value in together.values)
        goal = rival.per_manifest if size >= 100_000 else None
        yield ahead(f"{FIGURE}, a manifest", size, "s", ours.per(size), rival.name, per_manifest, goal)
        whole = Samples.of(value + each * (size - len(many)) for value in together.values)
        goal = rival.with_start if size == 10_000 else None
        yield ahead(f"{FIGURE}, with its start", size, "s", ours, rival.name, whole, goal)


def _ours(site: Site) -> Callable[[], float]:
    def took_s() -> float:
        began = time.perf_counter()
        said = site.command("validate")
        took_s = time.perf_counter() - began
        assert f"{site.count}" in said.replace(",", ""), said
        return took_s

    return took_s


def _timed(command: list[str], directory: Path) -> Callable[[], float]:
    def took_s() -> float:
        began = time.perf_counter()
        subprocess.run(command, cwd=directory, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - began

    return took_s


def _check_jsonschema(directory: Path) -> Rival:
    program = str(rivals.check_jsonschema(directory))
    return Rival(
        "check-jsonschema",
        lambda files: [program, "--schemafile", str(SCHEMA), *files],
        Goal(15, is_least=True),
        Goal(12, is_least=True),
    )


def _ajv(directory: Path) -> Rival:
    program = str(rivals.ajv(directory))
    options = ["validate", "--spec=draft2020", "--strict=false", "-s", str(SCHEMA)]
    return Rival(
        "ajv-cli",
        lambda files: [program, *options, *(word for file in files for word in ("-d", file))],
        Goal(3, is_least=True),
        None,
    )
