"""What happens around the daemon: the network, the server, other clients, and what befalls the state.

`network_moves` are sure to happen some time, each in its turn; `surprises` are not, and are counted. What an
assumption forbids happens only in a variant that breaks it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from reconciler.core.model import Accepted, JobId, Waiting
from reconciler.core.outcome import Exchange, Reply
from reconciler.core.settle import is_alone
from tests.model.rules import Assumption, Rule, Setting
from tests.model.world import (
    FIRST_ID,
    FOREIGN,
    NAMES,
    NO_TOKEN,
    UNSENT,
    Job,
    Moves,
    Process,
    Request,
    Row,
    Step,
    World,
    open_intent,
    owned,
    visible,
    with_process,
    with_row,
)


def network_moves(setting: Setting, world: World) -> Moves:
    """Requests arrive or are lost, and jobs come to be listed, in any order and however late."""
    for request in world.requests:
        yield from _arrivals(setting, world, request)
        gone = world._replace(requests=tuple(it for it in world.requests if it != request))
        yield f"the POST for run {NAMES[request.run]} is lost on its way", gone
    for at, job in enumerate(world.jobs):
        if not (job.is_listed or job.is_deleted):
            yield f"job {job.job_id} comes to be listed", _with_job(world, at, job._replace(is_listed=True))


def surprises(setting: Setting, world: World) -> Moves:
    yield from _crashes(setting, world)
    yield from _foreign_jobs(setting, world)
    yield from _deletions(setting, world)
    yield from _replays(setting, world)
    yield from _state_troubles(setting, world)
    yield from _vanishings(world)


def _arrivals(setting: Setting, world: World, request: Request) -> Moves:
    """Each answer that Explorer, or a proxy before it, may give."""
    arrived = world._replace(requests=tuple(it for it in world.requests if it != request))
    is_awaited = any(_awaits(process, request) for process in world.processes)
    post = f"the POST for run {NAMES[request.run]} arrives{'' if is_awaited else ', late,'}"
    if setting.retries_are_in_vain and request.is_retry:
        yield f"{post} and makes nothing", _answered(setting, arrived, request, _error(500, 50004002))
        return
    for job_id in _new_ids(setting, world):
        made = _with_new_job(arrived, Job(job_id, request.run, request.token))
        for reply in _answers_with_a_job(setting, job_id):
            sentence = f"{post} and makes job {job_id}"
            yield sentence, _answered(setting, made, request, reply)
    for reply in (_error(400, 40004001), _error(500, 50004002)):
        yield f"{post} and makes nothing", _answered(setting, arrived, request, reply)
    yield from _rare_answers(setting, arrived, request, post)


def _answers_with_a_job(setting: Setting, job_id: JobId) -> Iterator[Exchange]:
    yield _success(job_id)
    yield _error(500, 50004000)
    if not setting.keeps(Rule.PROXY_4XX_IS_UNKNOWN):
        yield Reply(408, b"<html>Request Timeout</html>")
    if not setting.holds(Assumption.A3) and not setting.left.busy:  # else it is the 429 that is untrue
        yield _error(400, 40004001)


def _rare_answers(setting: Setting, arrived: World, request: Request, post: str) -> Moves:
    if arrived.left.busy:
        fewer = arrived._replace(left=arrived.left._replace(busy=arrived.left.busy - 1))
        yield f"{post} and is put off", _answered(setting, fewer, request, _error(429, 42904000))
        if not setting.holds(Assumption.A3):
            for job_id in _new_ids(setting, fewer):
                made = _with_new_job(fewer, Job(job_id, request.run, request.token))
                sentence = f"{post}, makes job {job_id}, and is told to come back later"
                yield sentence, _answered(setting, made, request, _error(429, 42904000))
    if arrived.left.stale:
        fewer = arrived._replace(left=arrived.left._replace(stale=arrived.left.stale - 1))
        known = max(arrived.store.highest or JobId(0), FIRST_ID + setting.old_jobs - 1)
        for job_id in visible(arrived):
            if job_id <= known or job_id in owned(arrived.store):
                sentence = f"a cache answers the POST for run {NAMES[request.run]} with the old job {job_id}"
                yield sentence, _answered(setting, fewer, request, _success(job_id))


def _answered(setting: Setting, world: World, request: Request, reply: Exchange) -> World:
    """The reply reaches who waits for it; on a connection that is kept, who waits for the next one."""
    for me, process in enumerate(world.processes):
        is_mixed_up = process.step is Step.SENT and not setting.keeps(Rule.FRESH_CONNECTION)
        if process.reply is None and (_awaits(process, request) or is_mixed_up):
            return with_process(world, me, process._replace(reply=reply))
    return world


def _awaits(process: Process, request: Request) -> bool:
    return process.step is Step.SENT and process.token == request.token


def _new_ids(setting: Setting, world: World) -> Iterator[JobId]:
    yield JobId(world.next_id)
    if not setting.holds(Assumption.A7):
        yield JobId(min((*(job.job_id for job in world.jobs), FIRST_ID)) - 1)


def _success(job_id: JobId) -> Reply:
    return Reply(200, json.dumps({"code": 0, "data": {"id": job_id}}).encode())


def _error(status: int, code: int) -> Reply:
    return Reply(status, json.dumps({"code": code}).encode())


def _with_new_job(world: World, job: Job) -> World:
    return world._replace(jobs=(*world.jobs, job), next_id=max(world.next_id, job.job_id + 1))


def _with_job(world: World, at: int, job: Job) -> World:
    return world._replace(jobs=(*world.jobs[:at], job, *world.jobs[at + 1 :]))


def _crashes(setting: Setting, world: World) -> Moves:
    """A daemon dies at any point. What it noted stays, if it noted before it sent."""
    if not world.left.crashes:
        return
    fewer = world._replace(left=world.left._replace(crashes=world.left.crashes - 1))
    for me, process in enumerate(world.processes):
        if process.step in (Step.DOWN, Step.STOPPED):
            continue
        died = with_process(fewer, me, Process())
        intent = open_intent(world.store.rows[process.run])
        if process.step is not Step.IDLE and intent is not None and not setting.keeps(Rule.INTENT_FIRST):
            died = with_row(died, process.run, Row(Waiting(intent.try_number - 1)))
            yield "the daemon dies, and nothing on disk tells that it sent", died
        else:
            yield "the daemon dies" if len(world.processes) == 1 else f"daemon {me + 1} dies", died


def _foreign_jobs(setting: Setting, world: World) -> Moves:
    """Others make jobs in the same workflow, at any time."""
    if not world.left.foreign:
        return
    job = Job(JobId(world.next_id), FOREIGN, NO_TOKEN)
    fewer = world._replace(left=world.left._replace(foreign=world.left.foreign - 1))
    is_first = world.left.foreign == setting.left.foreign
    if not (setting.foreign_is_seen_first and is_first):
        yield f"somebody else makes job {job.job_id}", _with_new_job(fewer, job)
        return
    states = [row.state for row in world.store.rows if row is not None]
    if world.store.highest is not None and is_alone(states):
        seen = _with_new_job(fewer, job._replace(is_listed=True))
        store = seen.store._replace(highest=job.job_id, is_disproved=setting.keeps(Rule.DISPROOF))
        sentence = (
            f"somebody else makes job {job.job_id}, and a listing shows it while no run is open or held"
        )
        yield sentence, seen._replace(store=store)


def _deletions(setting: Setting, world: World) -> Moves:
    if world.left.deletions:
        fewer = world._replace(left=world.left._replace(deletions=world.left.deletions - 1))
        for at, job in enumerate(world.jobs):
            if not job.is_deleted:
                yield (
                    f"somebody deletes job {job.job_id}",
                    _with_job(fewer, at, job._replace(is_deleted=True)),
                )


def _replays(setting: Setting, world: World) -> Moves:
    if world.left.replays:
        fewer = world._replace(left=world.left._replace(replays=world.left.replays - 1))
        for request in world.requests:
            again = Job(JobId(world.next_id), request.run, request.token)
            once = f"a proxy passes the POST for run {NAMES[request.run]} on, which makes job {again.job_id}"
            yield f"{once}; hearing nothing, it will send it again", _with_new_job(fewer, again)


def _state_troubles(setting: Setting, world: World) -> Moves:
    """Copies of the state are made and put back; a row of a state at rest is damaged."""
    store, left = world.store, world.left
    if left.copies and world.copy is None:
        yield "somebody copies the state", world._replace(copy=store)
    if any(process.step is not Step.DOWN for process in world.processes):
        return
    if left.copies and world.copy is not None and world.copy != store:
        restored = world._replace(store=world.copy, copy=None, left=left._replace(copies=0))
        if not setting.holds(Assumption.A1):
            restored = restored._replace(high_water=world.copy.intents)
        yield "somebody puts the copy of the state back", restored
    if left.damages:
        for run, row in enumerate(store.rows):
            if row is not None and isinstance(row.state, Accepted):
                lost = with_row(world, run, Row(UNSENT, row.baseline))
                lost = lost._replace(is_damaged=True, left=left._replace(damages=left.damages - 1))
                yield f"the disk damages the row of run {NAMES[run]}, which now says that it waits", lost


def _vanishings(world: World) -> Moves:
    for run, is_wanted in enumerate(world.wanted):
        count = "vanishings" if is_wanted else "returns"
        number = getattr(world.left, count)
        if number:
            wanted = (*world.wanted[:run], not is_wanted, *world.wanted[run + 1 :])
            fewer = world.left._replace(**{count: number - 1})
            how = "is taken away" if is_wanted else "comes back, unchanged"
            yield f"the manifest of run {NAMES[run]} {how}", world._replace(wanted=wanted, left=fewer)
