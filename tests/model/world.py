"""One moment of the model: what is on disk, in the daemons' memory, under way, and on the server.

All of it is tuples: a moment is hashed and compared a million times, and a tuple does that in C. The rows
hold the daemon's own values (`reconciler.core.model`), with times and chance at zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from enum import Enum, auto
from typing import NamedTuple, TypeVar

from reconciler.core.model import (
    Accepted,
    Held,
    Intent,
    JobId,
    Rejected,
    RunState,
    Submitting,
    Superseded,
    Waiting,
)
from reconciler.core.outcome import Exchange
from tests.model.rules import Left, Rule, Setting

Value = TypeVar("Value")

FOREIGN = -1
"""Whose a job is that another client made."""

NO_TOKEN = 0
FIRST_ID = 11
NAMES = "ab"
UNSENT = Waiting()


class Job(NamedTuple):
    """A job on the server. `run` and `token` (the request that made it) are what only the model knows."""

    job_id: JobId
    run: int
    token: int
    is_listed: bool = False
    is_deleted: bool = False


class Request(NamedTuple):
    """A POST under way: it may arrive at any time, or never."""

    token: int
    run: int
    is_retry: bool = False


class Row(NamedTuple):
    """A run in the state.

    `baseline` is that of its first intent, `seen` the highest job known at its last one; `code` is that of
    its last 5xx.
    """

    state: RunState
    baseline: JobId | None = None
    seen: JobId = JobId(0)
    code: int | None = None


class Quarantine(Enum):
    """How far a restored state is from being used again."""

    NONE = auto()
    NOT_LISTED = auto()
    HOLDS = auto()


class Store(NamedTuple):
    """The state on disk. `highest` is None while the workflow was never listed."""

    rows: tuple[Row | None, ...]
    highest: JobId | None
    first_baseline: JobId
    intents: int = 0
    is_disproved: bool = False
    quarantine: Quarantine = Quarantine.NONE


class Look(NamedTuple):
    """A settle time and its listings.

    `waits` are the requests that will have arrived and be listed, or be lost, before the settle time ends:
    this is what assumption A5 says, without a clock. `first` is what the first listing showed.
    """

    waits: frozenset[int]
    first: tuple[JobId, ...] | None = None


class Step(Enum):
    """What a daemon is at."""

    DOWN = auto()
    IDLE = auto()
    NOTED = auto()  # the intent is on disk
    SENT = auto()
    STOPPED = auto()  # it found the state damaged, and sends nothing


class Process(NamedTuple):
    """A daemon's memory: all of it is gone when it dies."""

    step: Step = Step.DOWN
    run: int = 0
    token: int = NO_TOKEN
    reply: Exchange | None = None
    looks: tuple[Look | None, ...] = ()
    quarantine: Look | None = None


class World(NamedTuple):
    """One moment."""

    store: Store
    high_water: int
    copy: Store | None
    processes: tuple[Process, ...]
    requests: tuple[Request, ...]
    jobs: tuple[Job, ...]
    next_id: int
    sent: int
    wanted: tuple[bool, ...]
    is_damaged: bool
    left: Left


Move = tuple[str, World]
"""What happens, as a sentence, and the moment after."""

Moves = Iterator[Move]


def first_moment(setting: Setting) -> World:
    runs = len(setting.policies)
    old_ids = range(FIRST_ID, FIRST_ID + setting.old_jobs)
    old = tuple(Job(JobId(job_id), FOREIGN, NO_TOKEN, is_listed=True) for job_id in old_ids)
    highest = None if setting.keeps(Rule.FIRST_LISTING) else JobId(0)
    return World(
        store=Store(rows=(None,) * runs, highest=highest, first_baseline=JobId(0)),
        high_water=0,
        copy=None,
        processes=(Process(Step.IDLE, looks=(None,) * runs), *[Process()] * (setting.daemons - 1)),
        requests=(),
        jobs=old,
        next_id=FIRST_ID + len(old),
        sent=0,
        wanted=(True,) * runs,
        is_damaged=False,
        left=setting.left,
    )


def open_intent(row: Row | None) -> Intent | None:
    """The intent of a run whose outcome is not on disk."""
    return row.state.intent if row is not None and isinstance(row.state, Submitting) else None


def owned(store: Store) -> frozenset[JobId]:
    return frozenset(
        it.state.job_id for it in store.rows if it is not None and isinstance(it.state, Accepted)
    )


def owner_of(store: Store, job_id: JobId) -> int | None:
    for run, row in enumerate(store.rows):
        if row is not None and isinstance(row.state, Accepted) and row.state.job_id == job_id:
            return run
    return None


def visible(world: World) -> tuple[JobId, ...]:
    """What a complete listing shows now."""
    return tuple(job.job_id for job in world.jobs if job.is_listed and not job.is_deleted)


def pending(world: World) -> frozenset[int]:
    """The requests that are under way, or whose job no listing shows yet."""
    late = {job.token for job in world.jobs if not (job.is_listed or job.is_deleted)}
    return frozenset({request.token for request in world.requests} | late) - {NO_TOKEN}


def with_row(world: World, run: int, row: Row | None) -> World:
    store = world.store
    return world._replace(store=store._replace(rows=replaced(store.rows, run, row)))


def with_process(world: World, me: int, process: Process) -> World:
    return world._replace(processes=replaced(world.processes, me, process))


def tidied(world: World) -> World:
    """The same moment without what plays no part any more, so that equal moments are equal."""
    if (
        world.left.copies
        and not world.left.crashes
        and all(it.step is not Step.DOWN for it in world.processes)
    ):
        world = world._replace(copy=None, left=world.left._replace(copies=0))  # never at rest again
    if not any(process.looks or process.quarantine for process in world.processes):
        return world
    late = pending(world)
    return world._replace(processes=tuple(_tidied(process, late) for process in world.processes))


def replaced(values: tuple[Value, ...], at: int, value: Value) -> tuple[Value, ...]:
    return (*values[:at], value, *values[at + 1 :])


def plain(state: RunState) -> RunState:
    """The state without its explanation: moments that differ only in that are one."""
    match state:
        case Waiting():
            return Waiting(state.tries)
        case Held():
            return replace(state, why="")
        case Rejected():
            return Rejected(state.code, "")
        case Superseded():
            return Superseded("")
        case _:
            return state


def shown(jobs: tuple[JobId, ...]) -> str:
    match jobs:
        case ():
            return "no jobs"
        case (job,):
            return f"job {job}"
        case several:
            return f"jobs {', '.join(map(str, several))}"


def _tidied(process: Process, late: frozenset[int]) -> Process:
    looks = tuple(look and look._replace(waits=look.waits & late) for look in process.looks)
    quarantine = process.quarantine and process.quarantine._replace(waits=process.quarantine.waits & late)
    return process._replace(looks=looks, quarantine=quarantine)
