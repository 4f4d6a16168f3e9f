"""Circles of dependencies, and what a manifest waits for."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import pytest

from reconciler.core.dependencies import circles, lacking, wait_for_dependencies
from reconciler.core.model import (
    Accepted,
    Baselined,
    Cancel,
    CancelCause,
    JobId,
    JobStatus,
    Name,
    Rejected,
    RunState,
    Superseded,
    Waiting,
)
from reconciler.core.plan import Absent, Observed, Unreadable, Wish
from reconciler.core.reason import Reason
from tests.core.builders import RUNNING, SUCCEEDED, invalid, manifest, run

FAILED = Accepted(JobId(7), JobStatus.FAILED, 0, 1)
STOPPED = replace(FAILED, cancel=Cancel(CancelCause.OPERATOR, "by somebody", 0))


def named(edges: dict[str, str]) -> dict[Name, tuple[Name, ...]]:
    return {Name(name): tuple(map(Name, after.split())) for name, after in edges.items()}


@pytest.mark.parametrize(
    ("edges", "found"),
    [
        ({"a": "b", "b": "c"}, {}),
        ({"a": "a"}, {"a": "a a"}),
        ({"a": "b", "b": "a"}, {"a": "a b a", "b": "a b a"}),
        ({"a": "b", "b": "c d", "c": "a", "d": ""}, dict.fromkeys("abc", "a b c a")),
        (
            {"a": "b x", "b": "a", "x": "y", "y": "x"},
            {"a": "a b a", "b": "a b a", "x": "x y x", "y": "x y x"},
        ),
        ({"a": "nobody"}, {}),
    ],
)
def test_every_name_that_waits_for_itself_is_found_and_no_other(
    edges: dict[str, str], found: dict[str, str]
) -> None:
    assert circles(named(edges)) == {name: tuple(way.split()) for name, way in found.items()}


def reaches_itself(name: Name, depends_on: dict[Name, tuple[Name, ...]]) -> bool:
    seen: set[Name] = set()
    line = list(depends_on[name])
    while line:
        one = line.pop()
        if one not in seen:
            seen.add(one)
            line += depends_on.get(one, ())
    return name in seen


def test_random_trees_agree_with_a_plain_search() -> None:
    dice = random.Random(7)
    for _ in range(300):
        names = [Name(f"n{number}") for number in range(dice.randint(1, 8))]
        edges = {name: tuple(dice.sample(names, dice.randint(0, min(2, len(names))))) for name in names}
        found = circles(edges)
        assert set(found) == {name for name in names if reaches_itself(name, edges)}
        for way in found.values():
            assert way[0] == way[-1]
            assert all(after in edges[before] for before, after in pairwise(way))


def test_a_chain_longer_than_the_stack_is_no_trouble() -> None:
    count = 20_000
    chain = {Name(f"n{number}"): (Name(f"n{number + 1}"),) for number in range(count)}
    assert circles(chain) == {}
    closed = chain | {Name(f"n{count}"): (Name("n0"),)}
    assert len(circles(closed)) == count + 1


@pytest.mark.parametrize(
    ("wish", "state", "why"),
    [
        (None, None, Reason.DEPENDENCY_MISSING),
        (Absent(1), SUCCEEDED, Reason.DEPENDENCY_MISSING),
        (Unreadable("b.yaml"), SUCCEEDED, Reason.DEPENDENCY_MISSING),
        (invalid("b"), SUCCEEDED, Reason.DEPENDENCY_MISSING),
        (manifest("b"), None, Reason.DEPENDENCY),
        (manifest("b", suspended=True), None, Reason.DEPENDENCY_MISSING),
        (manifest("b", suspended=True), Superseded("suspended"), Reason.DEPENDENCY_MISSING),
        (manifest("b", suspended=True), SUCCEEDED, None),
        (manifest("b", "another"), SUCCEEDED, Reason.DEPENDENCY),
        (manifest("b"), Waiting(), Reason.DEPENDENCY),
        (manifest("b"), RUNNING, Reason.DEPENDENCY),
        (manifest("b"), SUCCEEDED, None),
        (manifest("b"), Baselined(1), None),
        (manifest("b"), Rejected(40004001, "no"), Reason.DEPENDENCY_FAILED),
        (manifest("b"), FAILED, Reason.DEPENDENCY_FAILED),
        (replace(manifest("b"), backoff_limit=1), FAILED, Reason.DEPENDENCY),
        (replace(manifest("b"), backoff_limit=1), STOPPED, Reason.DEPENDENCY_FAILED),
    ],
)
def test_a_dependency_counts_once_what_it_asks_for_now_has_succeeded(
    wish: Wish | None, state: RunState | None, why: Reason | None
) -> None:
    lack = lacking(wish, Observed(run("b", state=state)) if state else None)
    assert (lack and lack.why) == why


def test_the_worst_is_told_first_and_not_more_than_a_person_reads() -> None:
    names = [Name(f"n{number}") for number in range(6)]
    waiting = replace(manifest("a"), depends_on=tuple(names))
    wait = wait_for_dependencies(waiting, {names[0]: manifest("n0")}, {})
    assert wait is not None
    assert wait.why is Reason.DEPENDENCY_MISSING
    assert wait.detail == "n1 has no manifest, n2 has no manifest, n3 has no manifest, and 2 more"
