"""What an operator asks for: `approve` and `baseline`, performed on a plan and a store.

The daemon performs them when it finds the wish; without a daemon the command performs them itself. Both give
the same answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.plan import Plan
from reconciler.store.port import Store


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether it was done, and a sentence for the operator."""

    is_done: bool
    text: str


async def approve(store: Store, plan: Plan, plan_hash: str, now_ms: int) -> Answer:
    """Release exactly the new runs of this plan, if it still is the plan that the operator read."""
    if not plan.unapproved:
        return Answer(False, "nothing waits for approval; `reconciler plan` shows what is planned")
    if plan_hash != plan.hash:
        return Answer(
            False,
            f"the plan has changed: its hash is now {plan.hash}. Read it with `reconciler plan` first",
        )
    await store.approve(plan.unapproved, now_ms)
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


def _runs(count: int) -> str:
    return f"{count} run" if count == 1 else f"{count} runs"
