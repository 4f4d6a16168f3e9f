"""What follows when nobody knows whether a job was made: steps 6 to 8 of the submission protocol.

Pure. When to look, and how, is the engine's; what is seen comes in as values. Times, names and tasks of jobs
play no part: clocks differ, and foreign jobs look the same. The model in `tests/model` runs these functions
against every order of events that it can think of.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, replace
from typing import assert_never

from reconciler.core.backoff import backoff_ms
from reconciler.core.model import (
    Accepted,
    Held,
    Intent,
    JobId,
    JobStatus,
    OnUnknown,
    Rejected,
    RunState,
    Submitting,
    Superseded,
    Unknown,
    Waiting,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How often a run is sent before somebody is asked.

    `tries` is for any unknown outcome. `tries_after_code` is for a 5xx with Explorer's code: a missing
    parameter answers so, and always will. What certainly made no job (a lost session, a 429) counts for
    neither.
    """

    tries: int = 5
    tries_after_code: int = 2


LIMITS = Limits()
"""What the daemon goes by; the model makes do with less."""


@dataclass(frozen=True, slots=True)
class Tried:
    """How many of a run's requests ended without anybody knowing what came of them, the last one included.

    `coded` counts those among them that were answered by a 5xx with Explorer's code.
    """

    unclear: int
    coded: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of an unknown run once its settle time is over and its workflow was listed twice.

    `candidates` are the jobs of both listings above the run's baseline that no run owns. `code` is Explorer's
    code if the last reply was a 5xx with one. `is_exclusive`: the
    operator declared the workflow so, and nothing has disproved it. `is_alone`: see the function. `is_wanted`
    is false if the run's manifest has changed, gone or been suspended meanwhile; an invalid manifest is no
    answer, and the run waits.
    """

    candidates: tuple[JobId, ...]
    tried: Tried
    code: int | None
    is_exclusive: bool
    is_alone: bool
    is_wanted: bool = True


@dataclass(frozen=True, slots=True)
class SendAgain:
    """It is known, or accepted, that no job was made: the run waits to be sent again."""

    why: str


@dataclass(frozen=True, slots=True)
class Adopt:
    """The one candidate is the run's job: nobody else makes jobs there, and no other run may have made it."""

    job_id: JobId


@dataclass(frozen=True, slots=True)
class Hold:
    """A person decides."""

    why: str


@dataclass(frozen=True, slots=True)
class Reject:
    """No job was made, and sending it again would end the same: it did, so many times."""

    code: int
    times: int


Verdict = SendAgain | Adopt | Hold | Reject


@dataclass(frozen=True, slots=True)
class Around:
    """What the state knows around an unknown run at the moment when a listing is looked at.

    `owned` are the jobs of other runs, whichever of the listed ones are. For the rest see `Seen`.
    """

    owned: Container[JobId]
    tried: Tried
    is_exclusive: bool
    is_alone: bool
    is_wanted: bool
    on_unknown: OnUnknown


@dataclass(frozen=True, slots=True)
class Looked:
    """What follows from a listing. `disproves`: from here on the workflow does not count as exclusive."""

    state: RunState
    disproves: bool = False


def between_looks(settle: float) -> float:
    """How long after the first listing the second is made, for a settle time in the same unit."""
    return settle / 4


def after_look(
    unknown: Unknown, listed: Iterable[JobId], around: Around, *, settle_ms: int, now_ms: int, chance: float
) -> Looked:
    """What becomes of an unknown run when its workflow was listed down to its baseline.

    The first look only notes what it saw; the second judges over both. `chance` in [0, 1) is the jitter of a
    wait.
    """
    found = candidates((*unknown.candidates, *listed), unknown.intent.baseline, around.owned)
    if unknown.looks == 0:
        look_ms = now_ms + int(between_looks(settle_ms))
        return Looked(replace(unknown, looks=1, look_ms=look_ms, candidates=found))
    seen = Seen(found, around.tried, unknown.code, around.is_exclusive, around.is_alone, around.is_wanted)
    verdict = judge(seen, around.on_unknown)
    state = after_verdict(
        verdict, unknown.intent, found, is_wanted=around.is_wanted, now_ms=now_ms, chance=chance
    )
    return Looked(state, leaves_a_job_to_nobody(verdict, seen))


def candidates(listed: Iterable[JobId], baseline: JobId, owned: Container[JobId]) -> tuple[JobId, ...]:
    """The jobs that may be the run's: above its baseline, and no run's; lowest first.

    With the highest job ID that a restored state knows as the baseline: the jobs that hold a workflow in
    quarantine.
    """
    return tuple(sorted({job_id for job_id in listed if job_id > baseline and job_id not in owned}))


def is_alone(others: Iterable[RunState]) -> bool:
    """Whether none of the workflow's other runs is open or held: any of those may have made the job."""
    return not any(isinstance(state, Submitting | Unknown | Held) for state in others)


def judge(seen: Seen, on_unknown: OnUnknown, limits: Limits = LIMITS) -> Verdict:
    """What to do with an unknown run. One that nobody wants any more goes by `auto`, not by `resubmit`."""
    match on_unknown:
        case OnUnknown.HOLD:
            return Hold("its manifest says onUnknown: hold")
        case OnUnknown.RESUBMIT if not seen.is_wanted:
            return _judge_by_candidates(seen, limits)
        case OnUnknown.RESUBMIT if seen.tried.unclear >= limits.tries:
            return Hold(f"sent {_times(seen.tried.unclear)}, and never clearly answered")
        case OnUnknown.RESUBMIT:
            return SendAgain("its manifest says onUnknown: resubmit")
        case OnUnknown.AUTO:
            return _judge_by_candidates(seen, limits)


def after_verdict(
    verdict: Verdict,
    intent: Intent,
    candidates: tuple[JobId, ...],
    *,
    is_wanted: bool,
    now_ms: int,
    chance: float,
) -> RunState:
    """The run's state once it was judged.

    `is_wanted` is false if its manifest has changed, gone or been suspended meanwhile; an invalid manifest
    is no answer, and the run waits. `chance` in [0, 1) is the jitter of a wait.
    """
    match verdict:
        case SendAgain(why=why):
            return not_created(intent, why, is_wanted=is_wanted, now_ms=now_ms, chance=chance)
        case Adopt(job_id=job_id):
            return Accepted(job_id, JobStatus.PREPARING, now_ms)
        case Hold(why=why):
            return Held(intent, why, candidates)
        case Reject(code=code, times=times):
            return Rejected(code, f"answered so {_times(times)}, and no job was made")
        case _:
            assert_never(verdict)


def not_created(
    intent: Intent, why: str, *, is_wanted: bool, now_ms: int, chance: float
) -> Waiting | Superseded:
    """What becomes of a run that made no job, by a verdict or by an operator's word (`--not-created`)."""
    if not is_wanted:
        return Superseded(f"{why}; and its manifest asks for it no longer")
    return Waiting(intent.try_number, now_ms + backoff_ms(intent.try_number, chance), why)


def foreign_jobs(
    listed: Iterable[JobId], first_baseline: JobId, owned: Container[JobId], *, is_quiet: bool
) -> tuple[JobId, ...]:
    """The jobs of a listing that are certainly none of ours: somebody else makes jobs in this workflow.

    Only a listing during which no run of the workflow was open or held (`is_quiet`) can show that.
    `first_baseline` is the highest job ID of the workflow's first listing.
    """
    return candidates(listed, first_baseline, owned) if is_quiet else ()


def leaves_a_job_to_nobody(verdict: Verdict, seen: Seen) -> bool:
    """Whether a run is sent again although it may have made one of the candidates (`onUnknown: resubmit`).

    Such a job stays without an owner, in the sight of the workflow's other runs: one of them would take it
    for its own. So from here on the workflow does not count as exclusive.
    """
    return isinstance(verdict, SendAgain) and bool(seen.candidates)


def _judge_by_candidates(seen: Seen, limits: Limits) -> Verdict:
    match seen.candidates:
        case ():
            return _judge_without(seen, limits)
        case (job_id,) if seen.is_exclusive and seen.is_alone:
            return Adopt(job_id)
        case (job_id,):
            return Hold(f"job {job_id} may be its own, or somebody else's")
        case several:
            return Hold(f"{len(several)} jobs may be its own, or somebody else's")


def _judge_without(seen: Seen, limits: Limits) -> Verdict:
    if seen.code is not None and seen.tried.coded >= limits.tries_after_code:
        return Reject(seen.code, seen.tried.coded)
    if seen.tried.unclear >= limits.tries:
        return Hold(f"sent {_times(seen.tried.unclear)}, and no job of it is to be seen")
    return SendAgain("no job of it is to be seen, so none was made")


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
