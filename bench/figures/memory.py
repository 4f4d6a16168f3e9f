"""How much memory a daemon takes: at most, while it reads a tree for the first time, and in the long run."""

from __future__ import annotations

from collections.abc import Iterator

from bench.place import Place
from bench.row import Goal, Row
from bench.samples import Samples

PASSES = 20
MOST_MIB = {10_000: 90, 100_000: 130}


def rows(place: Place) -> Iterator[Row]:
    """Two rows a size."""
    for size in place.sizes:
        site = place.done_site(size)
        goal = Goal(MOST_MIB[size], "MiB") if size in MOST_MIB else None
        with site.daemon(RESYNC_S="1") as daemon:
            daemon.until_passes(1)
            daemon.until_passes(daemon.passes()[0] + (2 if place.is_brief else PASSES))
            steady, peak = (daemon.memory_mib(field) for field in ("VmRSS", "VmHWM"))
        for name, value in (("steady", steady), ("peak", peak)):
            yield Row(f"memory, {name}", size, "MiB", Samples.of([value]), value=value, goal=goal)
