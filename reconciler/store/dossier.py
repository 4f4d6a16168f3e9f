"""All that a state knows of one name, read at once: what `describe` prints and the status page shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.item import Item
from reconciler.core.model import Name, Pause, Policies
from reconciler.store.describing import RunRecord, WorkflowRecord
from reconciler.store.port import Event
from reconciler.store.reading import Reader

RUNS = 5
"""How many runs are shown, unless more of them are unknown or held."""


@dataclass(frozen=True, slots=True)
class Dossier:
    """What is known of one name: `older` runs are left out, `dependencies` are names with their items."""

    item: Item
    policies: Policies
    dependencies: Sequence[tuple[Name, Item | None]]
    runs: Sequence[RunRecord]
    older: int
    workflow: WorkflowRecord | None
    events: Sequence[Event]
    pause: Pause | None


def dossier_of(reader: Reader, name: Name, events: int | None = None) -> Dossier | None:
    """The dossier of this name, with so many of its newest events or all; None if it was never seen."""
    item, sighting = reader.item(name), reader.sighting(name)
    if item is None or sighting is None:
        return None
    runs = reader.run_records(name, RUNS)
    workflow_id = runs[0].run.workflow_id if runs else item.workflow_id
    return Dossier(
        item=item,
        policies=sighting.policies,
        dependencies=[(it, reader.item(it)) for it in sighting.policies.depends_on],
        runs=runs,
        older=reader.run_count(name) - len(runs),
        workflow=reader.workflow_record(workflow_id) if workflow_id else None,
        events=reader.history(name, events),
        pause=reader.pause(),
    )
