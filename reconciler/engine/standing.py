"""How a daemon stands, for whoever opens the status page: what is well, and what waits for whom."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.account import Account, Facts, account_of
from reconciler.core.model import Invalid, Name
from reconciler.core.plan import Action, Claim, Plan, Submit, Wait
from reconciler.core.reason import Reason
from reconciler.engine.parts import Parts
from reconciler.engine.status import LastPass, Status

MOST_NAMELESS = 5
"""How many documents without a usable name are told one by one."""

_GUARDS = (Reason.TOO_MANY_NEW, Reason.TOO_MANY_CANCELS)


@dataclass(frozen=True, slots=True)
class Guarded:
    """What waits for `approve`, by the hash of its plan: new runs, and jobs to stop."""

    hash: str
    runs: int
    cancels: int


@dataclass(frozen=True, slots=True)
class PutOff:
    """Passes are put off, one after the other: for how long by now, and why the last one was."""

    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class Standing:
    """All that is asked of the process itself. `is_open` says whether names can be asked for.

    `probe_in_s` is None while Explorer answers; `nameless` are the problems of the first few documents that
    have no usable name, and `more_nameless` how many such documents there are besides.
    """

    is_open: bool = True
    troubles: tuple[str, ...] = ()
    last_pass: LastPass | None = None
    put_off: PutOff | None = None
    probe_in_s: float | None = None
    guarded: Guarded | None = None
    nameless: tuple[str, ...] = ()
    more_nameless: int = 0


def standing_of(status: Status, parts: Parts | None) -> Standing:
    """How a daemon stands whose state is open (`parts`), or is not open (yet)."""
    if parts is None:
        return Standing(is_open=False, troubles=status.troubles(), last_pass=status.last_pass)
    put_off_s = parts.passes.put_off_s()
    nameless = parts.reconciler.wanted.claims.nameless
    return Standing(
        troubles=status.troubles(),
        last_pass=status.last_pass,
        put_off=PutOff(put_off_s, status.outcome.removeprefix("put off: ")) if put_off_s > 0 else None,
        probe_in_s=parts.gate.probe_in_s() if parts.gate.is_open else None,
        guarded=_guarded(parts.reconciler.plan.once_claimed()),
        nameless=tuple(map(_problem, nameless[:MOST_NAMELESS])),
        more_nameless=max(0, len(nameless) - MOST_NAMELESS),
    )


async def account_in(parts: Parts, name: Name) -> Account:
    """The account of one name, by the plan that this daemon would make for it now.

    The plan is made for the name alone; what keeps it back for the sake of others (the guard, or no room left
    for it) the latest plan of all has decided.
    """
    reconciler = parts.reconciler
    observed, alone = await reconciler.plan_alone(name)
    whole = reconciler.plan.once_claimed()
    wish = reconciler.wanted.claims.wish(name)
    action = _as_decided(next(iter(alone.actions), None), whole, name)
    is_guarded = isinstance(action, Wait) and action.why in _GUARDS
    facts = Facts(
        name=name,
        wish=wish,
        latest=observed.latest,
        unfinished=observed.unfinished,
        action=action,
        cancels=() if is_guarded else alone.cancels,
        guarded_cancels=[it for it in whole.unapproved_cancels if it.name == name] if is_guarded else (),
        plan_hash=whole.hash,
        recorded=observed.sighting.reason if observed.sighting is not None else "",
        daemon="this one",
        now_ms=parts.now_ms(),
    )
    return account_of(facts)


def _as_decided(action: Action | None, whole: Plan, name: Name) -> Action | None:
    """The action of a name, unless the plan of all names lets it wait for others."""
    waits = next((it for it in whole.actions if it.name == name and isinstance(it, Wait)), None)
    if waits is not None and (isinstance(action, Claim | Submit) or waits.why in _GUARDS):
        return waits
    return action


def _guarded(plan: Plan) -> Guarded | None:
    if not plan.is_guarded:
        return None
    return Guarded(plan.hash, len(plan.unapproved), len(plan.unapproved_cancels))


def _problem(document: Invalid) -> str:
    return str(document.problems[0]) if document.problems else document.path
