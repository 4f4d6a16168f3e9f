"""A pass over a tree in which nothing has changed, beside `git status` on the same files."""

from __future__ import annotations

from collections.abc import Iterator

from bench.place import Place
from bench.row import Goal, Row, against
from bench.samples import Samples, alternating

FIGURE = "pass without change"
SETTLING_PASSES = 2
"""Passes before the first that counts: what had not settled is read again."""


def rows(place: Place) -> Iterator[Row]:
    """One row a size."""
    for size in place.sizes:
        ours, git = measured(place, size)
        goal = Goal(1.2) if size >= 10_000 else None
        yield against(FIGURE, size, "s", ours, "git status", git, goal)


def measured(place: Place, size: int) -> tuple[Samples, Samples]:
    """Seconds of a pass, and of `git status`."""
    return place.once(FIGURE, size, lambda: _measure(place, size))


def _measure(place: Place, size: int) -> tuple[Samples, Samples]:
    site = place.done_site(size)
    git = place.repository(site)
    # Long enough for git to run between two passes, so that neither meets the other.
    resync_s = max(0.5, 4 * git.status_s())
    with site.daemon(RESYNC_S=f"{resync_s:.2f}") as daemon:
        place.settle(daemon)
        daemon.until_passes(daemon.passes()[0] + SETTLING_PASSES)
        ours, theirs = alternating(place.times(9), [daemon.next_pass_s, git.status_s])
    return ours, theirs
