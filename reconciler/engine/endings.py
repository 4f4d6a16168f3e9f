"""Ask once for the tasks of each job that has ended: their times and how they stood.

One request at a time, behind everything that is more urgent: a thousand jobs that end together hold up no
submission.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from reconciler.core.backoff import backoff_ms
from reconciler.core.model import Accepted, JobId, RunKey, Task
from reconciler.core.outcome import Faulty, Refused, WorkflowMissing
from reconciler.engine.gate import Gate
from reconciler.errors import StateUnwritable
from reconciler.explorer.client import Explorer, ExplorerError
from reconciler.store.port import Store

log = structlog.get_logger("reconciler.follow")

MOST_FAILURES = 5
"""After so many answers that help nobody, a job's tasks are taken for lost."""


@dataclass(slots=True)
class Endings:
    """Knows the jobs that have ended and whose tasks were not kept yet."""

    store: Store
    explorer: Explorer
    gate: Gate
    now_ms: Callable[[], int]
    _arrived: asyncio.Queue[tuple[RunKey, JobId]] = field(default_factory=asyncio.Queue)

    async def start(self) -> None:
        """Take up what the last daemon did not come to."""
        for run in await self.store.runs_without_tasks():
            if isinstance(run.state, Accepted):
                self.ended(run.key, run.state.job_id)

    def ended(self, key: RunKey, job_id: JobId) -> None:
        """A run's job has ended."""
        self._arrived.put_nowait((key, job_id))

    async def run(self) -> None:
        """Ask for one after the other, for as long as the daemon runs."""
        while True:
            key, job_id = await self._arrived.get()
            failures = 0
            while not await self._keep(key, job_id, is_last=failures >= MOST_FAILURES):
                failures += 1
                await asyncio.sleep(backoff_ms(failures, random.random()) / 1000)  # noqa: S311 - jitter

    async def _keep(self, key: RunKey, job_id: JobId, *, is_last: bool) -> bool:
        """Ask and keep; False if it is worth asking again, as it is not after many useless answers."""
        try:
            tasks = await self._tasks_of(job_id, is_last=is_last)
            await self.store.tasks_seen(key, tasks, self.now_ms())
        except ExplorerError as error:
            self.gate.went(error.failure)
            return False
        except StateUnwritable:
            return False
        return True

    async def _tasks_of(self, job_id: JobId, *, is_last: bool) -> Sequence[Task]:
        """The job's tasks; none if Explorer knows them no more. Raises ExplorerError."""
        await self.gate.admit()
        try:
            tasks = (await self.explorer.job(job_id)).tasks
        except ExplorerError as error:
            match error.failure:
                case Refused() | WorkflowMissing() | Faulty(code=int()):
                    self.gate.went(error.failure)
                    log.warning("the tasks of a job that ended cannot be read", job=job_id, why=str(error))
                    return ()
                case Faulty() if is_last:
                    self.gate.went(error.failure)
                    return ()
                case _:
                    raise
        self.gate.went(None)
        return tasks
