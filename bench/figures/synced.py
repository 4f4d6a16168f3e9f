"""How often the disk is waited for: fsync and fdatasync of the daemon, counted by strace."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from bench import trees
from bench.figures.submit import LATENCY_S, PREPARING
from bench.place import Place
from bench.row import Goal, Row, absolute, left_out
from bench.samples import Samples

FIGURE = "synced writes a submission"
IN_FLIGHT = 32
FIRST = 10
"""Submissions that are not counted: the daemon starts, and a workflow is listed before its first."""

QUIET_S = 1.5
"""After a submission: whatever is still to be written for it is written by then."""


def rows(place: Place) -> Iterator[Row]:
    """One in flight, a submission far from any other, and many in flight.

    The jobs neither end nor change meanwhile, so that what is counted is the submissions'. The high-water
    file is synced once a second if there was a commit: that is shared by all of a second, and is the third
    sync of a submission that has its second for itself.
    """
    if shutil.which("strace") is None:
        yield left_out(FIGURE, None, "there is no strace")
        return
    place.server.forget()
    place.server.set(status=PREPARING)
    try:
        yield absolute(f"{FIGURE}, far from others", None, "", _far_from_others(place), None)
        place.server.forget()
        place.server.set(latency_s=LATENCY_S)
        yield absolute(f"{FIGURE}, one in flight", None, "", _one_after_the_other(place), Goal(2.2, ""))
        place.server.forget()
        yield absolute(f"{FIGURE}, {IN_FLIGHT} in flight", None, "", _together(place), Goal(0.5, ""))
    finally:
        place.server.forget()
        place.server.set(latency_s=0, status=2)


def _one_after_the_other(place: Place) -> Samples:
    count = 20 if place.is_brief else 200
    site = place.site(count, workflows=1, name="line")
    counts = []
    for _ in range(place.times(3)):
        site.forget()
        place.server.forget()
        told = site.directory / "strace.log"
        with site.daemon(_counting(told), MAX_IN_FLIGHT="1", RESYNC_S="3600"):
            first, before = place.server.wait_for(FIRST).answers, _synced(told)
            last = place.server.wait_for(count).answers
            counts.append((_synced(told) - before) / (last - first))
    return Samples.of(counts)


def _far_from_others(place: Place) -> Samples:
    """One change after the other, each with the time to come to rest."""
    site = place.site(20, name="alone")
    site.forget()
    site.command("baseline")
    told = site.directory / "strace.log"
    counts = []
    quiet_s = 0.2 if place.is_brief else QUIET_S
    with site.daemon(_counting(told), RESYNC_S="3600") as daemon:
        daemon.until_passes(1)
        version = int(time.time())
        for turn in range(place.times(10) + 1):
            time.sleep(quiet_s)
            before, seen = _synced(told), place.server.seen()
            trees.replace(site.jobs_dir, 0, trees.manifest(0, site.workflows, version + turn))
            place.server.wait_for(seen.answers + 1)
            time.sleep(quiet_s)
            counts.append(_synced(told) - before)
    return Samples.of(counts[1:])  # before the first, its workflow is listed


def _together(place: Place) -> Samples:
    """A tree that is new as a whole; the daemon's own start is in it."""
    count = 64 if place.is_brief else 3200
    site = place.site(count, workflows=2 * IN_FLIGHT, name="new")
    site.forget()
    told = site.directory / "strace.log"
    with site.daemon(_counting(told), MAX_IN_FLIGHT=str(IN_FLIGHT)):
        place.server.wait_for(count)
        time.sleep(0.2 if place.is_brief else QUIET_S)
        return Samples.of([_synced(told) / count])


def _counting(told: Path) -> tuple[str, ...]:
    """Has a command's syncs written to a file; `-D`: the command stays the process that was started."""
    told.unlink(missing_ok=True)
    return ("strace", "-D", "-f", "--seccomp-bpf", "-e", "trace=fsync,fdatasync", "-o", str(told))


def _synced(told: Path) -> int:
    """How many syncs have begun so far."""
    lines = told.read_text().splitlines() if told.exists() else []
    return sum("sync(" in line for line in lines)
