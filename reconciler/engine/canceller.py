"""Stop jobs, as carefully as they are made: the intent is on disk before any request.

Requests are repeated until the server shows that the job has ended, and none is sent for a job that the state
does not own. That a job is to be stopped is decided elsewhere (`core.stopping`, or by an operator); that it
has ended is seen by `follow`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from reconciler.core.backoff import backoff_ms
from reconciler.core.model import Accepted, RunKey
from reconciler.engine.gate import Gate
from reconciler.engine.tasks import Cancellation, Queue, key_of_cancel
from reconciler.explorer.client import Explorer, ExplorerError
from reconciler.store.port import Store

log = structlog.get_logger("reconciler.cancel")

POLLS = 2
"""How many polls a cancel is given to show before it is repeated, at the least."""


@dataclass(slots=True)
class Canceller:
    """Asks for jobs to be stopped, as often as it takes."""

    store: Store
    explorer: Explorer
    gate: Gate
    queue: Queue
    poll_s: float
    now_ms: Callable[[], int]
    on_asked: Callable[[RunKey], None]
    """Called for each job that is to be stopped, once that is on disk."""

    async def start(self) -> None:
        """Take up what the last daemon did not see ended."""
        for run in await self.store.followed_runs():
            if isinstance(run.state, Accepted) and run.state.cancel is not None:
                self.asked(run.key)

    def asked(self, key: RunKey) -> None:
        """A run's job is to be stopped, and that is on disk."""
        task = Cancellation(key)
        self.queue.put(key_of_cancel(key), key_of_cancel(key), task, self.now_ms())
        self.on_asked(key)

    def ended(self, key: RunKey) -> None:
        """A run's job has ended: nothing is left to stop."""
        self.queue.drop(key_of_cancel(key))

    async def perform(self, task: Cancellation) -> None:
        """Ask once, note the answer, and have it repeated. Raises StateUnwritable."""
        job = await self.store.job_to_cancel(task.key)
        if job is None or job.cancel is None:
            return  # it has ended
        answer = await self._ask(job)
        log.info("cancel sent", job=job.job_id, run=str(task.key), why=job.cancel.why, answer=answer)
        now_ms = self.now_ms()
        wait_ms = backoff_ms(job.cancel.tries + 1, random.random())  # noqa: S311 - jitter
        due_ms = now_ms + int(POLLS * self.poll_s * 1000) + wait_ms
        self.queue.put(key_of_cancel(task.key), key_of_cancel(task.key), task, now_ms, due_ms)
        await self.store.cancel_answered(task.key, answer, now_ms)

    async def _ask(self, job: Accepted) -> str:
        try:
            is_stopping = await self.explorer.cancel(job.job_id)
        except ExplorerError as error:
            self.gate.went(error.failure)
            return str(error)
        self.gate.went(None)
        return "Explorer stops it" if is_stopping else "Explorer says that it was not stopped"
