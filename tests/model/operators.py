"""What a person does about held runs and a held workflow: `resolve`, and how well the person knows."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.model import Accepted, Held, JobId, JobStatus, Waiting
from reconciler.core.settle import candidates, not_created
from tests.model.rules import Operator, Rule, Setting
from tests.model.settling import released
from tests.model.world import NAMES, Moves, Quarantine, Row, World, owned, plain, visible, with_row


def operator_moves(setting: Setting, world: World) -> Moves:
    if setting.operator is Operator.NOBODY:
        return
    for run, row in enumerate(world.store.rows):
        if row is not None and isinstance(row.state, Held):
            yield from _resolutions(setting, world, run, row, row.state)
    if world.store.quarantine is Quarantine.HOLDS:
        yield from _workflow_resolutions(world)


def _resolutions(setting: Setting, world: World, run: int, row: Row, held: Held) -> Moves:
    """What `resolve` takes, of what this operator would say."""
    taken = owned(world.store)
    for job_id in _would_adopt(setting, world, run, held):
        if candidates([job_id], held.intent.baseline, taken) or not setting.keeps(Rule.ADOPTION_IS_CHECKED):
            adopted = with_row(world, run, row._replace(state=_accepted(job_id)))
            yield f"the operator resolves run {NAMES[run]}: job {job_id} is its own", adopted
    is_bounded = held.intent.try_number < setting.limits.tries or not world.wanted[run]
    if is_bounded and _would_deny(setting, world, run, held):
        state = plain(not_created(held.intent, "", is_wanted=world.wanted[run], now_ms=0, chance=0.0))
        denied = with_row(world, run, row._replace(state=state))
        yield f"the operator resolves run {NAMES[run]}: no job was made", denied


def _would_adopt(setting: Setting, world: World, run: int, held: Held) -> Iterator[JobId]:
    listed = visible(world)
    own = [job.job_id for job in world.jobs if job.run == run and job.job_id in listed]
    match setting.operator:
        case Operator.KNOWS:
            yield from own
        case Operator.GOES_BY_CANDIDATES:
            yield from (job_id for job_id in own if job_id in held.candidates)
        case Operator.ERRS:
            yield from listed
        case Operator.MISTYPES:
            yield from (job_id for job_id in listed if job_id in owned(world.store))


def _would_deny(setting: Setting, world: World, run: int, held: Held) -> bool:
    match setting.operator:
        case Operator.KNOWS:
            was_made = any(job.run == run for job in world.jobs)
            return not was_made and all(request.run != run for request in world.requests)
        case Operator.GOES_BY_CANDIDATES:
            return not held.candidates
        case Operator.ERRS:
            return True
        case _:
            return False


def _workflow_resolutions(world: World) -> Moves:
    """A restored state's workflow: each job above the highest known is adopted, or is none of ours."""
    store, listed = world.store, visible(world)
    above = candidates(listed, store.highest or JobId(0), owned(store))
    ours = [job for job in world.jobs if job.job_id in above and job.run >= 0]
    for job in ours:
        row = store.rows[job.run] or Row(Waiting())
        if isinstance(row.state, Waiting | Held):
            adopted = with_row(world, job.run, row._replace(state=_accepted(job.job_id)))
            yield f"the operator adopts job {job.job_id} for run {NAMES[job.run]}", adopted
    if not ours:
        yield "the operator says that no other job is ours, and the workflow is used again", released(world)


def _accepted(job_id: JobId) -> Accepted:
    return Accepted(job_id, JobStatus.PREPARING, 0)
