"""Every job that exists, durable from one run of the sandbox to the next.

One append-only file of JSON lines, `ledger.jsonl`: a line for each job, a line for each cancellation. A job's
status is not stored: `life` tells it from the times here. Whoever has been answered finds their job again,
also after the process was killed or the machine lost power: see `Ledger.settle`.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Self

import msgspec

from reconciler.sandbox.announcer import Announcer

FILE_NAME = "ledger.jsonl"
FIRST_JOB_ID = 101


class LedgerInUseError(Exception):
    """Another sandbox holds this directory."""


class LedgerDamagedError(Exception):
    """A line that was complete is not readable; the line counts from 1."""

    def __init__(self, path: Path, line: int, why: str) -> None:
        super().__init__(f"{path}:{line}: {why}")
        self.path = path
        self.line = line


class Job(msgspec.Struct, frozen=True, tag_field="kind", tag="job"):
    """One job, with all that decides its life, so that a changed catalogue changes no job that exists.

    `body` is the submission's text as received. Times and durations are milliseconds; `created_ms` is true,
    and `skew_ms` is what was added to it wherever the server showed it. `tasks` maps a task's ID to its name.
    """

    id: int
    workflow_id: str
    workflow_name: str
    name: str
    body: str
    traceparent: str | None
    created_ms: int
    preparing_ms: int
    running_ms: int
    stopping_ms: int
    ends: str
    tasks: dict[str, str]
    skew_ms: int = 0
    is_foreign: bool = False
    cancelled_ms: int | None = None

    @property
    def input(self) -> Any:
        """The input as received; `{}` where the submission had none."""
        return msgspec.json.decode(self.body).get("input", {})

    @property
    def shown_created_ms(self) -> int:
        """The creation time as the server shows it."""
        return self.created_ms + self.skew_ms


class Cancellation(msgspec.Struct, frozen=True, tag_field="kind", tag="cancellation"):
    """A job was asked to stop."""

    job_id: int
    at_ms: int


_Line = Job | Cancellation


class Ledger:
    """The jobs of one directory, held by one process at a time. Close it, or use it with `with`.

    Raises LedgerInUseError if another process (or another Ledger) holds it, LedgerDamagedError.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._path = directory / FILE_NAME
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            self._lock()
            self._jobs = _jobs(_complete_lines(self._path))
            self._drop_torn_line()
        except BaseException:
            os.close(self._file)
            raise
        self._by_workflow: dict[str, list[int]] = defaultdict(list)
        for job in self._jobs.values():
            self._by_workflow[job.workflow_id].append(job.id)
        self._highest = max(self._jobs, default=FIRST_JOB_ID - 1)
        self._lowest = min(self._jobs, default=FIRST_JOB_ID)
        self._changes = Announcer()
        self._appended = self._synced = 0
        self._syncing = asyncio.Lock()

    @classmethod
    def read(cls, directory: Path) -> tuple[Job, ...]:
        """All jobs of a directory in the order of their creation, also while a sandbox holds it."""
        path = directory / FILE_NAME
        return tuple(_jobs(_complete_lines(path)).values()) if path.exists() else ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; what was appended stays."""
        os.close(self._file)

    @property
    def jobs(self) -> tuple[Job, ...]:
        """All jobs in the order of their creation."""
        return tuple(self._jobs.values())

    def job(self, job_id: int) -> Job | None:
        """The job with this ID."""
        return self._jobs.get(job_id)

    def jobs_of(self, workflow_id: str | None) -> list[Job]:
        """One workflow's jobs, or all, in the order of their creation."""
        if workflow_id is None:
            return list(self._jobs.values())
        return [self._jobs[job_id] for job_id in self._by_workflow.get(workflow_id, ())]

    def next_id(self) -> int:
        """An ID above every other."""
        return self._highest + 1

    def lower_id(self) -> int:
        """An ID below every other: what a server that breaks its promise to count upwards would give."""
        return self._lowest - 1

    def add(self, job: Job) -> None:
        """Make this job exist. It is durable once `settle` has returned."""
        self._append(job)
        self._jobs[job.id] = job
        self._by_workflow[job.workflow_id].append(job.id)
        self._highest, self._lowest = max(self._highest, job.id), min(self._lowest, job.id)
        self._changes.announce()

    def cancel(self, job_id: int, at_ms: int) -> None:
        """Note that this job was asked to stop; the first time counts."""
        cancellation = Cancellation(job_id, at_ms)
        self._append(cancellation)
        _apply(cancellation, self._jobs)
        self._changes.announce()

    async def settle(self) -> None:
        """Return once all that was appended so far is on disk; callers that wait together share one sync."""
        wanted = self._appended
        async with self._syncing:
            if self._synced < wanted:
                reached = self._appended
                await asyncio.to_thread(os.fsync, self._file)
                self._synced = reached

    async def until(self, is_so: Callable[[Ledger], bool]) -> None:
        """Return as soon as this holds; it is asked again after each change."""
        await self._changes.until(lambda: is_so(self))

    def _append(self, line: _Line) -> None:
        os.write(self._file, msgspec.json.encode(line) + b"\n")
        self._appended += 1

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LedgerInUseError(f"{self._path} is held by another sandbox") from error

    def _drop_torn_line(self) -> None:
        """Cut off a last line without its end: its writer died, so nobody was answered."""
        text = self._path.read_bytes()
        os.ftruncate(self._file, text.rfind(b"\n") + 1)


def _complete_lines(path: Path) -> Iterator[_Line]:
    for number, text in enumerate(path.read_bytes().split(b"\n")[:-1], start=1):
        try:
            yield msgspec.json.decode(text, type=_Line)
        except msgspec.DecodeError as error:
            raise LedgerDamagedError(path, number, str(error)) from error


def _jobs(lines: Iterable[_Line]) -> dict[int, Job]:
    jobs: dict[int, Job] = {}
    for line in lines:
        _apply(line, jobs)
    return jobs


def _apply(line: _Line, jobs: dict[int, Job]) -> None:
    match line:
        case Job():
            jobs[line.id] = line
        case Cancellation(job_id=job_id, at_ms=at_ms):
            job = jobs[job_id]
            if job.cancelled_ms is None:
                jobs[job_id] = msgspec.structs.replace(job, cancelled_ms=at_ms)
