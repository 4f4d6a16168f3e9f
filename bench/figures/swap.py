"""The pass after a link was swapped to a new worktree in which one manifest differs: git-sync's usual day."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench import trees
from bench.daemon import Daemon
from bench.gitsync import GitSync
from bench.place import Place
from bench.row import Goal, Row, against
from bench.samples import Samples
from bench.site import Site

FIGURE = "pass after a swap, one changed"
NEVER_S = "3600"


def rows(place: Place) -> Iterator[Row]:
    """Two rows a size: the pass, and how long it took from the swap to the request."""
    for size in place.sizes:
        passes, requests, git = measured(place, size)
        goal = Goal(3.5) if size >= 10_000 else None
        yield against(FIGURE, size, "s", passes, "git status", git, goal)
        yield against("swap → request", size, "s", requests, "git status", git, None)


def measured(place: Place, size: int) -> tuple[Samples, Samples, Samples]:
    """Seconds of the pass, from the swap to the request, and of `git status`."""
    return place.once(FIGURE, size, lambda: _measure(place, size))


def _measure(place: Place, size: int) -> tuple[Samples, Samples, Samples]:
    site = place.done_site(size)
    git = place.repository(site)
    synced = GitSync(site.directory / "synced", site.jobs_dir)
    synced.begin()
    passes, requests, gits = [], [], []
    with site.daemon(RESYNC_S=NEVER_S, JOBS_DIR=str(synced.link)) as daemon:
        place.settle(daemon)
        for turn in range(place.times(5)):
            text = trees.manifest(turn, site.workflows, version=int(time.time()))
            commit = synced.commit(trees.path_of(turn), text)
            old = synced.current()
            synced.check_out(commit)
            pass_s, request_s = _swapped(place, daemon, synced, commit)
            passes.append(pass_s)
            requests.append(request_s)
            synced.remove(old)
            gits.append(git.status_s())
            place.settle(daemon)
        _put_back(daemon, synced, site, place.times(5))
    return Samples.of(passes), Samples.of(requests), Samples.of(gits)


def _swapped(place: Place, daemon: Daemon, synced: GitSync, commit: str) -> tuple[float, float]:
    """Swap; seconds that all passes took until exactly one job was asked for, and until then."""
    seen, ended = place.server.seen(), daemon.ended_jobs()
    before, before_s = daemon.passes()
    began_ns = time.monotonic_ns()
    synced.swap(commit)
    now = place.server.wait_for(seen.answers + 1, since=seen.submissions)
    _, now_s = daemon.until_passes(before + 1)
    daemon.until_ended(ended + 1)
    place.settle(daemon)
    extra = place.server.seen().submissions - seen.submissions
    if extra != 1:
        raise AssertionError(f"one manifest was changed, and {extra} jobs were asked for")
    return now_s - before_s, (now.submitted_ns[0] - began_ns) / 1e9


def _put_back(daemon: Daemon, synced: GitSync, site: Site, changed: int) -> None:
    """Swap to a commit in which all is as it was, so that the state is at rest with the plain tree."""
    ended, commit = daemon.ended_jobs(), synced.current()
    for number in range(changed):
        path = trees.path_of(number)
        commit = synced.commit(path, (site.jobs_dir / path).read_text())
    synced.check_out(commit)
    synced.swap(commit)
    daemon.until_ended(ended + changed)
