"""Every order of events of a variant, shortest first, until a promise breaks or nothing new is left.

Breadth-first, so that the story of a broken promise is a shortest one. Only the moment before each moment is
kept; the sentences of a story are found again by going its way once more.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise

from tests.model.daemon import daemon_moves
from tests.model.operators import operator_moves
from tests.model.outside import network_moves, surprises
from tests.model.promises import Outcome, breach, stuck
from tests.model.rules import Setting
from tests.model.world import Moves, World, first_moment, tidied

MOST_MOMENTS = 200_000


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of a variant: how many moments it has, and the story of a broken promise, if there is one."""

    outcome: Outcome
    moments: int
    story: tuple[str, ...] = ()


class TooLargeError(Exception):
    """The variant has more moments than anybody wants to wait for."""


def check(setting: Setting) -> Finding:
    """Explore a variant. Raises TooLargeError beyond MOST_MOMENTS."""
    first = first_moment(setting)
    before: dict[World, World | None] = {first: None}
    queue = deque([first])
    while queue:
        world = queue.popleft()
        sure = list(_sure_moves(setting, world))
        found = breach(setting, world) or (None if sure else stuck(world))
        if found is not None:
            return Finding(found[0], len(before), (*_story(setting, before, world), found[1]))
        for _, after in (*sure, *_other_moves(setting, world)):
            tidy = tidied(after)
            if tidy not in before:
                before[tidy] = world
                queue.append(tidy)
        if len(before) > MOST_MOMENTS:
            raise TooLargeError(f"more than {MOST_MOMENTS} moments")
    return Finding(Outcome.SAFE, len(before))


def _sure_moves(setting: Setting, world: World) -> Moves:
    yield from daemon_moves(setting, world)
    yield from network_moves(setting, world)


def _other_moves(setting: Setting, world: World) -> Moves:
    yield from surprises(setting, world)
    yield from operator_moves(setting, world)


def _story(setting: Setting, before: dict[World, World | None], last: World) -> tuple[str, ...]:
    path: list[World] = []
    world: World | None = last
    while world is not None:
        path.append(world)
        world = before[world]
    path.reverse()
    return tuple(_sentence(setting, one, other) for one, other in pairwise(path))


def _sentence(setting: Setting, world: World, after: World) -> str:
    moves = (*_sure_moves(setting, world), *_other_moves(setting, world))
    return next(sentence for sentence, moment in moves if tidied(moment) == after)
