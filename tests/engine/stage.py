"""What the engine's tests stand on: a tree, a state and a sandbox, all real, and the parts between them.

Nothing here waits for a while: `Stage.until` looks again whenever the parts have told their telemetry
something, and gives up after a deadline.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from reconciler.core.model import Name, RunKey
from reconciler.core.policy import reader_under
from reconciler.engine.daemon import Daemon
from reconciler.engine.gate import Gate
from reconciler.engine.parts import Parts, wire
from reconciler.engine.status import Status
from reconciler.engine.telemetry import Telemetry
from reconciler.engine.thread import in_thread
from reconciler.errors import ExitCode, StateUnwritable
from reconciler.explorer.client import Explorer, Login, Secret, explorer_at
from reconciler.sandbox.ledger import Job
from reconciler.sandbox.server import PASSWORD, USER, Sandbox, serve
from reconciler.settings import Settings
from reconciler.source.tree import Tree
from reconciler.source.watch import Trouble, Watch
from reconciler.store.sqlite import SqliteStore

DEADLINE_S = 60.0
QUICK, SLOW, FAILING, MISSING = "1", "2", "3", "404"
"""Workflows: jobs that end at once, jobs that outlive a test, jobs that fail, and one that is not there."""

WORKFLOWS = {
    QUICK: {"name": "quick", "any": True, "preparing_s": 0, "running_s": 0},
    SLOW: {"name": "slow", "any": True, "preparing_s": 0, "running_s": 3600},
    FAILING: {"name": "failing", "any": True, "preparing_s": 0, "running_s": 0, "ends": "Failed"},
    **{
        str(number): {"name": f"w{number}", "any": True, "preparing_s": 0, "running_s": 0}
        for number in range(11, 31)
    },
}
HOLDER: dict[str, str | int] = {"pid": 1, "host": "here", "since": "now"}


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def manifest_text(name: str, workflow: str = QUICK, value: str = "x", *, suspend: bool = False) -> str:
    text = f"apiVersion: reconciler/v1\nkind: WorkflowJob\nmetadata: {{name: {name}}}\nspec:\n"
    text += f'  workflowId: "{workflow}"\n  input: {{query_1: {{name: {json.dumps(value)}}}}}\n'
    return text + ("  suspend: true\n" if suspend else "")


class Told:
    """A telemetry that remembers what it was told, and wakes who waits for it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self._news = asyncio.Event()

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name not in vars(Telemetry):
            raise AttributeError(name)
        return lambda *arguments: self._note(name, arguments)

    def of(self, name: str) -> list[tuple[Any, ...]]:
        return [arguments for told, arguments in self.calls if told == name]

    def passes(self) -> list[str]:
        return [result for result, _, _ in self.of("pass_finished")]

    async def news(self) -> None:
        """Return when something is told, or soon: not everything that changes is told."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), 0.02)

    def _note(self, name: str, arguments: tuple[Any, ...]) -> None:
        self.calls.append((name, arguments))
        self._news.set()
        self._news = asyncio.Event()


@dataclass
class Ears:
    """A watcher that hears nothing by itself: a test says what it noticed."""

    troubles: list[Trouble] = field(default_factory=list)
    is_listening: bool = False
    without: Trouble | None = None

    def start(self) -> None:
        self.is_listening = True

    def stop(self) -> None:
        self.is_listening = False

    def check(self) -> tuple[Trouble, ...]:
        found = tuple(self.troubles)
        self.troubles.clear()
        return found


@dataclass
class Stage:
    """A tree, a state and a sandbox; `parts` are wired to them, and a test runs those that it is about."""

    settings: Settings
    sandbox: Sandbox
    told: Told
    ears: Ears
    explorer: Explorer
    commits: Counter[str] = field(default_factory=Counter)
    parts: Parts = field(init=False)

    @property
    def store(self) -> Any:
        return self.parts.store

    def write(self, name: str, workflow: str = QUICK, value: str = "x", *, suspend: bool = False) -> Path:
        return self.write_text(f"{name}.yaml", manifest_text(name, workflow, value, suspend=suspend))

    def write_text(self, file: str, text: str) -> Path:
        """Put a file in its place at one stroke, as git-sync and editors do."""
        path = self.settings.jobs_dir / file
        draft = path.with_name(f".{path.name}.new")
        draft.write_text(text)
        draft.replace(path)
        return path

    def remove(self, name: str) -> None:
        (self.settings.jobs_dir / f"{name}.yaml").unlink()

    async def until(self, is_so: Callable[[], Any]) -> Any:
        """What this gives, as soon as that is true; looked at again whenever something was told."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                found = is_so()
                found = await found if isinstance(found, Awaitable) else found
                if found:
                    return found
                await self.told.news()

    async def states(self) -> dict[str, str]:
        return {item.name: str(item.state) for item in await self.store.items()}

    async def reasons(self) -> dict[str, str]:
        return {item.name: item.reason for item in await self.store.items()}

    async def until_states(self, **states: str) -> None:
        """Until these names, and no others, are in these states."""

        async def are_reached() -> bool:
            return await self.states() == states

        try:
            await self.until(are_reached)
        except TimeoutError:
            raise AssertionError(f"{await self.states()} {await self.reasons()}, not {states}") from None

    async def latest(self, name: str) -> Any:
        """The newest run of a name."""
        return (await self.store.world([Name(name)], [])).names[name].latest

    async def history(self, name: str) -> list[str]:
        return [event.event for event in await self.store.history(Name(name))]

    def jobs(self, workflow: str | None = None) -> list[Job]:
        return [job for job in self.sandbox.ledger.jobs if workflow in (None, job.workflow_id)]

    async def claimed(self, name: str, workflow: str = QUICK, value: str = "x") -> RunKey:
        """A manifest whose workflow was listed and whose run waits in the queue; nobody works on it yet."""
        self.write(name, workflow, value)
        await self.store.workflow_listed(workflow, [], now_ms())
        await self.parts.reconciler.reconcile()
        return (await self.latest(name)).key

    @asynccontextmanager
    async def running(self, *tasks: Awaitable[None]) -> AsyncIterator[None]:
        """While the block lasts these run; what goes wrong in them goes wrong here."""
        async with asyncio.TaskGroup() as group:
            started = [group.create_task(task) for task in tasks]
            yield
            for task in started:
                task.cancel()

    def working(self, workers: int = 1) -> Any:
        """While the block lasts, so many workers take from the queue."""
        return self.running(*(self.parts.workers.run() for _ in range(workers)))

    def fill_disk(self) -> None:
        """From now on the state cannot grow or be written: SQLite answers as on a full disk."""
        self.store._writer._connection.execute("PRAGMA query_only = ON")

    def free_disk(self) -> None:
        self.store._writer._connection.execute("PRAGMA query_only = OFF")

    def wire(self, store: SqliteStore, status: Status) -> Parts:
        gate = Gate(self.settings.rate, self.told, time.monotonic)
        scan = partial(in_thread, Tree(self.settings.jobs_dir, reader_under(self.settings.allowed)).scan)

        def watch_of(_hint: Any) -> Any:
            return self.ears

        self.parts = wire(
            self.settings, store, self.explorer, gate, scan, watch_of, self.told, status, now_ms
        )
        return self.parts

    async def open_store(self) -> SqliteStore:
        loop = asyncio.get_running_loop()

        def committed(seconds: float | None, refusal: StateUnwritable | None) -> None:
            loop.call_soon_threadsafe(self._committed, seconds, refusal)

        return await SqliteStore.open(self.settings.state, "sandbox", HOLDER, committed)

    def daemon(self, *, is_once: bool = False, hears: bool = False) -> Daemon:
        """A whole daemon on this stage; with `hears`, it has a real watcher."""

        def wired(store: SqliteStore, status: Status) -> Parts:
            parts = self.wire(store, status)
            if hears:
                loop = asyncio.get_running_loop()
                parts.watch = parts.passes.watch = Watch(
                    self.settings.jobs_dir, lambda hint: loop.call_soon_threadsafe(parts.hinted, hint)
                )
            return parts

        status = Status(self.settings.resync_s, time.monotonic())
        return Daemon(
            self.open_store, wired, self.settings.drain_s, self.settings.max_in_flight, status, is_once
        )

    @asynccontextmanager
    async def living(self, **how: bool) -> AsyncIterator[Daemon]:
        """A daemon that lives while the block lasts, and is then stopped."""
        daemon = self.daemon(**how)
        task = asyncio.create_task(daemon.run())
        try:
            await self.until(lambda: task.done() or daemon.parts)
            yield daemon
        finally:
            daemon.stop()
            ended = await task
        assert ended is ExitCode.DONE

    async def once(self) -> ExitCode:
        """How `run --once` ends."""
        async with asyncio.timeout(DEADLINE_S):
            return await self.daemon(is_once=True).run()

    def _committed(self, seconds: float | None, refusal: StateUnwritable | None) -> None:
        self.commits["refused" if refusal else "done"] += 1
        self.parts.committed(seconds, refusal)


def play(directory: Path, scene: Callable[[Stage], Awaitable[None]], **how: Any) -> None:
    """Play a scene with an open state; the parts are wired, and none of them runs."""

    async def opened(stage: Stage) -> None:
        store = await stage.open_store()
        stage.wire(store, Status(stage.settings.resync_s, time.monotonic()))
        try:
            await scene(stage)
        finally:
            await store.close()

    play_closed(directory, opened, **how)


def play_closed(directory: Path, scene: Callable[[Stage], Awaitable[None]], **how: Any) -> None:
    """Play a scene before anybody opened the state: with a whole daemon, say.

    `page_size_cap` is the sandbox's; everything else is a setting.
    """

    async def main() -> None:
        place = directory / "explorer"
        place.mkdir(exist_ok=True)
        (place / "workflows.json").write_text(json.dumps(WORKFLOWS))
        sandbox_how = {key: how.pop(key) for key in ("page_size_cap", "clock") if key in how}
        async with serve(place, **sandbox_how) as sandbox:
            settings = settings_in(directory, **how)
            login = Login(USER, Secret(PASSWORD), "127.0.0.1", 9669)
            told = Told()
            explorer = explorer_at(
                sandbox.base_url, login, timeout_s=settings.timeout_s, observe=told.api_request
            )
            async with asyncio.timeout(3 * DEADLINE_S):
                await scene(Stage(settings, sandbox, told, Ears(), explorer))

    asyncio.run(main())


def settings_in(directory: Path, **how: Any) -> Settings:
    """Settings for a test: no limit on requests, no guard on many, quick polls and a quick end."""
    (directory / "jobs.d").mkdir(exist_ok=True)
    quick = {"poll_s": 0.12, "rate": 0.0, "max_new": 0, "timeout_s": 30.0, "drain_s": 2.0, "resync_s": 3600.0}
    places = {"jobs_dir": directory / "jobs.d", "state": directory / "state.db"}
    return Settings(**{**places, **quick, **how})
