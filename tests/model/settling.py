"""How a daemon finds out what nobody told it: settle, list, list again, judge; and how a quarantine ends.

The judgement is the daemon's own code (`reconciler.core.settle`); a variant's missing rule distorts what goes
in or comes out of it.
"""

from __future__ import annotations

from reconciler.core.model import Accepted, Intent, JobId, OnUnknown, RunState
from reconciler.core.settle import (
    Adopt,
    Hold,
    Limits,
    Reject,
    Seen,
    SendAgain,
    Tried,
    Verdict,
    after_verdict,
    candidates,
    foreign_jobs,
    is_alone,
    judge,
    leaves_a_job_to_nobody,
)
from tests.model.rules import Assumption, Rule, Setting
from tests.model.world import (
    NAMES,
    Look,
    Moves,
    Quarantine,
    World,
    open_intent,
    owned,
    pending,
    plain,
    replaced,
    shown,
    visible,
    with_process,
    with_row,
)

ENDLESS = Limits(tries=10**6, tries_after_code=10**6)

Listing = tuple[tuple[JobId, ...], World]


def new_look(setting: Setting, world: World, rule: Rule) -> Look:
    """A settle time that begins now. Without `rule`, or if it is too short, nothing is waited for."""
    is_long_enough = setting.keeps(Rule.SETTLE) and setting.holds(Assumption.A5) and setting.keeps(rule)
    return Look(pending(world) if is_long_enough else frozenset())


def settling(setting: Setting, world: World, me: int, who: str) -> Moves:
    process = world.processes[me]
    if process.quarantine is not None and not process.quarantine.waits:
        yield from _quarantine_listing(setting, world, me, who)
    for run, look in enumerate(process.looks):
        if look is None or look.waits or open_intent(world.store.rows[run]) is None:
            continue
        for listed, after in _listings(setting, world):
            if look.first is None and setting.keeps(Rule.SECOND_LISTING):
                looks = replaced(process.looks, run, look._replace(first=listed))
                once = with_process(after, me, process._replace(looks=looks))
                yield f"{who} has waited, looks for run {NAMES[run]}, and sees {shown(listed)}", once
            else:
                seen = (
                    listed if look.first is None or not setting.keeps(Rule.UNION) else (*look.first, *listed)
                )
                verdict, judged = _judged(setting, after, me, run, seen)
                again = "" if look.first is None else " again"
                sees = f"{who} looks{again} for run {NAMES[run]}, and sees {shown(listed)}"
                yield f"{sees}: {in_words(verdict)}", judged


def quiet_listings(setting: Setting, world: World, who: str) -> Moves:
    """A listing to follow jobs by: it raises the baseline, and may disprove exclusivity."""
    store = world.store
    is_in_quarantine = store.quarantine is not Quarantine.NONE and setting.keeps(Rule.QUARANTINE_FIRST)
    if store.highest is None or is_in_quarantine:
        return
    for listed, after in _listings(setting, world):
        quiet = is_alone(row.state for row in store.rows if row is not None)
        is_disproof = foreign_jobs(listed, store.first_baseline, owned(store), is_quiet=quiet)
        if is_disproof and setting.is_exclusive and setting.keeps(Rule.DISPROOF):
            after = after._replace(store=after.store._replace(is_disproved=True))
        if after != world:
            yield f"{who} lists the workflow to follow its jobs, and sees {shown(listed)}", after


def in_words(verdict: Verdict) -> str:
    match verdict:
        case SendAgain():
            return "it will send again"
        case Adopt(job_id=job_id):
            return f"it adopts job {job_id}"
        case Hold():
            return "it holds the run"
        case Reject():
            return "it counts the run as refused"


def _listings(setting: Setting, world: World) -> tuple[Listing, ...]:
    """What a listing may show now, each with the moment after it."""
    whole = visible(world)
    if not setting.keeps(Rule.DOWN_TO_BASELINE):
        whole = whole[-1:]
    found = [(whole, _known(setting, world, whole))]
    if world.left.incomplete:
        fewer = world._replace(left=world.left._replace(incomplete=world.left.incomplete - 1))
        for job_id in whole:
            part = tuple(other for other in whole if other != job_id)
            found.append((part, _known(setting, fewer, part)))
    return tuple(found)


def _known(setting: Setting, world: World, listed: tuple[JobId, ...]) -> World:
    store = world.store
    if not setting.keeps(Rule.BASELINE_FROM_LISTINGS):
        return world
    return world._replace(store=store._replace(highest=max((store.highest or JobId(0), *listed))))


def _judged(
    setting: Setting, world: World, me: int, run: int, listed: tuple[JobId, ...]
) -> tuple[Verdict, World]:
    store, process, row = world.store, world.processes[me], world.store.rows[run]
    intent = open_intent(row)
    assert row is not None
    assert intent is not None
    others = (it.state for at, it in enumerate(store.rows) if at != run and it is not None)
    seen = Seen(
        candidates=_candidates(setting, world, listed, intent),
        tried=Tried(intent.try_number, intent.try_number),
        code=row.code,
        is_exclusive=(setting.is_exclusive and not store.is_disproved) or not setting.keeps(Rule.EXCLUSIVE),
        is_alone=is_alone(others) or not setting.keeps(Rule.ALONE),
        is_wanted=world.wanted[run],
    )
    limits = setting.limits if setting.keeps(Rule.TRIES) else ENDLESS
    verdict = _distorted(setting, judge(seen, setting.policies[run], limits), seen, run)
    state = plain(_after(verdict, intent, seen, is_wanted=world.wanted[run]))
    if leaves_a_job_to_nobody(verdict, seen) and setting.keeps(Rule.RESUBMIT_DISPROVES):
        world = world._replace(store=store._replace(is_disproved=True))
    judged = with_row(world, run, row._replace(state=state, code=None))
    judged = _baseline_raised(setting, judged, state)
    return verdict, with_process(judged, me, process._replace(looks=replaced(process.looks, run, None)))


def _after(verdict: Verdict, intent: Intent, seen: Seen, *, is_wanted: bool) -> RunState:
    return after_verdict(verdict, intent, seen.candidates, is_wanted=is_wanted, now_ms=0, chance=0.0)


def _candidates(
    setting: Setting, world: World, listed: tuple[JobId, ...], intent: Intent
) -> tuple[JobId, ...]:
    if not setting.keeps(Rule.TIME_DISCARDS_NOTHING):  # the server's clock is behind: all jobs look older
        return ()
    baseline = intent.baseline if setting.keeps(Rule.BASELINE_BOUNDS) else JobId(0)
    taken = owned(world.store) if setting.keeps(Rule.OWNED_IS_NO_CANDIDATE) else frozenset[JobId]()
    return candidates(listed, baseline, taken)


def _distorted(setting: Setting, verdict: Verdict, seen: Seen, run: int) -> Verdict:
    """What a daemon without this or that rule makes of a verdict to hold."""
    if not isinstance(verdict, Hold) or not seen.candidates or setting.policies[run] is not OnUnknown.AUTO:
        return verdict
    if not setting.keeps(Rule.TIME_CONFIRMS_NOTHING):
        return Adopt(seen.candidates[0])
    is_safe_place = seen.is_exclusive and seen.is_alone
    if not setting.keeps(Rule.SEVERAL_HOLD) and is_safe_place:
        return Adopt(seen.candidates[0])
    return verdict


def _baseline_raised(setting: Setting, world: World, state: RunState) -> World:
    if isinstance(state, Accepted) and setting.keeps(Rule.BASELINE_FROM_RECEIPTS):
        store = world.store
        return world._replace(store=store._replace(highest=max(store.highest or JobId(0), state.job_id)))
    return world


def _quarantine_listing(setting: Setting, world: World, me: int, who: str) -> Moves:
    store, process = world.store, world.processes[me]
    listed = visible(world)
    above = candidates(listed, store.highest or JobId(0), owned(store))
    done = with_process(world, me, process._replace(quarantine=None))
    sees = f"{who} lists the workflow of the restored state, and sees {shown(listed)}"
    if above:
        held = done._replace(store=store._replace(quarantine=Quarantine.HOLDS))
        yield f"{sees}: the workflow is held", held
    else:
        yield f"{sees}, which it knows: the workflow is used again", released(done)


def released(world: World) -> World:
    """The moment after a quarantine ends: what is listed is known, and the high-water file is the state's."""
    store, highest = world.store, max(visible(world), default=JobId(0))
    if store.highest is None:
        store = store._replace(first_baseline=highest)
    store = store._replace(quarantine=Quarantine.NONE, highest=max(store.highest or JobId(0), highest))
    return world._replace(store=store, high_water=store.intents)
