"""One seed: a daemon, life after life, in a world that goes wrong by plan; then calm, and a comparison."""

from __future__ import annotations

import asyncio
import gc
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from reconciler.core.model import JobStatus, OnChange
from reconciler.engine import parts as parts_module
from reconciler.engine import wishes as wishes_module
from reconciler.engine.daemon import Daemon
from reconciler.engine.gate import Gate
from reconciler.engine.parts import Parts, wire
from reconciler.engine.status import Status
from reconciler.engine.telemetry import Telemetry
from reconciler.errors import StateUnwritable
from reconciler.explorer.client import Explorer, Login, Secret
from reconciler.explorer.session import Session
from reconciler.settings import Settings
from reconciler.source.cache import SourceFile
from tests.simulation.clock import VirtualLoop
from tests.simulation.memory import Conditions, Copy, Disk, MemoryStore
from tests.simulation.network import Line, Network
from tests.simulation.operators import Operator
from tests.simulation.people import COMPLETE, KINDS, Garden, Spec
from tests.simulation.server import Server
from tests.simulation.story import Story
from tests.simulation.truth import HELD_WORKFLOWS, Breach, Truth
from tests.simulation.weather import SETTLE_S, TIMEOUT_S, Weather, drawn, fair, is_within

EPOCH_MS = 1_800_000_000_000
CALM_S = 4 * 3600.0
"""So long after the last fault everything has to be done: longer than any wait after a clock was set back."""

LOOK_S = 10.0


@dataclass(frozen=True, slots=True)
class Report:
    """What came of one seed."""

    seed: int
    breaches: tuple[Breach, ...]
    counts: Counter[str]
    story: tuple[str, ...]


@dataclass(slots=True)
class Life:
    """One life of the daemon, from its start to its end or its crash."""

    number: int
    daemon: Daemon
    line: Line
    task: asyncio.Task[Any] = field(init=False)
    store: MemoryStore | None = None
    is_over: bool = False


class Counted:
    """A telemetry that counts what came of submissions."""

    def __init__(self) -> None:
        self.submissions: Counter[str] = Counter()

    def submission(self, result: str) -> None:
        self.submissions[result] += 1


def _untold(self: Counted, *_: object) -> None:
    """Not counted."""


for _name in vars(Telemetry):
    if not _name.startswith("_") and not hasattr(Counted, _name):
        setattr(Counted, _name, _untold)


class _Silence:
    """No watcher hears anything by itself; nothing is logged; no gauge is refreshed."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None

    without = None

    def check(self) -> tuple[()]:
        return ()

    async def run(self) -> None:
        await asyncio.Event().wait()


class World:
    """Everything of one seed. Nothing in it knows the real time."""

    def __init__(self, seed: int, weather: Weather, dice: Random, loop: VirtualLoop, is_told: bool) -> None:
        self.seed, self.weather, self.dice, self.loop = seed, weather, dice, loop
        self.story = Story(is_told, loop.time)
        self.disk = Disk()
        workflows = [str(number) for number in range(1, dice.choice((1, 2, 3)) + 1)]
        self.garden = Garden(dice, self.story, workflows, weather.bad_scan_p)
        self.garden.fates = Random(f"{seed}: what becomes of jobs")
        self.garden.kinds = KINDS if weather.has_incomplete else COMPLETE
        self.truth = Truth(self.disk, self.garden.may_repeat, self.garden.asked)
        self.truth.most_resubmissions = self.garden.most_resubmissions
        self.server = Server(dice, weather, self.truth, loop.time, workflows)
        self.network = Network(dice, weather, self.server, self.truth, self.story)
        self.operator = Operator(
            self.disk, self.truth, self.garden, dice, self.story, resolves=weather.is_looked_after
        )
        self.telemetry = Counted()
        self.counts: Counter[str] = Counter()
        self.life: Life | None = None
        self.lives: list[Life] = []
        self.is_calm = False
        self.is_over = False
        self.clock_ms = 0
        self._told_events = 0
        self._copy: Copy | None = None
        quick = {"resync_s": dice.choice((20.0, 60.0, 60.0)), "poll_s": 30.0, "timeout_s": TIMEOUT_S}
        self.settings = Settings(
            jobs_dir=Path("jobs.d"),
            state=Path("state.db"),
            rate=dice.choice((0.0, 0.0, 10.0)),
            max_new=dice.choice((0, 0, 3)),
            max_in_flight=dice.choice((1, 2, 4)),
            max_running=self.garden.fates.choice((0, 0, 2, 5)),
            max_running_per_workflow=self.garden.fates.choice((0, 0, 0, 1, 3)),
            drain_s=dice.choice((2.0, 25.0)),
            settle_s=SETTLE_S,
            **quick,
            **weather.settings,  # type: ignore[arg-type]
        )

    def now_ms(self) -> int:
        return EPOCH_MS + self.clock_ms + int(self.loop.time() * 1000)

    async def unfold(self) -> None:
        """The whole story: faults, then calm, then the end."""
        for _ in range(self.weather.jobs_before):
            self._foreign_job(is_old=True)
        self.garden.plant(self.dice.randint(4, 8))
        self._schedule()
        self._begin_life()
        await asyncio.sleep(self.weather.lasts_s)
        self._calm()
        if await self._is_done_in_time():
            await self._end()
            self.truth.compare()
        else:
            self._tell_stuck()
            await self._end()

    def failed_in_loop(self, context: dict[str, Any]) -> None:
        """A callback failed: the world's, or the engine's."""
        if "handle" in context:
            self.truth.breach("failed", f"{context['message']}: {context.get('exception')!r}")

    def point(self, where: str) -> None:
        """The daemon stands somewhere where something was or will be written or sent: it may die here."""
        if not self.is_calm and self.dice.random() < self.weather.crash_p:
            self.crash(where)

    def crash(self, where: str) -> None:
        """The process dies. A new one is started after a while."""
        life = self.life
        if life is None or life.is_over or self.is_calm:
            return
        self.story.tell("the daemon dies ({})", where)
        self.counts["crashes"] += 1
        self._cut(life)
        self.life = None
        if self._copy is not None and self.dice.random() < self.weather.put_back_p:
            self._put_back(self._copy)
        self.loop.call_later(self.dice.choice((0.1, 1.0, 20.0)), self._begin_life)

    def _schedule(self) -> None:
        """All that happens at a time and not at a place."""
        weather, later, dice = self.weather, self.loop.call_later, self.dice
        for at_s in weather.crashes:
            later(at_s, self.crash, "out of nothing")
        for at_s in weather.stops:
            later(at_s, self._stop)
        for at_s, by_s in weather.clock_jumps:
            later(at_s, self._set_clock, by_s)
        for at_s in weather.copies:
            later(at_s, self._copy_state)
        for at_s in weather.foreign_jobs:
            later(at_s, self._foreign_job)
        for _ in range(weather.edits):
            later(dice.uniform(0, weather.lasts_s), self._edit)
        later(LOOK_S, self._operate)

    def _begin_life(self) -> None:
        if self.life is not None or self.is_over:
            return
        conditions = Conditions(self._write_s, self._write_s, self.point, self._is_disk_full)
        line = Line(self.network, self.point)
        login = Login("user", Secret("password"), "graphd", 9669)
        explorer = Explorer(line, Session(login, line, self.loop.time))
        gate = Gate(self.settings.rate, self.telemetry, self.loop.time)

        async def open_store() -> MemoryStore:
            life.store = MemoryStore(self.disk, conditions)
            if life.is_over:
                life.store.cut()
            return life.store

        def parts_of(store: Any, status: Status) -> Parts:
            silence: Any = _Silence()
            parts = wire(
                self.settings,
                store,
                explorer,
                gate,
                partial(self.garden.scan, dict[str, SourceFile]()),
                lambda _: silence,
                self.telemetry,
                status,
                self.now_ms,
                self.loop.time,
            )
            parts.gauges = silence
            conditions.observe = self._observed(parts)
            return parts

        self.counts["lives"] += 1
        status = Status(self.settings.resync_s, 0.0)
        daemon = Daemon(open_store, parts_of, self.settings.drain_s, self.settings.max_in_flight, status)
        life = Life(self.counts["lives"], daemon, line)
        self.story.tell("a daemon starts")
        life.task = self.loop.create_task(daemon.run())
        life.task.add_done_callback(lambda task: self._ended(life, task))
        self.life = life
        self.lives.append(life)

    def _observed(self, parts: Parts) -> Callable[[float | None, StateUnwritable | None], None]:
        def observe(seconds: float | None, refusal: StateUnwritable | None) -> None:
            parts.committed(seconds, refusal)
            if self.story.is_told:
                self._tell_events()

        return observe

    def _ended(self, life: Life, task: asyncio.Task[Any]) -> None:
        if task.cancelled() or life.is_over:
            if not task.cancelled():
                task.exception()
            return
        self._cut(life)
        self.life = None
        if task.exception() is not None:
            error = task.exception()
            self.truth.breach("failed", f"the daemon ended by itself: {_flat(error)}")
        self.story.tell("the daemon has ended")
        if not self.is_calm:
            self.loop.call_later(self.dice.choice((0.1, 1.0, 20.0)), self._begin_life)

    def _cut(self, life: Life) -> None:
        life.is_over = True
        life.line.cut()
        self.truth.nobody_waits()
        if life.store is not None:
            life.store.cut()
        life.task.cancel()

    def _stop(self) -> None:
        if self.life is not None:
            self.story.tell("somebody stops the daemon")
            self.counts["stops"] += 1
            self.life.daemon.stop()

    def _set_clock(self, by_s: float) -> None:
        self.story.tell("somebody sets the clock by {} s", by_s)
        self.clock_ms += int(by_s * 1000)

    def _copy_state(self) -> None:
        self._copy = self.disk.copy()
        self.story.tell("somebody copies the state")

    def _put_back(self, copy: Copy) -> None:
        """Where the high-water file stays, the next daemon finds that the state is older."""
        self.story.tell("somebody puts back an older copy of the state")
        self.counts["put back"] += 1
        self.disk.put_back(copy, with_mark=not self.weather.is_noticed)
        self._told_events = self.disk.rows("SELECT coalesce(max(number), 0) FROM events")[0][0]

    def _foreign_job(self, *, is_old: bool = False) -> None:
        workflow_id = self.dice.choice(sorted(self.server.workflows))
        job = self.server.make(workflow_id)
        if is_old:
            job.listed_s = 0.0
        self.counts["foreign"] += 1
        self.story.tell("somebody else makes job {} of workflow {}", job.job_id, workflow_id)

    def _edit(self) -> None:
        self.garden.edit()
        if self.dice.random() < 0.7:
            self._hint()

    def _hint(self) -> None:
        if self.life is not None and self.life.daemon.parts is not None:
            self.life.daemon.parts.passes.hint(is_in_place=self.dice.random() < 0.5)

    def _operate(self) -> None:
        """An operator looks."""
        self.loop.call_later(LOOK_S, self._operate)
        life = self.life
        if life is not None and life.store is not None and life.daemon.parts is not None:
            plan = life.daemon.parts.reconciler.plan.once_claimed()
            life.store.wishes_version += self.operator.wishes(plan, self.now_ms())

    def _write_s(self) -> float:
        return 0.02 * self.dice.random() ** 3

    def _is_disk_full(self) -> bool:
        return not self.is_calm and is_within(self.weather.full_disk, self.loop.time())

    def _calm(self) -> None:
        self.story.tell("from here on everything goes well")
        self.is_calm = self.network.is_calm = self.garden.is_calm = True
        self._begin_life()
        self._hint()

    async def _is_done_in_time(self) -> bool:
        until_s = self.loop.time() + CALM_S
        while self.loop.time() < until_s and not self.truth.breaches:
            if self.life is None:
                self._begin_life()
            if not self._undone():
                return True
            await asyncio.sleep(LOOK_S)
        return bool(self.truth.breaches)

    def _undone(self) -> list[str]:
        """What is still to be done: for each, what and why not."""
        latest = {row["name"]: row for row in self.disk.rows(_LATEST)}
        held_workflows = {row[0] for row in self.disk.rows(HELD_WORKFLOWS)}
        undone = []
        for name, spec in self.garden.wanted().items():
            row = latest.get(name)
            is_claimed = row is not None and row["digest"] == spec.digest
            if not is_claimed and spec.workflow_id in held_workflows:
                continue
            if self._may_wait(spec, latest):
                continue
            if row is None or not is_claimed:
                undone.append(f"{name}: what its manifest asks for was not claimed")
            elif row["phase"] in ("Waiting", "Superseded") and spec.workflow_id in held_workflows:
                continue  # a person has to say whose its jobs are
            elif row["phase"] not in ("Followed", "Ended", "Rejected", *self._held(spec)):
                undone.append(f"{name}: its run is {row['phase']} ({row['why']})")
        rows = self.disk.rows(_UNFINISHED)
        return undone + [f"{row['name']}#{row['generation']} is {row['phase']}" for row in rows]

    def _may_wait(self, spec: Spec, latest: dict[str, Any]) -> bool:
        """Whether it waits for something that does not come: a dependency, or the end of a hold."""
        for name in spec.life.depends_on:
            needed, row = self.garden.wanted().get(name), latest.get(name)
            is_current = needed is not None and row is not None and row["digest"] == needed.digest
            if not is_current or row["job_status"] != JobStatus.SUCCESS:
                return True
        held = self.disk.rows("SELECT 1 FROM runs WHERE name = ? AND phase = 'Held'", spec.name)
        return spec.life.on_change is not OnChange.SUBMIT and bool(held)

    def _held(self, spec: Spec) -> tuple[str, ...]:
        """Whether a run may stay held: nobody looks after it, or it never gets a clear answer."""
        return () if self.weather.is_looked_after and spec.kind != "incomplete" else ("Held",)

    def _tell_stuck(self) -> None:
        for what in self._undone():
            self.truth.breach("stuck", what)

    async def _end(self) -> None:
        """The last life ends, and with it whatever is left of those before."""
        self.story.tell("the end")
        self.is_over = True
        if self.life is not None:
            self.life.daemon.stop()
        await asyncio.wait([life.task for life in self.lives], timeout=60)
        for life in self.lives:
            if not life.task.done():
                self.truth.breach("failed", f"life {life.number} of the daemon does not end")
                life.task.cancel()
        await asyncio.sleep(1)

    def _tell_events(self) -> None:
        for row in self.disk.rows("SELECT * FROM events WHERE number > ?", self._told_events):
            self._told_events = row["number"]
            about = row["name"] or f"workflow {row['workflow_id']}"
            about += f"#{row['generation']}.{row['attempt']}" if row["generation"] else ""
            job = f" job {row['job_id']}" if row["job_id"] else ""
            self.story.tell("      on disk: {} {}{} {}", about, row["event"], job, row["reason"])

    def report(self) -> Report:
        count = self.counts
        count["seeds"] = 1
        count["submissions"] = self.truth.submissions
        count["jobs"] = len(self.truth.jobs) - count["foreign"]
        count["forgotten"] = self.truth.forgotten
        count["resubmitted"] = self.truth.repeats
        count["cancels"], count["stopped"] = self.truth.cancels, self.truth.stopped
        count["attempts"] = self.disk.rows("SELECT count(*) FROM runs WHERE attempt > 1")[0][0]
        count.update(self.telemetry.submissions)
        for phase in ("Held", "Superseded"):
            count[phase.lower()] = self.disk.rows("SELECT count(*) FROM runs WHERE phase = ?", phase)[0][0]
        count.update(breach.kind for breach in self.truth.breaches)
        return Report(self.seed, tuple(self.truth.breaches), count, tuple(self.story.lines))


_LATEST = (
    "SELECT * FROM runs AS run WHERE NOT EXISTS (SELECT 1 FROM runs AS newer WHERE newer.name = run.name"
    " AND (newer.generation, newer.attempt) > (run.generation, run.attempt))"
)
_UNFINISHED = "SELECT * FROM runs WHERE phase IN ('Submitting', 'Unknown', 'Followed')"


def simulate(seed: int, *, is_told: bool = False, has_faults: bool = True) -> Report:
    """One seed, from its beginning to its end."""
    dice = Random(seed)
    weather = drawn(dice) if has_faults else fair()
    loop = VirtualLoop(lambda: 0.005 * dice.random() ** 2)
    asyncio.set_event_loop(loop)
    engine_dice = random.getstate()
    random.seed(seed)
    world = World(seed, weather, dice, loop, is_told)
    loop.set_exception_handler(lambda _, context: world.failed_in_loop(context))
    try:
        with undisturbed():
            loop.run_until_complete(world.unfold())
        return world.report()
    finally:
        random.setstate(engine_dice)
        asyncio.set_event_loop(None)
        loop.close()
        world.disk.close()


@contextmanager
def undisturbed() -> Iterator[None]:
    """While the block lasts the engine logs nothing, and looks for wishes less often: both cost real time."""
    gc.disable()  # what is collected in the midst of a seed would end there
    silence = _Silence()
    modules = [module for name, module in sorted(sys.modules.items()) if _logs(name, module)]
    before = [(module, "log", module.log) for module in modules]
    before += [(wishes_module, "WISHES_S", wishes_module.WISHES_S)]
    before += [(parts_module, "STATE_CHECK_S", parts_module.STATE_CHECK_S)]
    try:
        for module in modules:
            module.log = silence
        wishes_module.WISHES_S, parts_module.STATE_CHECK_S = 5.0, 60.0
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)
        gc.enable()


def _logs(name: str, module: Any) -> bool:
    return name.startswith("reconciler.engine.") and hasattr(module, "log")


def _flat(error: BaseException | None) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_flat(part) for part in error.exceptions)
    return f"{type(error).__name__}: {error}"
