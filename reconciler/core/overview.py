"""What may be asked of many names at once, and what comes back: counts, and one page of items. Pure data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.item import Item
from reconciler.core.model import Pause, RunKey, State

BY_URGENCY = (
    *(State.HELD, State.UNKNOWN, State.INVALID, State.REJECTED, State.FAILED, State.INTERRUPTED),
    *(State.SUBMITTING, State.RUNNING, State.WAITING, State.SUSPENDED, State.SUCCEEDED),
    *(State.SUPERSEDED, State.DELETED),
)
"""The states in the order in which somebody on call wants to see them: what needs a person comes first."""


class Order(StrEnum):
    """By what items are sorted. Where it decides nothing, names do."""

    STATE = "state"
    NAME = "name"
    WORKFLOW = "workflow"
    JOB = "job"
    AGE = "age"


@dataclass(frozen=True, slots=True)
class Question:
    """Which items are wanted: in these states (none: in any), with all of these words somewhere in them.

    `page` counts from 1; one that lies behind the last is the last. States are in the order BY_URGENCY, ages
    begin with the youngest, all else with the least; `is_reversed` turns that round.
    """

    states: frozenset[State] = frozenset()
    words: tuple[str, ...] = ()
    order: Order = Order.STATE
    is_reversed: bool = False
    page: int = 1
    size: int = 100


@dataclass(frozen=True, slots=True)
class Overview:
    """The answer, and what is worth knowing beside it.

    `counts` are those of all names that have the words, in whatever state; `known` is how many names there
    are. `held` is how many runs are held, `older_held` those of them that no item shows: they are not the
    newest of their name.
    """

    known: int
    counts: Mapping[State, int]
    page: int
    pages: int
    matching: int
    items: Sequence[Item]
    held: int = 0
    older_held: Sequence[RunKey] = ()
    pause: Pause | None = None
