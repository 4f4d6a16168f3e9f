"""Perform what operators wish: found in the state soon after a command left it there, and answered.

What each wish means is in `operator`; here it is found, performed against a plan that stands still, and what
follows from it is passed on to the parts that have to know.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import structlog

from reconciler.core.model import JobId, Name, RunKey, RunState, WorkflowId
from reconciler.core.plan import Plan
from reconciler.engine.gate import Gate
from reconciler.engine.operator import (
    Answer,
    Speaker,
    approve,
    baseline,
    cancel,
    pause,
    release,
    released_cancels,
    resolve,
    resume,
    retry,
)
from reconciler.engine.passes import Passes
from reconciler.engine.reconcile import Reconciler
from reconciler.engine.settler import Settler
from reconciler.engine.status import Status
from reconciler.engine.tasks import Subject
from reconciler.errors import StateUnwritable
from reconciler.explorer.client import ExplorerError
from reconciler.store.port import Store, Wish

log = structlog.get_logger("reconciler.daemon")

WISHES_S = 0.4
"""How often the state is asked whether an operator wishes something: what is promised is within a second, and
each time wakes an idle daemon."""

DISK_S = 5.0
"""How long a wish waits for a disk that refused it."""

LATE_JOBS_S = 5.0
"""How long a look for jobs that turned up late may take, before an operator is answered."""

LOOK_S = 5.0
"""How long a look at the tree may take, before an operator's wish is performed on the last one."""


@dataclass(slots=True)
class Wishes:
    """Looks for wishes, and has each performed and answered."""

    store: Store
    gate: Gate
    passes: Passes
    reconciler: Reconciler
    settler: Settler
    status: Status
    now_ms: Callable[[], int]
    on_resolved: Callable[[Subject, RunState], None]
    """Called when an operator said what came of a request."""

    on_cancelled: Callable[[RunKey], None]
    """Called for each job that an operator wants stopped, once that is on disk."""

    on_given_up: Callable[[RunKey], None]
    """Called for each job that an operator gave up: Explorer does not show it."""

    has_looked: bool = False
    """Whether all was performed that was wished for before the first plan."""

    async def run(self) -> None:
        """Perform what operators wish, soon after they do; what they wish for is about a plan."""
        version = -1
        while True:
            try:
                seen = await self.store.data_version()
                if seen != version and self.status.is_planned:
                    for wish in await self.store.open_wishes():
                        await self._perform(wish)
                    version = seen
                    self.has_looked = True
            except StateUnwritable as error:
                log.error("an operator's wish waits for the disk", why=str(error))
                await asyncio.sleep(DISK_S)
            await asyncio.sleep(WISHES_S)

    async def _perform(self, wish: Wish) -> None:
        """Perform it on the tree as it is now, which the operator has seen, and then answer.

        In between it is planned anew, so that the next wish is about what is left.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await self.passes.look()
        await self._see_candidates_for(wish)
        async with self.reconciler.standing_still() as plan:
            answer = await self._answered(wish, plan)
        await self.reconciler.replan()
        await self.store.answer(wish.number, answer.text, self.now_ms(), is_done=answer.is_done)
        log.info("operator", wish=wish.kind, done=answer.is_done, answer=answer.text)

    async def _answered(self, wish: Wish, plan: Plan) -> Answer:
        """The answer, whatever the wish says: it stays in the state until it is answered.

        One that ended the daemon would end every daemon after it, too.
        """
        try:
            answer = await self._answer(wish, plan)
        except StateUnwritable:
            raise  # it waits for the disk
        except Exception as error:
            log.exception("an operator's wish cannot be performed", wish=wish.kind)
            answer = Answer(False, f"the wish cannot be performed: {error!r}")
        return replace(answer, text=answer.text.encode("utf-8", "backslashreplace").decode())

    async def _answer(self, wish: Wish, plan: Plan) -> Answer:
        match wish.kind:
            case "approve":
                return await self._approve(str(wish.arguments["hash"]), plan)
            case "baseline":
                names = [str(name) for name in wish.arguments["names"]]
                return await baseline(self.store, plan, names, self.now_ms())
            case "resolve":
                return await self._resolve(wish, plan)
            case "release":
                workflow_id = WorkflowId(str(wish.arguments["workflow"]))
                return await release(self.store, workflow_id, self.now_ms())
            case "retry" | "cancel":
                return await self._about_a_run(wish)
            case "pause":
                answer = await pause(self.store, _speaker(wish), self.now_ms())
            case "resume":
                answer = await resume(self.store, _speaker(wish), self.now_ms())
            case kind:
                return Answer(False, f"this version does not know the wish {kind!r}")
        await self.reconciler.revisit_waiting()
        return answer

    async def _about_a_run(self, wish: Wish) -> Answer:
        name, speaker = Name(str(wish.arguments["name"])), _speaker(wish)
        if wish.kind == "retry":
            answer = await retry(self.store, name, self.reconciler.wanted.wish(name), speaker, self.now_ms())
            self.reconciler.revisit(name)
            return answer
        stopped = await cancel(self.store, name, wish.arguments["generation"], speaker, self.now_ms())
        if stopped.key is not None:
            (self.on_given_up if stopped.is_given_up else self.on_cancelled)(stopped.key)
        self.reconciler.revisit(name)
        return stopped.answer

    async def _approve(self, plan_hash: str, plan: Plan) -> Answer:
        answer = await approve(self.store, plan, plan_hash, self.now_ms())
        if answer.is_done:
            for it in released_cancels(plan):
                self.on_cancelled(it.key)
        return answer

    async def _resolve(self, wish: Wish, plan: Plan) -> Answer:
        name, generation, job_id = (wish.arguments[key] for key in ("name", "generation", "adopt"))
        adopted = None if job_id is None else JobId(int(job_id))
        done = await resolve(self.store, plan, Name(str(name)), generation, adopted, self.now_ms())
        if done.subject is not None and done.state is not None:
            self.on_resolved(done.subject, done.state)
        return done.answer

    async def _see_candidates_for(self, wish: Wish) -> None:
        """Before a job is given to a run: see whether it turned up late. Not for long, nor at any price."""
        if wish.kind != "resolve" or wish.arguments.get("adopt") is None or self.gate.is_open:
            return
        held = [run for run in await self.store.held_runs() if run.key.name == wish.arguments.get("name")]
        with suppress(ExplorerError, TimeoutError):
            async with asyncio.timeout(LATE_JOBS_S):
                for workflow_id in dict.fromkeys(run.workflow_id for run in held):
                    await self.settler.see_candidates(workflow_id)


def _speaker(wish: Wish) -> Speaker:
    return Speaker(str(wish.arguments["who"]), str(wish.arguments["why"]))
