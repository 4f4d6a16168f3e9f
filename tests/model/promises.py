"""What is promised, as a look at one moment: nothing made twice, nothing lost, nothing of somebody else's.

A run with `onUnknown: resubmit` is for work that may run twice: it may make more jobs than it is recorded
with, and none of those counts as a duplicate or as lost.
"""

from __future__ import annotations

from enum import StrEnum

from reconciler.core.model import Accepted, Held, OnUnknown, Rejected, Submitting, Superseded
from tests.model.rules import Setting
from tests.model.world import FOREIGN, NAMES, Quarantine, Step, World


class Outcome(StrEnum):
    """What a variant comes to."""

    SAFE = "safe"
    DUPLICATE = "duplicate"
    LOST = "lost"
    WRONG_ADOPTION = "wrong adoption"


Breach = tuple[Outcome, str]
"""A broken promise, and a sentence that says how."""


def breach(setting: Setting, world: World) -> Breach | None:
    """What is broken in this moment, if anything is."""
    for run, row in enumerate(world.store.rows):
        made = [job for job in world.jobs if job.run == run]
        is_once = not (setting.may_run_twice and setting.policies[run] is OnUnknown.RESUBMIT)
        if is_once and len(made) > 1:
            ids = " and ".join(str(job.job_id) for job in made)
            return Outcome.DUPLICATE, f"run {NAMES[run]} has two jobs, {ids}"
        match row.state if row is not None else None:
            case Accepted(job_id=job_id) if all(job.job_id != job_id for job in made):
                return Outcome.WRONG_ADOPTION, f"run {NAMES[run]} has {_whose(world, job_id)}"
            case Rejected() | Superseded() if made and is_once:
                return Outcome.LOST, f"run {NAMES[run]} is given up, and its job {made[0].job_id} exists"
            case Submitting(intent=intent) if intent.try_number > setting.limits.tries + 1:
                return Outcome.LOST, f"run {NAMES[run]} is sent again and again, and nothing ends that"
    return None


def stuck(world: World) -> Breach | None:
    """What is broken in a moment from which no daemon and no network goes on."""
    is_halted = any(process.step is Step.STOPPED for process in world.processes)
    if is_halted or world.store.quarantine is Quarantine.HOLDS:
        return None  # said aloud, and a person's to end
    for run, row in enumerate(world.store.rows):
        is_ended = row is not None and isinstance(row.state, Accepted | Rejected | Superseded | Held)
        if not is_ended and (row is not None or world.wanted[run]):
            return Outcome.LOST, f"run {NAMES[run]} is never recorded, refused, held or given up"
    return None


def _whose(world: World, job_id: int) -> str:
    owners = [job.run for job in world.jobs if job.job_id == job_id]
    if not owners or owners[0] == FOREIGN:
        return f"job {job_id}, which is somebody else's"
    return f"job {job_id}, which is run {NAMES[owners[0]]}'s"
