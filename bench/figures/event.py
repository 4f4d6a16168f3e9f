"""One manifest is exchanged in a large tree, and in one of twenty: what the pass takes that follows."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench import trees
from bench.daemon import Daemon
from bench.place import SETTLES_S, Place
from bench.row import Goal, Row, against
from bench.samples import Samples
from bench.site import Site

FIGURE = "pass after one event"
FEW = 20
NEVER_S = "3600"


def rows(place: Place) -> Iterator[Row]:
    """Three rows a size: the pass beside git and beside a small tree, and the request beside the latter."""
    for size in place.sizes:
        git, many, few = _measure(place, size)
        against_git = Goal(0.05) if size >= 100_000 else None
        yield against(FIGURE, size, "s", many.passes(), "git status", git, against_git)
        small = f"in {FEW} files"
        yield against(FIGURE, size, "s", many.passes(), small, few.passes(), Goal(2))
        yield against("event → request", size, "s", many.requests(), small, few.requests(), Goal(2))


class Changing:
    """A daemon whose tree is changed now and then, one manifest at a time."""

    def __init__(self, place: Place, site: Site, daemon: Daemon, rests_s: float = SETTLES_S) -> None:
        self._place = place
        self._site = site
        self._daemon = daemon
        self._rests_s = 0.0 if place.is_brief else rests_s
        self._seen: list[tuple[float, float]] = []
        self._number = site.count // 2
        self._original = (site.jobs_dir / trees.path_of(self._number)).read_text()

    def change(self, version: int, *, counts: bool = True) -> None:
        """Exchange a manifest; returns when its job was asked for and has ended."""
        self._exchange(trees.manifest(self._number, self._site.workflows, version), counts=counts)

    def put_back(self) -> None:
        """Exchange it for what it was at first."""
        self._exchange(self._original, counts=False)

    def _exchange(self, text: str, *, counts: bool) -> None:
        server = self._place.server
        seen, ended = server.seen(), self._daemon.ended_jobs()
        before, before_s = self._daemon.passes()
        began_ns = trees.replace(self._site.jobs_dir, self._number, text)
        now = server.wait_for(seen.answers + 1, since=seen.submissions)
        _, now_s = self._daemon.until_passes(before + 1)
        if counts:
            self._seen.append((now_s - before_s, (now.submitted_ns[0] - began_ns) / 1e9))
        self._daemon.until_ended(ended + 1)
        time.sleep(self._rests_s)

    def passes(self) -> Samples:
        """Seconds of all passes that a change took."""
        return Samples.of(pass_s for pass_s, _ in self._seen)

    def requests(self) -> Samples:
        """Seconds from a change to its request."""
        return Samples.of(request_s for _, request_s in self._seen)


def _measure(place: Place, size: int) -> tuple[Samples, Changing, Changing]:
    large, small = place.done_site(size), place.done_site(FEW, name="few")
    git = place.repository(large)
    gits = []
    with large.daemon(RESYNC_S=NEVER_S) as of_large, small.daemon(RESYNC_S=NEVER_S) as of_small:
        place.settle(of_large)
        place.settle(of_small)
        many, few = Changing(place, large, of_large), Changing(place, small, of_small)
        version = int(time.time())
        for one in (many, few):
            one.change(version, counts=False)  # the first of a workflow is listed before it is sent
        for turn in range(place.times(9)):
            many.change(version + 1 + turn)
            few.change(version + 1 + turn)
            many.put_back()  # so that git has nothing to tell
            gits.append(git.status_s())
        few.put_back()
    return Samples.of(gits), many, few
