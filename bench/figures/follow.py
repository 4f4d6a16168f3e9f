"""How many requests it takes to ask once how 5,000 running jobs are."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from bench.place import Place
from bench.row import Goal, Row, absolute
from bench.samples import Samples
from bench.server import PATIENCE_S

JOBS, WORKFLOWS = 5000, 50
RUNNING = 1
ROUNDS = 9
LOOK_S = 0.5


def rows(place: Place) -> Iterator[Row]:
    """One row: the requests of a round, while all jobs run."""
    jobs, workflows = (100, 5) if place.is_brief else (JOBS, WORKFLOWS)
    site = place.site(jobs, workflows, name="running")
    site.forget()
    server = place.server
    server.forget()
    server.set(status=RUNNING)
    try:
        with site.daemon(POLL_S="2", MAX_IN_FLIGHT="32"):
            server.wait_for(jobs)
            begin = server.seen().reads
            whole: list[int] = []
            deadline = time.monotonic() + PATIENCE_S
            while len(whole) < place.times(ROUNDS):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"only {len(whole)} rounds of following came")
                time.sleep(LOOK_S)
                whole = rounds(server.seen(read_since=begin).read)
    finally:
        server.forget()
        server.set(status=2)
    goal = Goal(60, "requests")
    yield absolute("a round of following", jobs, "requests", Samples.of(whole), goal, f"{len(whole)} rounds")


def rounds(targets: Sequence[str]) -> list[int]:
    """How many requests each whole round has: a new one begins with the first that is asked for again.

    Neither the first counts nor the last, which may have been cut.
    """
    sizes: list[int] = []
    asked: set[str] = set()
    for target in targets:
        if target in asked:
            sizes.append(len(asked))
            asked.clear()
        asked.add(target)
    return sizes[1:]
