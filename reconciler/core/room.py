"""How many jobs may run at once, and who is next: `RECONCILER_MAX_RUNNING` and its like within one workflow.

Pure. Which runs count as running is the store's to say (`World.in_use`).
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.core.model import RunKey, WorkflowId


@dataclass(frozen=True, slots=True)
class Room:
    """The most jobs at once, in all and within one workflow; 0 is no limit."""

    in_all: int = 0
    per_workflow: int = 0

    @property
    def is_limited(self) -> bool:
        """Whether there is any limit."""
        return self.in_all > 0 or self.per_workflow > 0

    def has_place(self, workflow_id: WorkflowId, in_use: Mapping[WorkflowId, int]) -> bool:
        """Whether one more job may run in this workflow."""
        return self.has_place_in_all(in_use) and self.has_place_within(workflow_id, in_use)

    def has_place_in_all(self, in_use: Mapping[WorkflowId, int]) -> bool:
        """Whether one more job may run at all."""
        return self.in_all == 0 or sum(in_use.values()) < self.in_all

    def has_place_within(self, workflow_id: WorkflowId, in_use: Mapping[WorkflowId, int]) -> bool:
        """Whether its workflow has a place for one more job."""
        return self.per_workflow == 0 or in_use.get(workflow_id, 0) < self.per_workflow


@dataclass(frozen=True, slots=True, order=True)
class InLine:
    """A run that is ready to be sent, in the order in which the runs of one workflow take their turns."""

    since_ms: int
    key: RunKey
    workflow_id: WorkflowId


def admitted(room: Room, in_use: Mapping[WorkflowId, int], line: Iterable[InLine]) -> frozenset[RunKey]:
    """Those that find a place. Each place goes to the workflow that has the fewest, and there to the oldest.

    Workflows that have as many take turns by the age of the run that is next.
    """
    counts = Counter(in_use)
    waiting: dict[WorkflowId, deque[InLine]] = {}
    for one in sorted(line):
        waiting.setdefault(one.workflow_id, deque()).append(one)
    turns = [(counts[workflow_id], runs[0]) for workflow_id, runs in waiting.items()]
    heapq.heapify(turns)
    found = set()
    while turns and room.has_place_in_all(counts):
        _, one = heapq.heappop(turns)
        if not room.has_place_within(one.workflow_id, counts):
            continue  # its workflow is full, and stays so
        found.add(one.key)
        counts[one.workflow_id] += 1
        left = waiting[one.workflow_id]
        left.popleft()
        if left:
            heapq.heappush(turns, (counts[one.workflow_id], left[0]))
    return frozenset(found)
