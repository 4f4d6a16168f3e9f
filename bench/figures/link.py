"""A pass behind a link that leads where it led before: as git-sync lays out what it has fetched."""

from __future__ import annotations

from collections.abc import Iterator

from bench.figures.unchanged import SETTLING_PASSES
from bench.gitsync import GitSync
from bench.place import Place
from bench.row import Goal, Row, absolute
from bench.samples import Samples

FIGURE = "pass behind an unchanged link"


def rows(place: Place) -> Iterator[Row]:
    """One row a size; the goal is the same for each."""
    for size in place.sizes:
        yield absolute(FIGURE, size, "s", _measure(place, size), Goal(0.002, "s"))


def _measure(place: Place, size: int) -> Samples:
    site = place.done_site(size)
    synced = GitSync(site.directory / "synced", site.jobs_dir)
    synced.begin()
    with site.daemon(RESYNC_S="0.5", JOBS_DIR=str(synced.link)) as daemon:
        place.settle(daemon)
        daemon.until_passes(daemon.passes()[0] + SETTLING_PASSES)
        return Samples.of(daemon.next_pass_s() for _ in range(place.times(15)))
