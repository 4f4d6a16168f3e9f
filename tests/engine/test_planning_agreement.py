"""What `reconciler plan` prints is what the next pass does: random trees on random states, both ways."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.core.claims import Claims
from reconciler.core.manifest import read
from reconciler.core.model import (
    Accepted,
    Baselined,
    Cancel,
    CancelCause,
    Digest,
    Held,
    Intent,
    JobId,
    JobStatus,
    Manifest,
    Name,
    OnChange,
    OnDelete,
    Pause,
    Policies,
    Rejected,
    RunKey,
    RunState,
    Submitting,
    Superseded,
    Unknown,
    Waiting,
    WorkflowId,
)
from reconciler.core.plan import Claim, GiveUp, Plan, Submit, Wait
from reconciler.core.room import Room
from reconciler.core.sighting import Presence, Sighting
from reconciler.engine.planning import plan_tree
from reconciler.engine.reconcile import Planned, Reconciler
from reconciler.engine.scanning import scan
from reconciler.engine.tasks import FirstListing, Queue, Submission
from reconciler.engine.unlisted import Unlisted
from reconciler.engine.wanted import Wanted
from reconciler.source.heard import Heard
from reconciler.store.reading import Reader
from reconciler.store.rows import cancel_columns, columns_of, sighting_columns
from reconciler.store.statements import insert, key_columns
from tests.engine.stage import Told
from tests.simulation.clock import VirtualLoop
from tests.simulation.memory import Conditions, Disk, MemoryStore

NOW_MS = 1_800_000_000_000
NAMES = ("a", "b", "c", "d", "e")
INPUTS = ("one", "two")
STATES: tuple[Callable[[int], RunState], ...] = (
    lambda _: Waiting(),
    lambda _: Waiting(1, NOW_MS + 5_000, "throttled"),
    lambda _: Superseded("deleted"),
    lambda _: Rejected(40004001, "no"),
    lambda _: Baselined(NOW_MS),
    lambda number: Submitting(intent(number)),
    lambda number: Unknown(intent(number), "reset", NOW_MS),
    lambda number: Held(intent(number), "reset"),
    lambda number: Accepted(JobId(100 + number), JobStatus.RUNNING, NOW_MS - 5_000),
    lambda number: Accepted(JobId(100 + number), JobStatus.RUNNING, NOW_MS - 5_000, None, stopped()),
    lambda number: Accepted(JobId(100 + number), JobStatus.SUCCESS, NOW_MS - 5_000, NOW_MS - 10),
    lambda number: Accepted(JobId(100 + number), JobStatus.FAILED, NOW_MS - 50_000, NOW_MS - 30_000),
    lambda number: Accepted(JobId(100 + number), JobStatus.FAILED, NOW_MS - 5_000, NOW_MS - 10),
    lambda number: Accepted(JobId(100 + number), JobStatus.INTERRUPTED, NOW_MS, NOW_MS, stopped()),
)


def intent(number: int) -> Intent:
    return Intent(number, 1, "0" * 32, JobId(0), JobId(0), NOW_MS)


def stopped() -> Cancel:
    return Cancel(CancelCause.DEADLINE, "too long", NOW_MS - 1_000)


SPEC: dict[str, tuple[Any, ...]] = {
    "onChange": ("submit", "queue", "replace"),
    "onDelete": ("orphan", "cancel"),
    "backoffLimit": (0, 1, 2),
    "activeDeadlineSeconds": (1, 3600),
    "dependsOn": (["a"], ["b"], ["a", "e"], ["nobody"]),
    "suspend": (True, False, False),
    "rerun": (1, 2),
}


@dataclass(frozen=True)
class Known:
    """What a state knows of a name: how it was last seen, and its runs."""

    presence: Presence
    policies: Policies
    is_as_now: bool
    runs: tuple[int, ...]
    is_attempt: bool


@dataclass(frozen=True)
class Case:
    """A tree, a state and settings."""

    tree: dict[str, tuple[str, str, dict[str, Any]] | None]
    known: dict[str, Known]
    listed: dict[str, tuple[bool, str | None]]
    is_paused: bool
    max_new: int
    room: Room


def drawn(dice: Random) -> Case:
    """Any case may come; those in which something happens come often."""
    tree = {
        name: None if dice.random() < 0.1 else (dice.choice("12"), dice.choice(INPUTS), some_spec(dice))
        for name in NAMES
        if dice.random() < 0.8
    }
    return Case(
        tree=tree or {"a": None},
        known={name: some_known(dice) for name in NAMES if dice.random() < 0.7},
        listed={
            workflow: (dice.random() < 0.2, dice.choice((*[None] * 6, "Waits", "Held")))
            for workflow in "12"
            if dice.random() < 0.9
        },
        is_paused=dice.random() < 0.2,
        max_new=dice.choice((0, 0, 0, 1, 50)),
        room=dice.choice((Room(), Room(), Room(1, 0), Room(2, 1), Room(0, 1), Room(3, 2))),
    )


def some_spec(dice: Random) -> dict[str, Any]:
    return {field: dice.choice(values) for field, values in SPEC.items() if dice.random() < 0.3}


def some_known(dice: Random) -> Known:
    return Known(
        presence=dice.choice((*[Presence.WANTED] * 4, *Presence)),
        policies=Policies(
            on_change=dice.choice(tuple(OnChange)),
            on_delete=dice.choice(tuple(OnDelete)),
            active_deadline_s=dice.choice((None, 1.0, 3600.0)),
        ),
        is_as_now=dice.random() < 0.6,
        runs=tuple(dice.randrange(len(STATES)) for _ in range(dice.choice((0, 1, 1, 2, 3)))),
        is_attempt=dice.random() < 0.3,
    )


def write_tree(place: Path, case: Case) -> dict[str, Manifest]:
    """Write it, and give the manifests that are valid by themselves."""
    for name, wanted in case.tree.items():
        if wanted is None:
            (place / f"{name}.yaml").write_text(f"metadata: {{name: {name}}}\n")
            continue
        workflow, value, spec = wanted
        document = {
            "apiVersion": "reconciler/v1",
            "kind": "WorkflowJob",
            "metadata": {"name": name},
            "spec": {"workflowId": workflow, "input": {"query_1": {"q": value}}, **spec},
        }
        (place / f"{name}.yaml").write_text(json.dumps(document))
    files = scan(place, read).files.values()
    return {it.name: it for file in files for it in file.documents if isinstance(it, Manifest)}


def put_state(disk: Disk, case: Case, manifests: dict[str, Manifest]) -> None:
    connection, number = disk.connection, 0
    for workflow, (is_guarded, quarantine) in case.listed.items():
        columns = {"workflow_id": workflow, "highest": 5, "is_guarded": is_guarded, "quarantine": quarantine}
        insert(connection, "workflows", columns | {"strangers": "7" if quarantine == "Held" else ""})
    if case.is_paused:
        said = {"who": "somebody", "why": "", "since_ms": NOW_MS}
        insert(connection, "meta", {"key": "pause", "value": json.dumps(said)})
        assert Pause(**said).who
    for name, known in case.known.items():
        now = manifests.get(name)
        digest = now.digest if now and known.is_as_now else Digest("0" * 64)
        workflow = now.workflow_id if now else WorkflowId("1")
        seen = Sighting(
            Name(name), known.presence, f"{name}.yaml", digest, workflow, "", None, NOW_MS, known.policies
        )
        insert(connection, "names", sighting_columns(seen))
        for index, chosen in enumerate(known.runs, start=1):
            number += 1
            is_last = index == len(known.runs)
            attempt = 2 if is_last and known.is_attempt else 1
            key = RunKey(Name(name), index, attempt)
            put_run(
                disk, key, workflow, digest if is_last else Digest(f"{index:064}"), STATES[chosen], number
            )


def put_run(
    disk: Disk,
    key: RunKey,
    workflow_id: WorkflowId,
    digest: Digest,
    state_of: Callable[[int], RunState],
    number: int,
) -> None:
    [(intents,)] = disk.rows("SELECT count(*) FROM intents")
    state = state_of(intents + 1 if state_of in STATES[5:8] else number)
    facts: dict[str, Any] = {
        "workflow_id": workflow_id,
        "digest": digest,
        "body": b"{}",
        "claimed_ms": NOW_MS - number,
        "updated_ms": NOW_MS,
        "resubmissions": key.attempt - 1,
    }
    if isinstance(state, Submitting | Unknown | Held):
        noted = {"number": intents + 1, "try_number": 1, "trace_id": "0" * 32, "baseline": 0, "highest": 0}
        insert(disk.connection, "intents", noted | {"created_ms": NOW_MS} | key_columns(key))
        facts["intent"] = intents + 1
    if isinstance(state, Accepted) and state.cancel is not None:
        facts |= cancel_columns(state.cancel)
    insert(disk.connection, "runs", key_columns(key) | columns_of(state) | facts)


def runs_in(disk: Disk) -> dict[str, tuple[str, str | None]]:
    rows = disk.rows("SELECT name, generation, attempt, phase, cancel_cause FROM runs")
    return {f"{row[0]}#{row[1]}.{row[2]}": (row[3], row[4]) for row in rows}


def promised(plan: Plan) -> dict[str, Any]:
    """What a plan says will happen, in the terms of what can be seen afterwards."""
    claims = [action for action in plan.actions if isinstance(action, Claim)]
    goes = [it for it in claims if it.then is None or it.then.until_ms is not None]
    sent = {it.key: it.not_before_ms for it in goes}
    sent |= {it.key: it.not_before_ms for it in plan.actions if isinstance(it, Submit)}
    given_up = {str(it.key) for it in plan.actions if isinstance(it, GiveUp)}
    return {
        "new": {str(it.key) for it in claims},
        "superseded": given_up | {str(it.replaces) for it in claims if it.replaces is not None},
        "cancelled": {(str(it.key), str(it.cause)) for it in plan.cancels},
        "queued": {(str(key), due_ms) for key, due_ms in sent.items()},
        "listed": set(plan.to_list),
        "waits": {(it.name, str(it.why)) for it in plan.actions if isinstance(it, Wait)},
    }


def done(
    before: dict[str, tuple[str, str | None]], disk: Disk, queue: Queue, told: dict[str, str]
) -> dict[str, Any]:
    """What a pass has done: in the state, in the queue, and in what it says of those that wait."""
    after = runs_in(disk)
    entries = list(queue._waiting.values())
    return {
        "new": after.keys() - before.keys(),
        "superseded": {
            key
            for key, (phase, _) in after.items()
            if phase == "Superseded" != before.get(key, (phase, None))[0]
        },
        "cancelled": {
            (key, cause)
            for key, (_, cause) in after.items()
            if cause and cause != before.get(key, ("", None))[1]
        },
        "queued": {(str(it.task.key), it.due_ms) for it in entries if isinstance(it.task, Submission)},
        "listed": {it.task.workflow_id for it in entries if isinstance(it.task, FirstListing)},
        "waits": set(told.items()),
    }


async def both(place: Path, case: Case, disk: Disk) -> tuple[Plan, dict[str, Any]]:
    """The plan as the command makes it, and what the next pass of a daemon did."""
    store = MemoryStore(disk, Conditions())
    queue: Queue = Queue()
    printed = plan_tree(place, Reader(disk.connection), NOW_MS, case.max_new, case.room).plan

    async def looked(_: Heard) -> Any:
        return scan(place, read)

    telemetry: Any = Told()
    reconciler = Reconciler(
        scan=looked,
        wanted=Wanted(store, Claims()),
        unlisted=Unlisted(lambda: NOW_MS),
        store=store,
        queue=queue,
        telemetry=telemetry,
        max_new=case.max_new,
        now_ms=lambda: NOW_MS,
        on_queued=lambda: None,
        room=case.room,
    )
    before = runs_in(disk)
    await reconciler.start()
    result = await reconciler.reconcile()
    assert isinstance(result, Planned)
    waits = {it.name: str(it.why) for it in result.plan.actions if isinstance(it, Wait)}
    rows = disk.rows("SELECT name, reason FROM names")
    reasons = {row["name"]: row["reason"] for row in rows}
    for name, why in waits.items():
        assert name not in reasons or reasons[name].startswith(why)
    outcome = done(before, disk, queue, waits)
    await store.close()
    assert result.plan.hash == printed.hash
    return printed, outcome


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_what_was_printed_is_what_the_next_pass_did(seed: int) -> None:
    case = drawn(Random(seed))
    with tempfile.TemporaryDirectory() as place:
        manifests = write_tree(Path(place), case)
        disk, loop = Disk(), VirtualLoop()
        asyncio.set_event_loop(loop)
        try:
            put_state(disk, case, manifests)
            printed, outcome = loop.run_until_complete(both(Path(place), case, disk))
        finally:
            asyncio.set_event_loop(None)
            loop.close()
            disk.close()
    assert promised(printed) == outcome
