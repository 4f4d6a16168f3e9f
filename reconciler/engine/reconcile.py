"""One pass: snapshot → parse and validate → compare with the store → plan → perform.

The steps themselves live elsewhere, each in its place (`source.tree`, `core.manifest`, `core.claims`,
`core.plan`); here they are put in a row, and what was planned is put into the store and the queue. Requests
are sent by `workers`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog

from reconciler.core.model import Manifest, Name, RunKey, WorkflowId
from reconciler.core.plan import (
    NO_LIMIT,
    Absent,
    Action,
    Claim,
    GiveUp,
    Nothing,
    Observed,
    Plan,
    Submit,
    Wait,
    Wish,
    World,
    is_quiet,
    plan,
)
from reconciler.core.room import Room
from reconciler.core.seeing import sighting_of
from reconciler.core.sighting import Presence, Sighting
from reconciler.engine.problems import Problems
from reconciler.engine.tasks import FirstListing, Queue, Submission, key_of_listing
from reconciler.engine.telemetry import Telemetry
from reconciler.engine.unlisted import Unlisted
from reconciler.engine.wanted import Wanted
from reconciler.source.heard import ANYTHING, Heard
from reconciler.source.tree import Missing, PutOff, Snapshot
from reconciler.store.port import Store

log = structlog.get_logger("reconciler.pass")


AT_ONCE = 1_000
"""How many names are planned together; of more, those that ask for nothing are set aside in lots of this."""


NOTHING_TO_DO = Plan((), (), (), is_guarded=False)


@dataclass(frozen=True, slots=True)
class Planned:
    """A pass that counted: what it planned, and whether a second pass should confirm an absence.

    `is_complete`: it looked at all of the tree, and not only where something was heard.
    """

    plan: Plan
    needs_confirmation: bool = False
    is_complete: bool = True


@dataclass(frozen=True, slots=True)
class Emptied:
    """The tree holds no manifest where it held some: nothing counts as deleted."""

    known: int


PassResult = Planned | PutOff | Missing | Emptied

Scan = Callable[[Heard], Awaitable[Snapshot | PutOff | Missing]]
"""Reads the tree once, as `Tree.scan`. It may take long, and must not hold up the event loop meanwhile."""


@dataclass(slots=True)
class Reconciler:
    """Makes passes over the tree. One at a time; the order of the fields below is that of the walk."""

    scan: Scan
    wanted: Wanted
    unlisted: Unlisted
    store: Store
    queue: Queue
    telemetry: Telemetry
    max_new: int
    now_ms: Callable[[], int]
    on_queued: Callable[[], None]
    """Called when the queue got something to do."""

    on_cancel: Callable[[RunKey], None] = lambda _: None
    """Called with each run whose job is to be stopped, once that is on disk."""

    room: Room = NO_LIMIT
    plan: Plan = NOTHING_TO_DO
    """The latest plan, over all names that were not settled."""

    revision: str | None = None
    _unsettled: set[Name] = field(default_factory=set)
    _revisits: set[Name] = field(default_factory=set)
    _deadlines: dict[Name, int] = field(default_factory=dict)
    _problems: Problems = field(init=False)
    _deciding: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self._problems = Problems(self.telemetry)

    async def start(self) -> None:
        """Load what is open, so that the first pass takes it up."""
        self._revisits.update(await self.store.unfinished_names())

    async def reconcile(self, heard: Heard = ANYTHING) -> PassResult:
        """One pass. Raises StateUnwritable if it could not be recorded; then it did not count."""
        began_s = time.perf_counter()
        seen = await self._look(heard)
        async with self._deciding:
            result = await self._compare(seen) if isinstance(seen, Snapshot) else seen
        seconds = time.perf_counter() - began_s
        self.telemetry.pass_finished(_word(result), seconds, self.now_ms() / 1000)
        return result

    async def replan(self) -> Plan:
        """Plan again what is not settled, without looking at the tree: the world has changed."""
        async with self._deciding:  # not between a pass's plan and its end: the wishes would be old ones
            return await self._decide(self._open_names())

    @asynccontextmanager
    async def standing_still(self) -> AsyncIterator[Plan]:
        """What the latest plan leaves to an operator; while the block lasts, no other is made or recorded."""
        async with self._deciding:
            yield self.plan.once_claimed()

    def revisit(self, name: Name) -> None:
        """Plan this name again with the next plan: what became of its run asks for a decision."""
        self._revisits.add(name)

    async def revisit_waiting(self) -> None:
        """Plan all names again whose runs wait: what kept them back, or let them go, is another now."""
        self._revisits.update(run.key.name for run in await self.store.waiting_runs())

    async def plan_alone(self, name: Name) -> tuple[Observed, Plan]:
        """What is known of one name, and the plan for it alone; nothing of that is recorded or performed."""
        wishes, world = await self._known_of([name])
        alone = self._plan(wishes or {name: Absent(2)}, world, self.now_ms(), max_new=0)
        return world.names.get(name, Observed()), alone

    def next_look_ms(self) -> int | None:
        """When the latest plan is worth making again by itself; None if time alone changes nothing."""
        wait_ms = self.next_wait_ms()
        return min([*self._deadlines.values(), *([] if wait_ms is None else [wait_ms])], default=None)

    def next_wait_ms(self) -> int | None:
        """When something that waits is worth planning again; None if nothing waits for the time alone."""
        if self._revisits:
            return self.now_ms()
        waits = (it.then if isinstance(it, Claim) else it for it in self.plan.actions)
        times = [it.until_ms for it in waits if isinstance(it, Wait) and it.until_ms is not None]
        return min(times, default=None)

    async def _look(self, heard: Heard) -> Snapshot | PutOff | Missing:
        """Look at the tree: where something was heard, and everywhere if a name is not there any more."""
        seen = await self.scan(heard)
        if isinstance(seen, Snapshot):
            self.wanted.keep(seen)
            if not seen.is_complete and self.wanted.loses_names:
                seen = await self.scan(ANYTHING)
                if isinstance(seen, Snapshot):
                    self.wanted.keep(seen)
        return seen

    async def _compare(self, snapshot: Snapshot) -> PassResult:
        if not snapshot.has_documents:
            known = await self.wanted.known()
            if known:
                return Emptied(known)
        changed = await self.wanted.take_in()
        self._unsettled.update(changed)  # until it is planned and recorded
        self.revision = snapshot.revision
        self.telemetry.revision(snapshot.revision)
        self._problems.tell(self.wanted.claims, changed)
        with self.wanted.counting(snapshot) as absent:
            made = await self._decide([*dict.fromkeys((*changed, *absent, *self._open_names()))])
        return Planned(made, self.wanted.is_first_absence, snapshot.is_complete)

    def _open_names(self) -> list[Name]:
        """Those that are not settled. What is to be revisited from here on is for the next plan."""
        now_ms = self.now_ms()
        overdue = [name for name, deadline_ms in self._deadlines.items() if deadline_ms <= now_ms]
        for name in overdue:
            del self._deadlines[name]
        self._unsettled |= self._revisits.union(overdue)
        self._revisits.clear()
        return sorted(self._unsettled)

    async def _decide(self, names: list[Name]) -> Plan:
        """Plan these names and perform it."""
        if not names:
            self.plan = NOTHING_TO_DO
            return self.plan
        if len(names) > AT_ONCE:
            names = [name async for lot in self._open_in_lots(names) for name in lot]
        wishes, world = await self._known_of(names)
        self._unsettled.difference_update(  # they came and went, and nobody knows them
            name for name in names if name not in wishes and name not in world.names
        )
        now_ms = self.now_ms()
        self.plan = self._plan(wishes, world, now_ms, max_new=self.max_new)
        await self._perform(self.plan, wishes, world, now_ms)
        return self.plan

    async def _open_in_lots(self, names: list[Name]) -> AsyncIterator[list[Name]]:
        """Those that ask for something; that the others do not is recorded, lot by lot.

        A tree of a hundred thousand manifests is never held as a whole.
        """
        for start in range(0, len(names), AT_ONCE):
            lot = names[start : start + AT_ONCE]
            wishes, world = await self._known_of(lot)
            now_ms = self.now_ms()
            quiet = {name: wish for name, wish in wishes.items() if is_quiet(name, wish, world, now_ms)}
            await self._perform(self._plan(quiet, world, now_ms, max_new=0), quiet, world, now_ms)
            yield [name for name in lot if name not in quiet]

    def _plan(self, wishes: Mapping[Name, Wish], world: World, now_ms: int, *, max_new: int) -> Plan:
        others = self.wanted.wishes(_dependencies_of(wishes.values()))
        known = {name: wish for name, wish in others.items() if wish is not None}
        return plan(wishes, world, now_ms, max_new=max_new, room=self.room, others=known)

    async def _known_of(self, names: Sequence[Name]) -> tuple[dict[Name, Wish], World]:
        """What is wished for these names, and what a plan for them needs to know.

        That is of them, of what they depend on, and of their workflows. A name that no complete pass has
        spoken of yet has no wish; one that was deleted before is wished away as long as something of it goes
        on.
        """
        asked = self.wanted.wishes(names)
        wishes = [wish for wish in asked.values() if wish is not None]
        wanted = dict.fromkeys((*names, *_dependencies_of(wishes)))
        world = self.unlisted.told_in(await self.store.world(tuple(wanted), _workflows_of(wishes)))
        found: dict[Name, Wish] = {}
        for name, wish in asked.items():
            seen = world.names.get(name, _NOTHING_KNOWN).sighting
            if wish is not None:
                found[name] = wish
            elif seen is not None and seen.presence is Presence.DELETED:
                found[name] = Absent(2)
        return found, world

    async def _perform(self, decided: Plan, wishes: Mapping[Name, Wish], world: World, now_ms: int) -> None:
        """Record what was decided, and queue it; what cannot be recorded is decided anew by the next pass."""
        sightings = self._changed_sightings(decided.actions, wishes, world, now_ms)
        claims = [action for action in decided.actions if isinstance(action, Claim)]
        given_up = [action for action in decided.actions if isinstance(action, GiveUp)]
        self._unsettled.update(wishes)  # until it is recorded
        recorded = None
        if sightings or claims or given_up or decided.cancels:
            recorded = self.store.observe(sightings, claims, given_up, now_ms, decided.cancels)
        self._enqueue(decided, now_ms)
        if recorded is not None:
            await recorded
        for cancel in decided.cancels:
            self.on_cancel(cancel.key)
        self._tell(decided, sightings, world)
        for name, wish in wishes.items():
            if isinstance(wish, Absent) and wish.passes >= 2:
                self.wanted.deleted(name)
        self._unsettled.difference_update(it.name for it in decided.actions if _is_settled(it))
        if not self._unsettled:
            self._unsettled = set()  # one that was large stays so, and each pass goes through it
        for name in wishes:
            self._deadlines.pop(name, None)
        self._deadlines.update(decided.deadlines)

    def _changed_sightings(
        self, actions: Iterable[Action], wishes: Mapping[Name, Wish], world: World, now_ms: int
    ) -> list[Sighting]:
        changed = []
        for action in actions:
            before = world.names.get(action.name, _NOTHING_KNOWN).sighting
            seen = sighting_of(action.name, wishes[action.name], action, before, self.revision, now_ms)
            if seen is not None and seen is not before:
                changed.append(seen)
        return changed

    def _enqueue(self, decided: Plan, now_ms: int) -> None:
        for action in decided.actions:
            match action:
                case Claim(then=Wait(until_ms=None)):
                    self.queue.drop(action.name)
                case Claim(manifest=manifest, key=key, not_before_ms=due_ms):
                    task = Submission(key, manifest.workflow_id)
                    self.queue.put(key.name, manifest.workflow_id, task, now_ms, due_ms)
                case Submit(key=key, workflow_id=workflow_id, not_before_ms=due_ms):
                    self.queue.put(key.name, workflow_id, Submission(key, workflow_id), now_ms, due_ms)
                case GiveUp() | Wait() | Nothing():
                    self.queue.drop(action.name)
        for workflow_id in decided.to_list:
            if self.unlisted.begin(workflow_id):
                self.queue.put(key_of_listing(workflow_id), workflow_id, FirstListing(workflow_id), now_ms)
        self.on_queued()

    def _tell(self, decided: Plan, sightings: list[Sighting], world: World) -> None:
        for sighting in sightings:
            before = world.names.get(sighting.name, _NOTHING_KNOWN).sighting
            is_news = before is None or (before.presence, before.digest) != (
                sighting.presence,
                sighting.digest,
            )
            if is_news and sighting.presence is not Presence.INVALID:  # those are told with their places
                log.info(
                    f"manifest {sighting.presence}",
                    name=sighting.name,
                    path=sighting.path,
                    workflow=sighting.workflow_id,
                    revision=sighting.revision,
                )
        if decided.is_guarded and sightings:
            log.warning(
                "guarded: these runs wait for an operator",
                runs=len(decided.unapproved),
                approve=f"reconciler approve {decided.hash}",
                max_new=self.max_new,
            )


_NOTHING_KNOWN = Observed()


def _is_settled(action: Action) -> bool:
    """Whether nothing but news of it asks for another decision."""
    return not isinstance(action, Wait) and not (isinstance(action, Claim) and action.then is not None)


def _dependencies_of(wishes: Iterable[Wish]) -> Iterator[Name]:
    for wish in wishes:
        if isinstance(wish, Manifest):
            yield from wish.depends_on


def _workflows_of(wishes: Iterable[Wish]) -> set[WorkflowId]:
    return {wish.workflow_id for wish in wishes if isinstance(wish, Manifest)}


def _word(result: PassResult) -> str:
    match result:
        case Planned(plan=made) if made.is_guarded:
            return "guarded"
        case Planned():
            return "planned"
        case PutOff():
            return "put_off"
        case Missing():
            return "missing"
        case Emptied():
            return "emptied"
