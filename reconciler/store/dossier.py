"""All that a state knows of one name, read as of one moment."""

from __future__ import annotations

from reconciler.core.model import Name
from reconciler.core.record import Dossier
from reconciler.store.reading import Reader

RUNS = 5
"""How many runs are shown, unless more of them are unknown or held."""


def dossier_of(reader: Reader, name: Name, events: int | None = None) -> Dossier | None:
    """The dossier of this name, with so many of its newest events or all; None if it was never seen."""
    with reader.one_moment():
        return _dossier(reader, name, events)


def _dossier(reader: Reader, name: Name, events: int | None) -> Dossier | None:
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
