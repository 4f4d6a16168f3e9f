"""Who finds a place: fair between workflows, the oldest first, and never more than there are."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.model import Name, RunKey, WorkflowId
from reconciler.core.room import InLine, Room, admitted


def waiting(name: str, workflow: str, since_ms: int) -> InLine:
    return InLine(since_ms, RunKey(Name(name), 1, 1), WorkflowId(workflow))


def names(room: Room, in_use: dict[str, int], *line: InLine) -> str:
    used = {WorkflowId(workflow): count for workflow, count in in_use.items()}
    return " ".join(sorted(key.name for key in admitted(room, used, line)))


LINE = (waiting("a1", "1", 1), waiting("a2", "1", 2), waiting("a3", "1", 3), waiting("b9", "2", 9))


@pytest.mark.parametrize(
    ("room", "in_use", "chosen"),
    [
        (Room(1, 0), {}, "a1"),
        (Room(2, 0), {}, "a1 b9"),
        (Room(3, 0), {}, "a1 a2 b9"),
        (Room(3, 0), {"1": 2}, "b9"),
        (Room(4, 0), {"1": 2}, "a1 b9"),
        (Room(0, 1), {}, "a1 b9"),
        (Room(0, 1), {"1": 1}, "b9"),
        (Room(5, 2), {"3": 4}, "a1"),
        (Room(1, 0), {"3": 9}, ""),
        (Room(0, 0), {}, "a1 a2 a3 b9"),
    ],
)
def test_a_place_goes_to_the_workflow_with_the_fewest_and_there_to_the_oldest(
    room: Room, in_use: dict[str, int], chosen: str
) -> None:
    assert names(room, in_use, *LINE) == chosen


@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from("123")), max_size=20),
    st.dictionaries(st.sampled_from("123"), st.integers(0, 4)),
    st.integers(0, 6),
    st.integers(0, 3),
)
def test_no_limit_is_passed_and_no_place_stays_empty(
    runs: list[tuple[int, str]], in_use: dict[str, int], in_all: int, within: int
) -> None:
    room = Room(in_all, within)
    line = [waiting(f"n{number}", workflow, since) for number, (since, workflow) in enumerate(runs)]
    used = Counter({WorkflowId(workflow): count for workflow, count in in_use.items()})
    chosen = admitted(room, used, line)
    after = used + Counter(one.workflow_id for one in line if one.key in chosen)
    for one in line:
        if one.key in chosen:
            assert in_all == 0 or sum(after.values()) <= in_all
            assert within == 0 or after[one.workflow_id] <= within
        else:
            assert not room.has_place(one.workflow_id, after)
