"""A name's account in sentences: what is wanted, what is known, what happens next, and why not sooner.

Pure, from the values that the plan was made of: the reason is the plan's, whatever the sentence around it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import assert_never

from reconciler.core.item import rfc3339
from reconciler.core.model import (
    Accepted,
    Baselined,
    Held,
    Invalid,
    Manifest,
    Name,
    Rejected,
    Run,
    Submitting,
    Superseded,
    Unknown,
    Waiting,
)
from reconciler.core.plan import Action, CancelJob, Claim, GiveUp, Nothing, Submit, Wait
from reconciler.core.reason import Reason
from reconciler.core.span import age
from reconciler.core.wording import reason_of, until_of, word_of

_ENDED = {"Success": "succeeded", "Failed": "failed", "Interrupted": "was interrupted"}


@dataclass(frozen=True, slots=True)
class Facts:
    """All that an account is given of.

    `wish` is None for a name that no document of the tree claims. `unfinished` are runs whose jobs run, or
    may run; `action` is None for a name that was deleted long ago. `guarded_cancels` wait for an operator's
    word. `recorded` is the reason that a daemon put down last; `daemon` says who has the state, if anybody.
    """

    name: Name
    wish: Manifest | Invalid | None
    latest: Run | None
    unfinished: Sequence[Run]
    action: Action | None
    cancels: Sequence[CancelJob]
    guarded_cancels: Sequence[CancelJob]
    plan_hash: str
    recorded: str
    daemon: str | None
    now_ms: int


@dataclass(frozen=True, slots=True)
class Account:
    """The sentences, in the order in which they are read."""

    wanted: str
    known: str
    following: str

    def __str__(self) -> str:
        return " ".join((self.wanted, self.known, self.following))


def account_of(facts: Facts) -> Account:
    """The account of one name."""
    return Account(_wanted(facts), " ".join(_known(facts)), " ".join(_following(facts)))


def _wanted(facts: Facts) -> str:
    match facts.wish:
        case Manifest(is_suspended=True, path=path, line=line):
            return f"{facts.name} is suspended in {path}:{line}."
        case Manifest(path=path, line=line, workflow_id=workflow_id, depends_on=depends_on):
            after = f", once {', '.join(depends_on)} succeeded" if depends_on else ""
            return f"{facts.name} is wanted: {path}:{line} asks for a job of workflow {workflow_id}{after}."
        case Invalid(path=path, problems=problems):
            more = f" (and {len(problems) - 1} more)" if problems[1:] else ""
            said = f"{problems[0]}{more}" if problems else path
            return f"{facts.name} is invalid: {said}"
        case None:
            return f"{facts.name} stands in no file that can be read."
        case _:
            assert_never(facts.wish)


def _known(facts: Facts) -> Iterator[str]:
    latest = facts.latest
    if latest is None:
        yield "Nothing was ever submitted for it."
        return
    yield f"Generation {latest.key.generation}{_attempt(latest)} {_run(latest, facts.now_ms)}."
    for run in facts.unfinished:
        if run.key != latest.key:
            yield f"Generation {run.key.generation}{_attempt(run)} {_run(run, facts.now_ms)}, too."


def _attempt(run: Run) -> str:
    return f", attempt {run.key.attempt}," if run.key.attempt > 1 else ""


def _run(run: Run, now_ms: int) -> str:
    match run.state:
        case Waiting(tries=0):
            return f"was claimed {_ago(run.claimed_ms, now_ms)}, and not sent yet"
        case Waiting(tries=tries, why=why):
            return f"was sent {_times(tries)} and made no job{f' ({why})' if why else ''}"
        case Submitting(intent=intent):
            return f"was sent {_ago(intent.created_ms, now_ms)}, and waits for the answer"
        case Unknown(why=why, looks=looks, look_ms=look_ms):
            looked = f"its workflow was listed {_times(looks)} since, and is listed next at about"
            return f"was sent, and nobody knows what came of it ({why}); {looked} {rfc3339(look_ms)}"
        case Held(why=why, candidates=candidates):
            jobs = f"; its job may be {', '.join(map(str, candidates))}" if candidates else ""
            return f"is held ({why}){jobs}"
        case Accepted():
            return _job(run.state, now_ms)
        case Baselined(at_ms=at_ms):
            return f"was recorded as already done by an operator, {_ago(at_ms, now_ms)}"
        case Rejected(code=code, message=message):
            return f"was refused by Explorer: {code} {message}"
        case Superseded(why=why):
            return f"was given up before it had a job: {why}"
        case _:
            assert_never(run.state)


def _job(job: Accepted, now_ms: int) -> str:
    made = f"has job {job.job_id}, made {_ago(job.accepted_ms, now_ms)}"
    if job.ended_ms is not None:
        ended = _ENDED.get(str(job.status), str(job.status))
        return f"{made}, which {ended} {_ago(job.ended_ms, now_ms)}"
    if job.missing_ms is not None:
        return f"{made}, which Explorer does not show since {_ago(job.missing_ms, now_ms)}"
    if job.cancel is not None:
        answer = f", and the last answer was: {job.cancel.answer}" if job.cancel.answer else ""
        asked = f"asked to stop {_ago(job.cancel.asked_ms, now_ms)} ({job.cancel.why}){answer}"
        return f"{made}, which is {job.status} and was {asked}"
    return f"{made}, which is {job.status}"


def _following(facts: Facts) -> Iterator[str]:
    yield _next(facts)
    yield from _what_only_the_daemon_knows(facts)
    for cancel in facts.cancels:
        yield f"Job {cancel.job_id} is stopped: {cancel.why}."
    for cancel in facts.guarded_cancels:
        why = reason_of(facts.action) if isinstance(facts.action, Wait) else str(Reason.TOO_MANY_CANCELS)
        yield f"Job {cancel.job_id} is not stopped yet: {_waits(why)}."
    if _is_guarded(facts):
        yield f"`reconciler plan` lists what waits; `reconciler approve {facts.plan_hash}` releases it."
    if _is_pending(facts):
        yield f"The daemon that does it is {facts.daemon}." if facts.daemon else _NO_DAEMON


_NO_DAEMON = "No daemon runs on this state now, so nothing happens before `reconciler run`."


def _next(facts: Facts) -> str:
    action = facts.action
    when = _when(action, facts.now_ms)
    match action:
        case None:
            return f"Nothing is left to do: {Reason.DELETED}."
        case Wait(why=Reason.NOT_LISTED):
            return f"Next its workflow is listed and then it is submitted{when}; it {reason_of(action)}."
        case Claim() | Submit() if word_of(action) == "submit":
            return f"It is submitted {when.strip() or 'now'}: {reason_of(action)}."
        case Claim() | Submit() | Wait():
            before = when.replace(" not before", " before") or " yet"
            return f"Nothing is submitted{before}: {_waits(reason_of(action))}."
        case GiveUp(key=key):
            return f"Generation {key.generation} is given up: {reason_of(action)}."
        case Nothing(why=Reason.INVALID):
            return "Nothing is submitted until it is mended, and what ran before stays as it is."
        case Nothing():
            deadline = (
                f" It is stopped if it still runs at {rfc3339(action.until_ms)}." if action.until_ms else ""
            )
            return f"Nothing is to be submitted: {reason_of(action)}.{deadline}"
        case _:
            assert_never(action)


def _what_only_the_daemon_knows(facts: Facts) -> Iterator[str]:
    """What followed the same reason when a daemon last made its plan: what a listing came to, say."""
    if isinstance(facts.action, Wait) and not facts.action.detail:
        reason, _, detail = facts.recorded.partition(f"{facts.action.why}: ")
        if detail and not reason:
            yield f"The daemon was told: {detail}."


def _is_guarded(facts: Facts) -> bool:
    guards = (Reason.TOO_MANY_NEW, Reason.TOO_MANY_CANCELS, Reason.WORKFLOW_HAS_JOBS)
    return isinstance(facts.action, Wait) and facts.action.why in guards


def _waits(reason: str) -> str:
    return f"it {reason}" if reason.startswith("waits") else reason


def _when(action: Action | None, now_ms: int) -> str:
    until_ms = until_of(action) if action is not None else None
    if until_ms is None or until_ms <= now_ms:
        return ""
    return f" not before {rfc3339(until_ms)} (in {age((until_ms - now_ms) / 1000)})"


def _is_pending(facts: Facts) -> bool:
    is_nothing = facts.action is None or word_of(facts.action) in ("nothing", "invalid", "held")
    return not is_nothing or bool(facts.cancels) or bool(facts.unfinished)


def _ago(at_ms: int, now_ms: int) -> str:
    return f"{age((now_ms - at_ms) / 1000)} ago"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
