"""The daemon's parts, wired to one open store, and the small tasks that keep them company."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from reconciler.core.claims import Claims
from reconciler.core.model import Accepted, JobId, Name, RunKey, RunState, State, Unknown, WorkflowId
from reconciler.core.outcome import NotCreated, Unreachable
from reconciler.engine.canceller import Canceller
from reconciler.engine.endings import Endings
from reconciler.engine.follow import Follower
from reconciler.engine.gate import Gate
from reconciler.engine.gauges import Gauges
from reconciler.engine.keeper import Keeper
from reconciler.engine.passes import Passes
from reconciler.engine.reconcile import Reconciler, Scan
from reconciler.engine.settler import Settler
from reconciler.engine.status import Status
from reconciler.engine.tasks import Queue, Subject
from reconciler.engine.telemetry import Telemetry
from reconciler.engine.unlisted import Unlisted
from reconciler.engine.wanted import Wanted
from reconciler.engine.wishes import Wishes
from reconciler.engine.workers import Workers
from reconciler.errors import ExitCode, StateUnwritable
from reconciler.explorer.client import Explorer, ExplorerError
from reconciler.settings import Settings
from reconciler.source.watch import Hint, HintKind, Watch
from reconciler.store.port import Store

log = structlog.get_logger("reconciler.daemon")

STATE_CHECK_S = 10.0
"""After how long without a commit it is tried whether the state can be written.

As often as Kubernetes asks if we are ready.
"""

GIVE_UP_S = 60.0
"""What waits longer than this is not waited for by `run --once`."""


@dataclass(slots=True)
class Parts:
    """Everything that runs while the state is open."""

    settings: Settings
    store: Store
    explorer: Explorer
    gate: Gate
    queue: Queue
    reconciler: Reconciler
    passes: Passes
    workers: Workers
    settler: Settler
    follower: Follower
    canceller: Canceller
    endings: Endings
    wishes: Wishes
    keeper: Keeper
    gauges: Gauges
    watch: Watch
    telemetry: Telemetry
    status: Status
    now_ms: Callable[[], int]
    is_unreachable: bool = False
    _commits: int = 0
    """How many commits have ended well."""

    async def start(self) -> None:
        """Take up what the last daemon left."""
        await self._take_up_open_runs()
        await self.reconciler.start()
        await self.follower.start()
        await self.canceller.start()
        await self.endings.start()
        await asyncio.to_thread(self.watch.start)

    async def _take_up_open_runs(self) -> None:
        """The last daemon's requests: what came of them is unknown, and is found out or held."""
        why = await self.store.quarantine()
        if why is not None:
            self.telemetry.assumption_violated("A1")
            log.error("quarantine: workflows are listed before they are used again", why=why)
        why = "the daemon ended while its request was under way"
        for run in await self.store.take_up_open_runs(why, self.now_ms(), self.settler.settle_ms):
            subject = Subject.of_run(run)
            if isinstance(run.state, Unknown):
                log.warning("unknown at start: the job may exist, and is looked for", **subject.as_log())
                self.settler.look_for(subject)
            else:
                log.error("held at start: a person decides", **subject.as_log())

    async def close(self) -> None:
        """End what is not a task."""
        await asyncio.to_thread(self.watch.stop)
        await self.explorer.aclose()

    def background(self) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        """What runs besides the workers, by name."""
        return [
            ("passes", self.passes.run()),
            ("settler", self.settler.run()),
            ("held", self.settler.watch_held()),
            ("follower", self.follower.run()),
            ("gauges", self.gauges.run()),
            ("endings", self.endings.run()),
            ("wishes", self.wishes.run()),
            ("keeper", self.keeper.run()),
            ("probe", self._probe()),
            ("state-check", self._check_state()),
        ]

    async def done(self) -> None:
        """Return once everything that is wanted was submitted and recorded, or cannot be for a while."""
        while self._is_busy() and not self._is_stuck():  # noqa: ASYNC110 - many parts together are busy, and none of them tells
            await asyncio.sleep(0.05)

    async def is_quiet(self) -> bool:
        """Whether nothing is left to do for now: all is submitted, and every job has ended."""
        return self.status.is_planned and not self._is_busy() and not self.follower.jobs

    async def verdict(self) -> ExitCode:
        """How `run --once` ends."""
        if self.is_unreachable:
            return ExitCode.UNREACHABLE
        bad = (State.INVALID, State.HELD, State.UNKNOWN, State.WAITING, State.REJECTED, State.SUBMITTING)
        is_bad = any(item.state in bad for item in await self.store.items())
        if is_bad or self.reconciler.wanted.claims.nameless or not self.status.is_planned:
            return ExitCode.FAILED
        return ExitCode.DONE

    def listed(self, workflow_id: WorkflowId, error: ExplorerError | None) -> None:
        """A first listing ended: what waited for it is planned again."""
        if error is None:
            self.reconciler.unlisted.succeeded(workflow_id)
        else:
            self.is_unreachable |= isinstance(error.failure, Unreachable)
            self.reconciler.unlisted.failed(workflow_id, str(error), random.random())  # noqa: S311 - jitter
        self.passes.replan()

    def resolved(self, subject: Subject, state: RunState) -> None:
        """An operator said what came of a request."""
        if isinstance(state, Accepted):
            self.telemetry.submission("adopted")
        self.settled(subject, state)

    def accepted(self, subject: Subject, state: Accepted) -> None:
        """A job was created: it is followed, and what its manifest says of it meanwhile is planned."""
        self.follower.accepted(subject, state)
        self.plan_again(subject.key.name)

    def job_ended(self, subject: Subject, job_id: JobId) -> None:
        """A job has ended: its tasks are read, and what waited for it, or follows from it, is planned."""
        self.canceller.ended(subject.key)
        self.endings.ended(subject.key, job_id)
        self.plan_again(subject.key.name)

    def asked(self, key: RunKey) -> None:
        """A job is to be stopped: somebody has to ask for it, and its end is waited for."""
        self.workers.queued.set()
        self.follower.cancelled(key)

    def given_up(self, key: RunKey) -> None:
        """An operator has ended a run whose job Explorer does not show."""
        self.follower.given_up(key)
        self.canceller.ended(key)
        self.plan_again(key.name)

    def plan_again(self, name: Name) -> None:
        """What became of this name's run asks for a decision."""
        self.reconciler.revisit(name)
        self.passes.replan()

    def settled(self, subject: Subject, state: RunState | None) -> None:
        """The outcome of a request is known at last, or a person is to say it; its workflow goes on."""
        if isinstance(state, Accepted):
            self.follower.accepted(subject, state)
        self.workers.queued.set()
        self.plan_again(subject.key.name)

    def not_created(self, name: Name, receipt: NotCreated) -> None:
        """A request created nothing: whether the run is still wanted, and when, is planned again."""
        self.is_unreachable |= isinstance(receipt.cause, Unreachable)
        self.plan_again(name)

    def hinted(self, hint: Hint) -> None:
        """The tree may have changed."""
        self.telemetry.watch_event(1)
        self.passes.hint(hint.heard, is_in_place=hint.kind is HintKind.IN_PLACE)

    def committed(self, seconds: float | None, refusal: StateUnwritable | None) -> None:
        """A commit ended, or a mark was refused without one; called from the store's thread, by the loop."""
        if seconds is not None:
            self.telemetry.state_commit(seconds)
        self.gauges.changed()
        if refusal is None:
            self._commits += 1
        else:
            self.telemetry.state_write_error()
        self.status.state_trouble = str(refusal) if refusal else ""

    def _is_stuck(self) -> bool:
        """Whether what is left to do cannot be done for a while."""
        return (
            self.is_unreachable
            or self.gate.is_open
            or self.gate.wait_s() > GIVE_UP_S
            or self.passes.put_off_s() > GIVE_UP_S
            or bool(self.status.state_trouble)
        )

    def _is_busy(self) -> bool:
        limit_ms = self.now_ms() + GIVE_UP_S * 1000
        due_ms = self.queue.next_due_ms()
        look_ms = self.reconciler.next_wait_ms()
        return (
            self.passes.pending
            or (self.status.is_planned and not self.wishes.has_looked)
            or self.passes.needs_replan
            or self.passes.needs_confirmation
            or self.workers.busy > 0
            or bool(self.settler.unknown)
            or (len(self.queue) > 0 and (due_ms is None or due_ms < limit_ms))
            or (look_ms is not None and look_ms < limit_ms)
        )

    async def _probe(self) -> None:
        """While the circuit is open: one small listing at a time, until Explorer answers."""
        while True:
            await self.gate.has_opened.wait()
            log.warning("circuit open: Explorer does not answer, so nothing but a probe is sent")
            while self.gate.is_open:
                await asyncio.sleep(self.gate.probe_in_s())
                await self.gate.admit_probe()
                await self._probe_once()
            log.info("circuit closed: Explorer answers again")
            self.reconciler.unlisted.forget_backoff()
            self.passes.replan()

    async def _probe_once(self) -> None:
        try:
            await self.explorer.jobs(None, page_size=1)
            self.gate.probe_went(None)
        except ExplorerError as error:
            self.gate.probe_went(error.failure)

    async def _check_state(self) -> None:
        """Try whether the state can be written when nothing else was, so that `/readyz` knows it then too."""
        while True:
            commits = self._commits
            await asyncio.sleep(STATE_CHECK_S)
            if self._commits == commits:
                with suppress(StateUnwritable):  # `committed` has noted it
                    await self.store.check_writable()


def wire(
    settings: Settings,
    store: Store,
    explorer: Explorer,
    gate: Gate,
    scan: Scan,
    watch_of: Callable[[Callable[[Hint], None]], Watch],
    telemetry: Telemetry,
    status: Status,
    now_ms: Callable[[], int],
    now_s: Callable[[], float] = time.monotonic,
) -> Parts:
    """Build the parts around an open store. `now_s` is a clock that only goes forward."""
    # long: it names every part, once
    queue = Queue()
    started_s = now_s()
    parts: Parts
    is_exclusive = settings.exclusive.covers
    follower = Follower(
        store=store,
        explorer=explorer,
        gate=gate,
        telemetry=telemetry,
        poll_s=settings.poll_s,
        is_exclusive=is_exclusive,
        now_ms=now_ms,
        now_s=now_s,
        on_ended=lambda subject, job_id: parts.job_ended(subject, job_id),
    )
    canceller = Canceller(store, explorer, gate, queue, settings.poll_s, now_ms, lambda key: parts.asked(key))
    settler = Settler(
        store=store,
        explorer=explorer,
        gate=gate,
        queue=queue,
        telemetry=telemetry,
        settle_s=settings.settle_s,
        is_exclusive=is_exclusive,
        now_ms=now_ms,
        on_settled=lambda subject, state: parts.settled(subject, state),
    )
    workers = Workers(
        queue=queue,
        store=store,
        explorer=explorer,
        gate=gate,
        telemetry=telemetry,
        now_ms=now_ms,
        settle_ms=settler.settle_ms,
        on_accepted=lambda subject, state: parts.accepted(subject, state),
        on_unknown=settler.look_for,
        on_not_created=lambda name, receipt: parts.not_created(name, receipt),
        on_not_begun=lambda name: parts.plan_again(name),
        on_listed=lambda workflow_id, error: parts.listed(workflow_id, error),
        cancel=canceller.perform,
        room=settings.room,
    )
    wanted = Wanted(store, Claims(settings.allowed))
    reconciler = Reconciler(
        scan=scan,
        wanted=wanted,
        unlisted=Unlisted(now_ms, lambda: int(1000 * (started_s + settings.settle_s - now_s()))),
        store=store,
        queue=queue,
        telemetry=telemetry,
        max_new=settings.max_new,
        now_ms=now_ms,
        on_queued=workers.queued.set,
        on_cancel=canceller.asked,
        room=settings.room,
    )
    loop = asyncio.get_running_loop()

    def hint(hint: Hint) -> None:  # called from a thread of the watcher's
        loop.call_soon_threadsafe(parts.hinted, hint)

    watch = watch_of(hint)
    passes = Passes(reconciler, watch, status, telemetry, settings.resync_s, now_ms, now_s)
    parts = Parts(
        settings=settings,
        store=store,
        explorer=explorer,
        gate=gate,
        queue=queue,
        reconciler=reconciler,
        passes=passes,
        workers=workers,
        settler=settler,
        follower=follower,
        canceller=canceller,
        endings=Endings(store, explorer, gate, now_ms),
        wishes=Wishes(
            store=store,
            gate=gate,
            passes=passes,
            reconciler=reconciler,
            settler=settler,
            status=status,
            now_ms=now_ms,
            on_resolved=lambda subject, state: parts.resolved(subject, state),
            on_cancelled=canceller.asked,
            on_given_up=lambda key: parts.given_up(key),
        ),
        keeper=Keeper(store, settings.keep_history_days, settings.keep_deleted_days, now_ms),
        gauges=Gauges(store, queue, telemetry, settings.state, lambda: len(wanted.claims.nameless), now_ms),
        watch=watch,
        telemetry=telemetry,
        status=status,
        now_ms=now_ms,
    )
    return parts
