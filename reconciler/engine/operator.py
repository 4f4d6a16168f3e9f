"""What an operator asks for: `approve`, `baseline` and `resolve`, performed on a plan and a store.

The daemon performs them when it finds the wish; without a daemon the command performs them itself. Both give
the same answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.item import rfc3339
from reconciler.core.model import Accepted, JobId, Name, Run, RunState, Superseded, Unknown, WorkflowId
from reconciler.core.plan import Claim, Plan, Wait
from reconciler.core.reason import Reason
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


async def approve(store: Store, plan: Plan, plan_hash: str, now_ms: int) -> Answer:
    """Release exactly the new runs of this plan, if it still is the plan that the operator read."""
    if not plan.unapproved:
        return Answer(False, "nothing waits for approval; `reconciler plan` shows what is planned")
    if plan_hash != plan.hash:
        return Answer(
            False,
            f"the plan has changed: its hash is now {plan.hash}. Read it with `reconciler plan` first",
        )
    await store.approve(plan.unapproved, plan.unapproved_cancels, now_ms)
    return Answer(True, f"approved {_runs(len(plan.unapproved))}")


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


def _runs(count: int) -> str:
    return f"{count} run" if count == 1 else f"{count} runs"
