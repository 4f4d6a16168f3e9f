"""How long a command takes that needs nothing but itself, beside Python that does nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.place import Place
from bench.row import Goal, Row, against
from bench.samples import Measure, alternating


def rows(place: Place) -> Iterator[Row]:
    """One row a command."""
    script = Path(sys.executable).parent / "reconciler"
    program = [str(script)] if script.exists() else [sys.executable, "-m", "reconciler"]
    commands = {word: [*program, word] for word in ("version", "--help")}
    floor = [sys.executable, "-c", "pass"]
    for command in (floor, *commands.values()):
        _timed(command, place.directory)()  # once, so that all is compiled and cached
    measures = [_timed(command, place.directory) for command in (floor, *commands.values())]
    nothing, *ours = alternating(place.times(21), measures)
    for word, samples in zip(commands, ours, strict=True):
        yield against(f"reconciler {word}", None, "s", samples, "python -c pass", nothing, Goal(5))


def _timed(command: list[str], directory: Path) -> Measure:
    def took_s() -> float:
        began = time.perf_counter()
        subprocess.run(command, cwd=directory, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - began

    return took_s
