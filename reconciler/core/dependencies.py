"""`spec.dependsOn`: which names wait for each other in a circle, and what a name still waits for.

Pure. A dependency counts once its *current* generation, the one that its manifest asks for now, has
succeeded; what it did before, and that it runs again later, plays no part.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.action import Absent, Observed, Unreadable, Wait, Wish
from reconciler.core.model import (
    Accepted,
    Baselined,
    Invalid,
    JobStatus,
    Manifest,
    Name,
    Rejected,
    Run,
    Superseded,
)
from reconciler.core.reason import Reason

_MOST_TOLD = 3
"""How many dependencies are named in a wait; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Lacking:
    """Why a dependency does not count yet: how bad that is, and in what words."""

    why: Reason
    words: str


def wait_for_dependencies(
    manifest: Manifest, wishes: Mapping[Name, Wish], names: Mapping[Name, Observed]
) -> Wait | None:
    """What it waits for before it may be submitted; None if all that it depends on has succeeded."""
    found = [(name, lacking(wishes.get(name), names.get(name))) for name in manifest.depends_on]
    lacks = [(name, lack) for name, lack in found if lack is not None]
    if not lacks:
        return None
    whys = {lack.why for _, lack in lacks}
    worst = next(why for why in _WORST_FIRST if why in whys)
    told = [f"{name} {lack.words}" for name, lack in lacks if lack.why is worst]
    more = f", and {len(told) - _MOST_TOLD} more" if len(told) > _MOST_TOLD else ""
    return Wait(manifest.name, worst, None, ", ".join(told[:_MOST_TOLD]) + more)


_WORST_FIRST = (Reason.DEPENDENCY_MISSING, Reason.DEPENDENCY_FAILED, Reason.DEPENDENCY)


def lacking(wish: Wish | None, observed: Observed | None) -> Lacking | None:
    """Why a dependency has not succeeded as it stands now; None if it has."""
    match wish:
        case None | Absent():
            return Lacking(Reason.DEPENDENCY_MISSING, "has no manifest")
        case Unreadable():
            return Lacking(Reason.DEPENDENCY_MISSING, "cannot be read")
        case Invalid():
            return Lacking(Reason.DEPENDENCY_MISSING, "is invalid")
        case Manifest():
            return _lacking_run(wish, observed.latest if observed else None)


def _lacking_run(manifest: Manifest, latest: Run | None) -> Lacking | None:
    is_suspended = Lacking(Reason.DEPENDENCY_MISSING, "is suspended")
    if latest is None or latest.digest != manifest.digest:
        return is_suspended if manifest.is_suspended else Lacking(Reason.DEPENDENCY, "has not been submitted")
    match latest.state:
        case Baselined() | Accepted(status=JobStatus.SUCCESS):
            return None
        case Accepted(ended_ms=int()) if is_resubmitted(manifest, latest):
            return Lacking(Reason.DEPENDENCY, "failed, and is submitted again")
        case Accepted(ended_ms=int(), job_id=job_id):
            return Lacking(Reason.DEPENDENCY_FAILED, f"has not succeeded (job {job_id})")
        case Rejected():
            return Lacking(Reason.DEPENDENCY_FAILED, "was refused")
        case Superseded() if manifest.is_suspended:
            return is_suspended
        case _:
            return Lacking(Reason.DEPENDENCY, "has not succeeded yet")


def is_resubmitted(manifest: Manifest, latest: Run) -> bool:
    """Whether the newest run's job failed by itself, and `backoffLimit` asks for another attempt."""
    match latest.state:
        case Accepted(status=JobStatus.FAILED, ended_ms=int(), cancel=None):
            return not manifest.is_suspended and latest.resubmissions < manifest.backoff_limit
        case _:
            return False


def circles(depends_on: Mapping[Name, Sequence[Name]]) -> dict[Name, tuple[Name, ...]]:
    """For each name that waits for itself: a shortest way from some name of its circle back to it.

    The names of one circle, or of several that share names, are shown the same way, from the first of them.
    """
    found: dict[Name, tuple[Name, ...]] = {}
    for together in _knots(depends_on):
        way = _way_round(min(together), together, depends_on)
        found.update((name, way) for name in together)
    return found


def _way_round(
    start: Name, within: frozenset[Name], depends_on: Mapping[Name, Sequence[Name]]
) -> tuple[Name, ...]:
    came_from: dict[Name, Name] = {}
    line = deque([start])
    while start not in came_from:
        name = line.popleft()
        for following in depends_on.get(name, ()):
            if following in within and following not in came_from:
                came_from[following] = name
                line.append(following)
    way = [start, came_from[start]]
    while way[-1] != start:
        way.append(came_from[way[-1]])
    return tuple(reversed(way))


def _knots(depends_on: Mapping[Name, Sequence[Name]]) -> Iterator[frozenset[Name]]:
    """The sets of names that all wait for each other (Tarjan's strongly connected components).

    Without recursion: a chain of manifests may be longer than Python's stack.
    """
    # long: one loop over one stack, whose parts mean nothing apart
    number: dict[Name, int] = {}
    lowest: dict[Name, int] = {}
    open_names: list[Name] = []
    is_open: set[Name] = set()
    for root in depends_on:
        if root in number:
            continue
        walk: list[tuple[Name, Iterator[Name]]] = [(root, iter(depends_on[root]))]
        number[root] = lowest[root] = len(number)
        open_names.append(root)
        is_open.add(root)
        while walk:
            name, following = walk[-1]
            for after in following:
                if after not in depends_on:
                    continue
                if after not in number:
                    number[after] = lowest[after] = len(number)
                    open_names.append(after)
                    is_open.add(after)
                    walk.append((after, iter(depends_on[after])))
                    break
                if after in is_open:
                    lowest[name] = min(lowest[name], number[after])
            else:
                walk.pop()
                if walk:
                    lowest[walk[-1][0]] = min(lowest[walk[-1][0]], lowest[name])
                if lowest[name] == number[name]:
                    popped = [open_names.pop()]
                    while popped[-1] != name:
                        popped.append(open_names.pop())
                    together = frozenset(popped)
                    is_open -= together
                    if len(together) > 1 or name in depends_on[name]:
                        yield together
