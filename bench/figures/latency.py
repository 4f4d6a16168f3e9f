"""From a change to its request, beside the least that can do it: inotify, a socket, nothing in between."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.figures.event import NEVER_S, Changing
from bench.place import Place
from bench.row import Goal, Row, against, left_out
from bench.samples import Samples

FIGURE = "change → request"
SOURCE = Path(__file__).parent.parent / "raw_inotify.c"
FILES = 1000


def rows(place: Place) -> Iterator[Row]:
    """Two rows, the middle one and the slow ones, both beside the middle one of the raw program."""
    compiler = shutil.which("cc")
    if compiler is None:
        yield left_out(FIGURE, None, "there is no C compiler (cc)")
        return
    program = place.directory / "raw_inotify"
    subprocess.run([compiler, "-O2", "-Wall", "-Werror", "-o", str(program), str(SOURCE)], check=True)
    ours, raw = _measure(place, program)
    yield against(FIGURE, None, "s", ours, "raw inotify", raw, Goal(20))
    slow = Samples.of([ours.p95])
    yield against(f"{FIGURE}, p95", None, "s", slow, "raw inotify, median", raw, Goal(60))


def _measure(place: Place, program: Path) -> tuple[Samples, Samples]:
    site = place.done_site(20 if place.is_brief else FILES)
    raws = []
    with site.daemon(RESYNC_S=NEVER_S) as daemon, _raw(place, program) as watched:
        place.settle(daemon)
        changing = Changing(place, site, daemon, rests_s=0.3)
        version = int(time.time())
        changing.change(version, counts=False)
        for turn in range(place.times(60)):
            changing.change(version + 1 + turn)
            raws.append(_raw_s(place, watched))
        changing.put_back()
    return changing.requests(), Samples.of(raws)


@contextmanager
def _raw(place: Place, program: Path) -> Iterator[Path]:
    """The raw program; gives the directory that it watches."""
    watched = place.directory / "watched"
    watched.mkdir(exist_ok=True)
    command = [str(program), str(watched), str(place.server.port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
            yield watched
        finally:
            process.terminate()


def _raw_s(place: Place, watched: Path) -> float:
    seen = place.server.seen()
    fresh = watched / ".fresh"
    fresh.write_text("a change\n")
    began_ns = time.monotonic_ns()
    fresh.replace(watched / "manifest.yaml")
    now = place.server.wait_for(seen.answers + 1, since=seen.submissions)
    return (now.submitted_ns[0] - began_ns) / 1e9
