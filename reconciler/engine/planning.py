"""The plan of a whole tree, made from outside the daemon: what `reconciler plan` prints.

The same steps as a pass, with the same functions, over all names; nothing is recorded and nothing is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reconciler.core.absence import Absence
from reconciler.core.claims import Desired, desired_of
from reconciler.core.model import Manifest, Name
from reconciler.core.plan import NO_LIMIT, Absent, Plan, Wish, World, plan
from reconciler.core.policy import EVERYTHING, Policy, reader_under
from reconciler.core.room import Room
from reconciler.core.sighting import Presence
from reconciler.engine.scanning import scan
from reconciler.store.reading import Reader as StateReader


@dataclass(frozen=True, slots=True)
class Planning:
    """What was read, what is known, and the plan that follows."""

    desired: Desired
    world: World
    plan: Plan


def plan_tree(
    jobs_dir: Path,
    reader: StateReader | None,
    now_ms: int,
    max_new: int,
    room: Room = NO_LIMIT,
    *,
    policy: Policy = EVERYTHING,
) -> Planning:
    """Plan for the tree as it is now, against a state; None is a state that does not exist yet.

    Raises ReconcilerError if the tree cannot be read consistently.
    """
    snapshot = scan(jobs_dir, reader_under(policy))
    documents = (document for file in snapshot.files.values() for document in file.documents)
    desired = desired_of(documents, policy)
    sightings = reader.sightings() if reader else {}
    known = {name: it.path for name, it in sightings.items() if it.presence is not Presence.DELETED}
    wishes: dict[Name, Wish] = dict(desired.wishes)
    for name, path in known.items():
        absence = Absence(path).after_pass(snapshot.hides).wish
        if name not in wishes and absence is not None:
            wishes[name] = absence
    if reader:
        gone = sorted(reader.unfinished_names() & (sightings.keys() - wishes.keys()))
        wishes.update((name, Absent(2)) for name in gone)  # deleted before, and something of them goes on
    workflow_ids = {wish.workflow_id for wish in wishes.values() if isinstance(wish, Manifest)}
    world = reader.world(tuple(wishes), workflow_ids) if reader else World()
    return Planning(desired, world, plan(wishes, world, now_ms, max_new=max_new, room=room))
