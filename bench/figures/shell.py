"""The same 200 manifests submitted by the daemon, and by a loop of `yq`, `curl` and `jq`."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from bench.place import Place
from bench.row import Goal, Row, ahead, left_out
from bench.samples import alternating
from bench.site import Site

COUNT, WORKFLOWS, IN_FLIGHT = 200, 64, 32
LOOP = Path(__file__).parent.parent / "shell_loop.sh"
RIVAL = "yq, curl, jq"


def rows(place: Place) -> Iterator[Row]:
    """Two rows: a daemon that runs already, as it does, and a process that starts and ends with its work."""
    absent = [program for program in ("bash", "yq", "jq", "curl") if shutil.which(program) is None]
    if absent:
        yield left_out("submissions beside a shell loop", None, f"there is no {', '.join(absent)}")
        return
    count = 3 if place.is_brief else COUNT
    site = place.site(count, WORKFLOWS, name="loop")
    running, started, loop = alternating(
        place.times(3),
        [lambda: _running_s(place, site), lambda: _once_s(place, site), lambda: _loop_s(place, site)],
    )
    yield ahead(f"{count} submissions, running", None, "s", running, RIVAL, loop, Goal(100, is_least=True))
    yield ahead(f"{count} submissions, run --once", None, "s", started, RIVAL, loop, None)


def _running_s(place: Place, site: Site) -> float:
    """From the moment at which all manifests are there to the last answer: they come in one rename."""
    _start_anew(place, site)
    away = site.directory / "away"
    site.jobs_dir.rename(away)
    site.jobs_dir.mkdir()
    try:
        with site.daemon(MAX_IN_FLIGHT=str(IN_FLIGHT), RESYNC_S="3600") as daemon:
            daemon.until_passes(1)
            time.sleep(0 if place.is_brief else 1)
            began_ns = time.monotonic_ns()
            for team in sorted(away.iterdir()):
                team.rename(site.jobs_dir / team.name)
            seen = place.server.wait_for(site.count)
    finally:
        for team in away.iterdir():
            team.rename(site.jobs_dir / team.name)
        away.rmdir()
    return (seen.answered_ns[site.count - 1] - began_ns) / 1e9


def _once_s(place: Place, site: Site) -> float:
    _start_anew(place, site)
    began = time.perf_counter()
    site.command("run", "--once", MAX_IN_FLIGHT=str(IN_FLIGHT))
    took_s = time.perf_counter() - began
    _have_arrived(place, site)
    return took_s


def _loop_s(place: Place, site: Site) -> float:
    _start_anew(place, site)
    known = site.directory / "loop.json"
    known.unlink(missing_ok=True)
    began = time.perf_counter()
    subprocess.run([str(LOOP), str(site.jobs_dir), str(known), place.server.url, *_yq()], check=True)
    took_s = time.perf_counter() - began
    _have_arrived(place, site)
    return took_s


def _start_anew(place: Place, site: Site) -> None:
    site.forget()
    place.server.forget()


def _have_arrived(place: Place, site: Site) -> None:
    submitted = place.server.seen().submissions
    if submitted != site.count:
        raise AssertionError(f"{submitted} of {site.count} manifests were submitted")


def _yq() -> list[str]:
    """How the `yq` that is there, jq's wrapper or the one in Go, writes one line of JSON."""
    said = subprocess.run(["yq", "--version"], capture_output=True, text=True, check=True).stdout
    return ["yq", "-o=json", "-I=0", "."] if "mikefarah" in said else ["yq", "-c", "."]
