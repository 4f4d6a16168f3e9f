"""`python -m tests.simulation`: many seeds at once with their totals, or the story of one.

--seeds 1000 --from 0     so many seeds, on all cores
--seed 17 --story         one seed, as lines; a failing one runs again exactly as it did
--no-faults 100000        at least so many submissions while nothing goes wrong
--sabotage NAME           the protocol broken on purpose, to see that it is noticed
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from multiprocessing import get_context

from tests.simulation.sabotage import SABOTAGES
from tests.simulation.world import Report, simulate

COLUMNS = (
    *("seeds", "submissions", "jobs", "unknown", "adopted", "held", "resubmitted", "rejected", "crashes"),
    *("put back", "forgotten", "attempts", "cancels", "stopped"),
    *(
        "stops",
        "foreign",
        "duplicate",
        "lost",
        "wrong adoption",
        "wrong cancel",
        "protocol",
        "stuck",
        "failed",
    ),
)
SUBMISSIONS_A_SEED = 12
"""While nothing goes wrong, a seed has at least so many."""


def one(seed: int, *, is_told: bool, has_faults: bool, sabotage: str | None) -> Report:
    with ExitStack() as stack:
        if sabotage:
            stack.enter_context(SABOTAGES[sabotage].broken())
        return simulate(seed, is_told=is_told, has_faults=has_faults)


def all_of(seeds: range, workers: int, **how: object) -> Iterator[Report]:
    run = partial(one, **how)  # type: ignore[arg-type]
    if workers == 1:
        yield from map(run, seeds)
        return
    with get_context("fork").Pool(workers) as pool:
        yield from pool.imap_unordered(run, seeds, chunksize=20)


def main() -> int:
    asked = _arguments()
    has_faults = asked.no_faults is None
    seeds = range(asked.first, asked.first + asked.seeds)
    if asked.seed is not None:
        seeds = range(asked.seed, asked.seed + 1)
    if not has_faults:
        seeds = range(asked.first, asked.first + -(-asked.no_faults // SUBMISSIONS_A_SEED))
    began_s, totals, failed = time.monotonic(), Counter[str](), 0
    workers = 1 if len(seeds) < 40 else asked.workers
    how = {"is_told": asked.story, "has_faults": has_faults, "sabotage": asked.sabotage}
    for report in all_of(seeds, workers, **how):
        totals.update(report.counts)
        failed += bool(report.breaches)
        _tell(report, is_quiet=failed > 20)
    print(f"{len(seeds)} seeds in {time.monotonic() - began_s:.0f} s, {failed} of them failed")
    print(", ".join(f"{word} {totals[word]:,}" for word in COLUMNS if word != "seeds"))
    if not has_faults and totals["held"] + totals["unknown"]:
        print("without any fault, something was unknown or held")
        return 1
    return 1 if failed else 0


def _tell(report: Report, *, is_quiet: bool) -> None:
    for line in report.story:
        print(line)
    if not is_quiet:
        for breach in report.breaches:
            print(f"seed {report.seed}: {breach}")
    if report.breaches and not (report.story or is_quiet):
        print(f"  its story: python -m tests.simulation --seed {report.seed} --story", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--from", type=int, default=0, dest="first")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--story", action="store_true")
    parser.add_argument("--no-faults", type=int, metavar="SUBMISSIONS")
    parser.add_argument("--sabotage", choices=sorted(SABOTAGES))
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
