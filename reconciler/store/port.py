"""The port between the engine and what is known durably: the domain's verbs, and no table or file.

Every implementation passes the contract suite in `tests/store/contract.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from reconciler.core.item import Item
from reconciler.core.model import (
    Accepted,
    Cancel,
    Intent,
    Job,
    JobId,
    JobStatus,
    Name,
    Pause,
    Run,
    RunKey,
    RunState,
    State,
    Task,
    WorkflowId,
)
from reconciler.core.outcome import Receipt
from reconciler.core.overview import Overview, Question
from reconciler.core.plan import CancelJob, Claim, GiveUp, World
from reconciler.core.record import Dossier, Event
from reconciler.core.room import Room
from reconciler.core.sighting import Sighting

NO_LIMIT = Room()


@dataclass(frozen=True, slots=True)
class Wish:
    """What an operator asked of the daemon, by the number under which the answer is read."""

    number: int
    kind: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Begun:
    """A submission whose intent is on disk: what is to be sent, and for which run."""

    key: RunKey
    workflow_id: WorkflowId
    intent: Intent
    body: bytes
    revision: str | None
    claimed_ms: int


@dataclass(frozen=True, slots=True)
class Terms:
    """By what an unknown run is judged.

    `is_exclusive`: the operator declared its workflow so. `chance` in [0, 1) is the jitter of a wait.
    """

    settle_ms: int
    is_exclusive: bool
    chance: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an operator asked for was not done, and why, as a sentence."""

    why: str


class Store(Protocol):
    """What is known, durably. Each verb is one transaction, on disk when it returns.

    Raises StateUnwritable where the disk refuses; then nothing of that verb was recorded.
    """

    async def known(self, without: Container[Name] = ()) -> dict[Name, str]:
        """The last path of each name that is not deleted, but for some names.

        `without` is asked from another thread, and must not change meanwhile.
        """
        ...

    async def world(self, names: Iterable[Name], workflow_ids: Iterable[WorkflowId]) -> World:
        """What the plan needs to know of these names and workflows."""
        ...

    def observe(
        self,
        sightings: Sequence[Sighting],
        claims: Sequence[Claim],
        given_up: Sequence[GiveUp],
        now_ms: int,
        cancels: Sequence[CancelJob] = (),
    ) -> Awaitable[None]:
        """Record what a pass saw and decided: claimed runs exist from here on, and jobs are to be stopped.

        The only verb that need not be awaited: it is on disk no later than any verb that follows.
        """
        ...

    async def begin(self, key: RunKey, trace_id: str, now_ms: int, room: Room = NO_LIMIT) -> Begun | None:
        """Make the intent to send this run durable.

        None if the run does not wait to be sent (any more), or may not be sent now: an operator has paused
        submissions, or there is no room for one more job.
        """
        ...

    async def record(
        self, begun: Begun, receipt: Receipt, now_ms: int, chance: float, settle_ms: int
    ) -> RunState:
        """Record what came of a request, and give the state that the run has now."""
        ...

    async def take_up_open_runs(self, why: str, now_ms: int, settle_ms: int) -> list[Run]:
        """Look, from now on, for every run whose outcome the last daemon did not know; gives them.

        Those of a restored state are held.
        """
        ...

    async def looked(self, key: RunKey, jobs: Sequence[Job], terms: Terms, now_ms: int) -> RunState | None:
        """Record a listing that was made for an unknown run; gives its state now, None for any other run."""
        ...

    async def stop_looking(self, key: RunKey, why: str, now_ms: int) -> RunState | None:
        """Hold an unknown run that no listing can settle; None for any other run."""
        ...

    async def see_candidates(self, workflow_id: WorkflowId, jobs: Sequence[Job], now_ms: int) -> None:
        """Record what a listing shows for the workflow's held runs, and of the jobs that hold it itself."""
        ...

    async def foreign_among(self, workflow_id: WorkflowId, listed: Sequence[JobId]) -> tuple[JobId, ...]:
        """The jobs of a listing that disprove that a workflow is exclusive; none if that is known already."""
        ...

    async def disprove_exclusive(
        self, workflow_id: WorkflowId, listed: Sequence[JobId], now_ms: int
    ) -> tuple[JobId, ...]:
        """Record, if it is so, that a listing disproves that a workflow is exclusive; gives the jobs."""
        ...

    async def adopt(self, key: RunKey, job_id: JobId, claim: Claim | None, now_ms: int) -> Accepted | Refusal:
        """Give a run a job that nobody has, on an operator's word; with `claim` the run is claimed first."""
        ...

    async def deny(self, key: RunKey, now_ms: int) -> RunState | Refusal:
        """Take a held run as not created, on an operator's word."""
        ...

    async def not_ours(self, workflow_id: WorkflowId, now_ms: int) -> Refusal | None:
        """Use a workflow of a restored state again, on an operator's word."""
        ...

    async def workflow_listed(
        self, workflow_id: WorkflowId, listed: Sequence[JobId], now_ms: int
    ) -> tuple[JobId, ...]:
        """Record the jobs of a listing of the whole workflow; gives those that hold it now."""
        ...

    async def jobs_seen(self, workflow_id: WorkflowId, highest: JobId) -> None:
        """Record the highest job ID that a later listing showed. Writes nothing that is known."""
        ...

    async def job_changed(
        self, key: RunKey, status: JobStatus, ended_ms: int | None, now_ms: int
    ) -> Accepted | None:
        """Record a job's new status, `ended_ms` with a final one; gives what is known of the job now.

        None if its run has no job, or one that has ended.
        """
        ...

    async def job_missing(self, key: RunKey, why: str, now_ms: int) -> None:
        """Record that the server does not show a run's job."""
        ...

    async def job_found(self, key: RunKey, now_ms: int) -> None:
        """Record that the server shows a run's job again."""
        ...

    async def end_missing(self, key: RunKey, cancel: Cancel) -> Accepted | Refusal:
        """End a run whose job the server does not show, on an operator's word."""
        ...

    async def cancel(self, key: RunKey, cancel: Cancel) -> Accepted | Refusal:
        """Record that a run's job is to be stopped: one that the state owns, and that has not ended."""
        ...

    async def job_to_cancel(self, key: RunKey) -> Accepted | None:
        """The job that is to be stopped, as far as is known; None for a run that has none (any more)."""
        ...

    async def cancel_answered(self, key: RunKey, answer: str, now_ms: int) -> None:
        """Record what came of a request to stop a run's job."""
        ...

    async def tasks_seen(self, key: RunKey, tasks: Sequence[Task], now_ms: int) -> None:
        """Keep the tasks of a run's job, which has ended."""
        ...

    async def runs_without_tasks(self) -> list[Run]:
        """All runs whose jobs have ended and whose tasks were not asked for yet."""
        ...

    async def pause(self, pause: Pause) -> None:
        """Submit nothing from here on."""
        ...

    async def resume(self, who: str, now_ms: int) -> None:
        """Submit again."""
        ...

    async def paused(self) -> Pause | None:
        """The pause, while nothing is to be submitted."""
        ...

    async def forget_events(self, before_ms: int) -> int:
        """Drop a bite of the events that are older than this; gives how many. Writes nothing for none."""
        ...

    async def forget_names(self, before_ms: int) -> list[Name]:
        """Drop a bite of the names that were deleted before this; gives them. Writes nothing for none."""
        ...

    async def approve(self, claims: Sequence[Claim], cancels: Sequence[CancelJob], now_ms: int) -> None:
        """Release these new runs, by name and digest, and have these jobs stopped.

        The workflows of the runs are guarded no longer.
        """
        ...

    async def baseline(self, claims: Sequence[Claim], others: Sequence[Claim], now_ms: int) -> None:
        """Record these new runs as already done; if there are no others, their workflows are free.

        In a state without any run the workflows of the others are noted first, so that they stay guarded.
        """
        ...

    async def quarantine(self) -> str | None:
        """Why the state counts as restored; None if it does not."""
        ...

    async def check_writable(self) -> None:
        """Raise StateUnwritable if the disk refuses a write now."""
        ...

    async def waiting_runs(self) -> list[Run]:
        """All runs that are claimed and not sent."""
        ...

    async def unknown_runs(self) -> list[Run]:
        """All runs that are looked for."""
        ...

    async def held_runs(self) -> list[Run]:
        """All runs that wait for an operator."""
        ...

    async def unfinished_names(self) -> set[Name]:
        """All names with a run that waits, or whose job has not ended, as far as is known."""
        ...

    async def followed_runs(self) -> list[Run]:
        """All runs whose jobs have not ended, as far as is known."""
        ...

    async def counts(self) -> dict[str, int]:
        """How many runs stand in each phase, and jobs in each status (`job:<status>`)."""
        ...

    async def items(self) -> list[Item]:
        """One item a name, by name."""
        ...

    async def item(self, name: Name) -> Item | None:
        """The item of one name, if it was ever seen."""
        ...

    async def state_counts(self) -> Mapping[State, int]:
        """How many names stand in each state, as of the last commit."""
        ...

    async def overview(self, question: Question) -> Overview:
        """The counts and the items that are asked for, as of the last commit.

        Like `state_counts` and `dossier` for people who look: it holds up no other reading, however many
        names there are, and does not wait for what is being written.
        """
        ...

    async def dossier(self, name: Name, events: int) -> Dossier | None:
        """All that is known of one name, with so many of its newest events; None if it was never seen."""
        ...

    async def history(self, name: Name) -> list[Event]:
        """Everything that was decided about a name, oldest first."""
        ...

    async def data_version(self) -> int:
        """A number that changes when another process has written: an operator's wish, say.

        To be asked many times a second: while nobody writes, that costs next to nothing.
        """
        ...

    @property
    def changes(self) -> int:
        """How many commits of this process have changed something, `check_writable` not counted."""
        ...

    async def open_wishes(self) -> list[Wish]:
        """What operators asked for and nobody has answered yet, oldest first."""
        ...

    async def answer(self, number: int, answer: str, now_ms: int, *, is_done: bool) -> None:
        """Answer a wish."""
        ...
