"""What an operator asks for, performed on a plan and a store: each gives an answer, the same from everybody.

The daemon performs it when it finds the wish. Without a daemon the command performs `approve`, `baseline`,
`resolve`, `pause` and `resume` itself; `retry` and `cancel` wait for one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reconciler.core.item import rfc3339
from reconciler.core.model import (
    Accepted,
    Cancel,
    CancelCause,
    Held,
    Invalid,
    JobId,
    Manifest,
    Name,
    Pause,
    Run,
    RunKey,
    RunState,
    Submitting,
    Superseded,
    Unknown,
    Waiting,
    WorkflowId,
)
from reconciler.core.plan import CancelJob, Claim, Plan, Wait
from reconciler.core.plan import Wish as PlanWish
from reconciler.core.reason import Reason, settled
from reconciler.engine.tasks import Subject
from reconciler.store.port import Refusal, Store


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether it was done, and a sentence for the operator."""

    is_done: bool
    text: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """The answer to a `resolve`, and the run that it ended the doubt about, with its state now."""

    answer: Answer
    subject: Subject | None = None
    state: RunState | None = None


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who asks, and what for, in their own words (which may be none)."""

    who: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.who}: {self.why}" if self.why else self.who


@dataclass(frozen=True, slots=True)
class Stopped:
    """The answer to a `cancel`, and the run whose job is being stopped, or was given up."""

    answer: Answer
    key: RunKey | None = None
    is_given_up: bool = False


async def approve(store: Store, plan: Plan, plan_hash: str, now_ms: int) -> Answer:
    """Release exactly the new runs and cancels of this plan, if it still is the plan that was read."""
    if not (plan.unapproved or plan.unapproved_cancels):
        return Answer(False, "nothing waits for approval; `reconciler plan` shows what is planned")
    if plan_hash != plan.hash:
        return Answer(
            False,
            f"the plan has changed: its hash is now {plan.hash}. Read it with `reconciler plan` first",
        )
    await store.approve(plan.unapproved, released_cancels(plan), now_ms)
    said = [_runs(len(plan.unapproved))] if plan.unapproved else []
    said += [_cancels(len(plan.unapproved_cancels))] if plan.unapproved_cancels else []
    return Answer(True, f"approved {' and '.join(said)}")


def released_cancels(plan: Plan) -> list[CancelJob]:
    """The cancels that an approval carries out at once; a job that is replaced goes with what replaces it."""
    return [cancel for cancel in plan.unapproved_cancels if cancel.cause is CancelCause.DELETED]


async def baseline(store: Store, plan: Plan, names: Sequence[str], now_ms: int) -> Answer:
    """Record the new runs that nobody released, all of them or those of these names, as already done."""
    strangers = sorted(set(names) - {claim.name for claim in plan.unapproved})
    if strangers:
        return Answer(False, f"no new run waits under {', '.join(strangers[:5])}; nothing was recorded")
    chosen = [claim for claim in plan.unapproved if not names or claim.name in names]
    others = [claim for claim in plan.unapproved if names and claim.name not in names]
    await store.baseline(chosen, others, now_ms)
    return Answer(True, f"recorded {_runs(len(chosen))} as already done")


async def resolve(
    store: Store, plan: Plan, name: Name, generation: int | None, adopted: JobId | None, now_ms: int
) -> Resolution:
    """End a hold: the run has the job `adopted`, or None: no job was made.

    In a restored state a run that waits, or was not claimed yet, may be given a job as well.
    """
    chosen = await _run_to_resolve(store, plan, name, generation, is_adopted=adopted is not None)
    if isinstance(chosen, Answer):
        return Resolution(chosen)
    claim, subject = _subject_of(chosen)
    state: RunState | Refusal
    if adopted is None:
        state = await store.deny(subject.key, now_ms)
    else:
        state = await store.adopt(subject.key, adopted, claim, now_ms)
    if isinstance(state, Refusal):
        return Resolution(Answer(False, state.why))
    return Resolution(Answer(True, _resolved(name, state)), subject, state)


def _subject_of(chosen: Run | Claim) -> tuple[Claim | None, Subject]:
    match chosen:
        case Claim(key=key, manifest=manifest):
            return chosen, Subject(key, manifest.workflow_id, None, None)
        case Run():
            return None, Subject.of_run(chosen)


async def release(store: Store, workflow_id: WorkflowId, now_ms: int) -> Answer:
    """Use a workflow of a restored state again: the jobs that hold it are not ours."""
    refusal = await store.not_ours(workflow_id, now_ms)
    if refusal is not None:
        return Answer(False, refusal.why)
    return Answer(True, f"workflow {workflow_id} is used again")


async def pause(store: Store, speaker: Speaker, now_ms: int) -> Answer:
    """Submit nothing from here on; jobs that run go on, and may be stopped."""
    before = await store.paused()
    if before is not None:
        return Answer(True, f"submissions are paused already, by {Speaker(before.who, before.why)}")
    await store.pause(Pause(speaker.who, speaker.why, now_ms))
    return Answer(True, "submissions are paused; `reconciler resume` goes on")


async def resume(store: Store, speaker: Speaker, now_ms: int) -> Answer:
    """Submit again."""
    if await store.paused() is None:
        return Answer(True, "submissions are not paused")
    await store.resume(str(speaker), now_ms)
    return Answer(True, "submissions go on")


async def retry(store: Store, name: Name, wish: PlanWish | None, speaker: Speaker, now_ms: int) -> Answer:
    """Make another attempt of a name's newest run, if that has ended and its manifest asks for the same."""
    observed = (await store.world([name], [])).names.get(name)
    latest = observed.latest if observed else None
    if latest is None:
        return Answer(False, f"{name} has no run; `reconciler get` lists what is known")
    if latest.is_unfinished or isinstance(latest.state, Waiting):
        return Answer(False, f"{latest.key} has not ended: {_standing(latest)}")
    match wish:
        case Manifest(is_suspended=False, digest=latest.digest):
            key = replace(latest.key, attempt=latest.key.attempt + 1)
            claim = Claim(wish, key, Reason.RETRY, detail=str(speaker))
            await store.observe([], [claim], [], now_ms)
            return Answer(
                True, f"{name} is submitted again, as attempt {key.attempt} of generation {key.generation}"
            )
        case Manifest(is_suspended=True):
            why = "its manifest is suspended"
        case Manifest():
            why = "its manifest has changed, which makes a new generation of its own"
        case Invalid():
            why = "its manifest is invalid"
        case _:
            why = "it has no manifest"
    return Answer(False, f"{name} is not submitted again: {why}; `reconciler explain {name}` tells more")


async def cancel(store: Store, name: Name, generation: int | None, speaker: Speaker, now_ms: int) -> Stopped:
    """Have the running job of a name stopped. One that Explorer does not show is given up at once."""
    running = [
        run
        for run in await store.followed_runs()
        if run.key.name == name and generation in (None, run.key.generation)
    ]
    if len(running) > 1:
        which = ", ".join(str(run.key.generation) for run in running)
        return Stopped(Answer(False, f"several jobs of {name} run; say --generation, one of {which}"))
    if not running:
        return Stopped(Answer(False, f"no job of {name} runs; `reconciler get {name}` shows how it is"))
    key, job = running[0].key, running[0].state
    wanted = Cancel(CancelCause.OPERATOR, f"by {speaker}", now_ms)
    is_given_up = isinstance(job, Accepted) and job.missing_ms is not None
    done = await (store.end_missing if is_given_up else store.cancel)(key, wanted)
    if isinstance(done, Refusal):
        return Stopped(Answer(False, done.why))
    if is_given_up:
        text = f"job {done.job_id} of {name} is given up: Explorer does not show it"
    else:
        text = f"job {done.job_id} of {name} is being cancelled"
    return Stopped(Answer(True, text), key, is_given_up)


def _standing(run: Run) -> str:
    match run.state:
        case Waiting(why=why):
            return f"it waits to be sent{why and f' ({why})'}"
        case Submitting() | Unknown() | Held() | Accepted() as state:
            return settled(state)
        case state:
            raise AssertionError(f"a run that is {state} has ended")


async def _run_to_resolve(
    store: Store, plan: Plan, name: Name, generation: int | None, *, is_adopted: bool
) -> Run | Claim | Answer:
    """The one run, or the claim of one, that is meant; else what to say instead."""

    def is_meant(run: Run | Claim) -> bool:
        return run.key.name == name and generation in (None, run.key.generation)

    meant: list[Run | Claim] = [run for run in await store.held_runs() if is_meant(run)]
    are_held = bool(meant)
    if is_adopted and _waits_for_strangers(plan, name):
        meant += [run for run in await store.waiting_runs() if is_meant(run)]
        meant += [claim for claim in plan.unapproved if is_meant(claim)]
    if len(meant) == 1:
        return meant[0]
    if meant:
        which = ", ".join(str(it.key.generation) for it in meant)
        are_so = "are held" if are_held else "may have it"
        return Answer(False, f"several runs of {name} {are_so}; say --generation, one of {which}")
    for run in filter(is_meant, await store.unknown_runs()):
        if isinstance(run.state, Unknown):
            until = rfc3339(run.state.look_ms)
            return Answer(False, f"{run.key} is not held: it is still looked for, next at about {until}")
    return Answer(False, f"no run of {name} is held; `reconciler get {name}` shows how it is")


def _waits_for_strangers(plan: Plan, name: Name) -> bool:
    """Whether the name waits in a restored state: jobs of its workflow may be those of what waits."""
    return any(
        isinstance(action, Wait) and action.name == name and action.why is Reason.STRANGERS
        for action in plan.actions
    )


def _resolved(name: Name, state: RunState) -> str:
    match state:
        case Accepted(job_id=job_id):
            return f"job {job_id} is the job of {name}"
        case Superseded(why=why):
            return f"{name} is not sent again: {why}"
        case _:
            return f"{name} is sent again"


def _cancels(count: int) -> str:
    return f"{count} cancel" if count == 1 else f"{count} cancels"


def _runs(count: int) -> str:
    return f"{count} run" if count == 1 else f"{count} runs"
