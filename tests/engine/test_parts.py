"""The parts together: what `run --once` ends with, operators' wishes, the probe, the check of the state."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from structlog.testing import capture_logs

from reconciler.core.model import Name
from reconciler.engine import parts as module
from reconciler.engine import wishes
from reconciler.engine.parts import Parts
from reconciler.errors import ExitCode, StateUnwritable
from reconciler.explorer.client import Login, Secret, explorer_at
from reconciler.sandbox.faults import Answer, Drop, LostSessions, error, html_page
from reconciler.source.heard import Heard
from reconciler.store.reading import answer_to, ask
from reconciler.store.sqlite import SqliteStore
from tests.engine.stage import FAILING, MISSING, QUICK, SLOW, Stage, now_ms, play_closed

NOWHERE = "http://127.0.0.1:1"


async def answered(stage: Stage, kind: str, **arguments: object) -> tuple[bool, str]:
    """What the daemon answers to this wish, without waiting for a resync."""
    number = ask(stage.settings.state, kind, arguments, now_ms())
    answer: tuple[bool, str] = await stage.until(lambda: answer_to(stage.settings.state, number))
    return answer


def unreachable(stage: Stage) -> None:
    stage.explorer = explorer_at(NOWHERE, Login("u", Secret("p"), "127.0.0.1", 1), timeout_s=1)


async def fine(stage: Stage) -> None:
    stage.write("a")
    stage.write("b", FAILING)
    stage.write("c", SLOW, suspend=True)


async def empty(stage: Stage) -> None:
    pass


async def invalid(stage: Stage) -> None:
    stage.write("a")
    stage.write_text("b.yaml", "metadata: {name: b}\n")


async def without_a_name(stage: Stage) -> None:
    stage.write_text("b.yaml", "\0")


async def rejected(stage: Stage) -> None:
    stage.write("a")
    stage.sandbox.faults.switch_on(Answer(operation="submit", **_body_of(error(40004001))))


async def with_a_lost_answer(stage: Stage) -> None:
    stage.write("a")
    stage.sandbox.faults.switch_on(Drop(operation="submit", moment="after"))


async def with_a_lost_request(stage: Stage) -> None:
    stage.write("a")
    stage.sandbox.faults.switch_on(Drop(operation="submit", moment="before"))


async def guarded(stage: Stage) -> None:
    stage.write("a")
    await stage.sandbox.add_foreign_job(QUICK)


async def missing(stage: Stage) -> None:
    stage.settings.jobs_dir.rmdir()


async def out_of_reach(stage: Stage) -> None:
    for number in range(11, 31):
        stage.write(f"n{number}", str(number))
    unreachable(stage)


async def with_a_lost_session(stage: Stage) -> None:
    stage.write("a")
    stage.sandbox.faults.switch_on(LostSessions(operation="submit"))


def _body_of(fault: Answer) -> dict[str, Any]:
    return {"status": fault.status, "body": fault.body}


@pytest.mark.parametrize(
    ("scenery", "verdict"),
    [
        (fine, ExitCode.DONE),
        (empty, ExitCode.DONE),
        (with_a_lost_session, ExitCode.DONE),
        (invalid, ExitCode.FAILED),
        (without_a_name, ExitCode.FAILED),
        (rejected, ExitCode.FAILED),
        (with_a_lost_request, ExitCode.DONE),
        (with_a_lost_answer, ExitCode.FAILED),
        (guarded, ExitCode.FAILED),
        (missing, ExitCode.FAILED),
        (out_of_reach, ExitCode.UNREACHABLE),
    ],
)
def test_once_ends_by_result(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scenery: Callable[[Stage], Awaitable[None]],
    verdict: ExitCode,
) -> None:
    monkeypatch.setattr("random.random", lambda: 0.01)  # of ten seconds, before something is sent again

    async def scene(stage: Stage) -> None:
        await scenery(stage)
        assert await stage.once() is verdict

    play_closed(tmp_path, scene, settle_s=0.1)


def test_once_gives_up_on_what_waits_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GIVE_UP_S", 0.0)

    async def scene(stage: Stage) -> None:
        stage.write("a", MISSING)
        assert await stage.once() is ExitCode.FAILED

    play_closed(tmp_path, scene)


def test_once_submits_everything_that_is_new(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        for number in range(12):
            stage.write(f"n{number}", str(11 + number % 4))
        assert await stage.once() is ExitCode.DONE
        assert len(stage.jobs()) == 12
        assert await stage.once() is ExitCode.DONE
        assert len(stage.jobs()) == 12

    play_closed(tmp_path, scene)


def test_once_waits_for_a_plan_that_is_being_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a listing has set free is planned a moment later: nothing is queued in between."""
    quick = SqliteStore.world

    async def slow(*arguments: Any) -> Any:
        await asyncio.sleep(0.2)
        return await quick(*arguments)

    monkeypatch.setattr(SqliteStore, "world", slow)

    async def scene(stage: Stage) -> None:
        stage.write("a")
        assert await stage.once() is ExitCode.DONE
        assert len(stage.jobs()) == 1

    play_closed(tmp_path, scene)


def test_once_says_that_explorer_is_out_of_reach_also_for_runs_that_were_claimed(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("a")
        assert await stage.once() is ExitCode.DONE
        stage.write("a", value="y")
        unreachable(stage)
        assert await stage.once() is ExitCode.UNREACHABLE

    play_closed(tmp_path, scene)


def test_once_confirms_a_deletion(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("a")
        stage.write("b")
        assert await stage.once() is ExitCode.DONE
        stage.remove("a")
        assert await stage.once() is ExitCode.DONE
        assert [str(item.state) for item in await items_after(stage)][:1] == ["Deleted"]

    play_closed(tmp_path, scene)


async def items_after(stage: Stage) -> Any:
    store = await stage.open_store()
    try:
        return await store.items()
    finally:
        await store.close()


async def history_after(stage: Stage, name: str) -> list[str]:
    store = await stage.open_store()
    try:
        return [event.event for event in await store.history(Name(name))]
    finally:
        await store.close()


def test_an_operators_approval_is_performed_within_a_second(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.sandbox.add_foreign_job(QUICK)
        stage.write("a")
        async with stage.living():
            await stage.until(lambda: stage.told.passes() and stage.parts.reconciler.plan.is_guarded)
            plan_hash = stage.parts.reconciler.plan.hash
            assert await answered(stage, "approve", hash="f00") == (
                False,
                f"the plan has changed: its hash is now {plan_hash}. Read it with `reconciler plan` first",
            )
            assert await answered(stage, "approve", hash=plan_hash) == (True, "approved 1 run")
            await stage.until_states(a="Succeeded")
        assert len(stage.jobs()) == 2

    play_closed(tmp_path, scene)


def test_an_operators_baseline_is_performed_within_a_second(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.sandbox.add_foreign_job(QUICK)
        stage.write("a")
        async with stage.living():
            await stage.until(lambda: stage.told.passes() and stage.parts.reconciler.plan.is_guarded)
            done = await answered(stage, "baseline", names=[])
            assert done == (True, "recorded 1 run as already done")
            await stage.until_states(a="Succeeded")
        assert len(stage.jobs()) == 1

    play_closed(tmp_path, scene)


def test_a_baseline_right_after_a_submission_finds_nothing_to_record(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("a")
        async with stage.living():
            await stage.until_states(a="Succeeded")
            assert await answered(stage, "baseline", names=[]) == (True, "recorded 0 runs as already done")
            assert (await answered(stage, "approve", hash=stage.parts.reconciler.plan.hash))[0] is False
            stage.write("b")
            stage.parts.passes.hint(is_in_place=False)
            await stage.until_states(a="Succeeded", b="Succeeded")

    play_closed(tmp_path, scene)


def test_a_wish_of_another_version_is_answered(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.living():
            answer = await answered(stage, "levitate")
            assert answer == (False, "this version does not know the wish 'levitate'")

    play_closed(tmp_path, scene)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("resolve", {"name": "a", "generation": None, "adopt": 10**20}),
        ("resolve", {"name": "\udcff", "generation": None, "adopt": None}),
        ("resolve", {"name": ["a"], "generation": {}, "adopt": "x"}),
        ("retry", {"name": "\udcff", "who": "\udcff", "why": ""}),
        ("release", {"workflow": "\udcff"}),
        ("approve", {}),
    ],
)
def test_no_wish_can_end_the_daemon_nor_every_daemon_after_it(
    tmp_path: Path, kind: str, arguments: dict[str, Any]
) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("a")
        async with stage.living():
            await stage.until_states(a="Succeeded")
            is_done, text = await answered(stage, kind, **arguments)
            assert not is_done
            assert text.isprintable()

    play_closed(tmp_path, scene)


def test_a_wish_waits_for_the_first_plan(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.sandbox.add_foreign_job(QUICK)
        stage.write("a")
        assert await stage.once() is ExitCode.FAILED
        plan_hash = stage.parts.reconciler.plan.hash
        ask(stage.settings.state, "approve", {"hash": plan_hash}, now_ms())
        async with stage.living():
            await stage.until_states(a="Succeeded")

    play_closed(tmp_path, scene)


def test_a_wish_is_performed_on_the_tree_as_it_is_when_it_is_asked_for(tmp_path: Path) -> None:
    """Nothing told of the change, and the next resync is far."""

    async def scene(stage: Stage) -> None:
        await stage.sandbox.add_foreign_job(QUICK)
        stage.write("a")
        async with stage.living():
            await stage.until_states(a="Waiting")
            stage.write("a", value="changed since")
            assert await answered(stage, "baseline", names=["a"]) == (True, "recorded 1 run as already done")
            stage.write("a", value="x")
            stage.parts.passes.hint(is_in_place=False)
            await stage.until(lambda: len(stage.jobs()) == 2)  # somebody else's, and this one
            assert (await stage.latest("a")).key.generation == 2, "what was baselined is what stood there"

    play_closed(tmp_path, scene)


def test_a_wish_is_performed_although_the_tree_cannot_be_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wishes, "LOOK_S", 0.05)

    async def scene(stage: Stage) -> None:
        await stage.sandbox.add_foreign_job(QUICK)
        stage.write("a")
        async with stage.living():
            await stage.until_states(a="Waiting")
            is_read = asyncio.Event()

            async def never(_: Heard) -> None:
                await is_read.wait()

            stage.parts.reconciler.scan = never
            assert await answered(stage, "baseline", names=["a"]) == (True, "recorded 1 run as already done")

    play_closed(tmp_path, scene)


def test_a_wish_that_the_disk_refuses_is_performed_when_it_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wishes, "DISK_S", 0.02)
    monkeypatch.setattr(wishes, "WISHES_S", 0.02)

    async def scene(stage: Stage) -> None:
        async with stage.living():
            await stage.until(lambda: stage.parts.status.is_planned)
            stage.fill_disk()
            number = ask(stage.settings.state, "baseline", {"names": []}, now_ms())
            await stage.until(lambda: stage.commits["refused"] >= 3)
            assert answer_to(stage.settings.state, number) is None
            stage.free_disk()
            await stage.until(lambda: answer_to(stage.settings.state, number))

    play_closed(tmp_path, scene)


def test_a_state_that_cannot_be_written_is_noticed_when_all_is_quiet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STATE_CHECK_S", 0.02)

    async def scene(stage: Stage) -> None:
        async with stage.living() as daemon:
            await stage.until(lambda: all(check.is_ok for check in daemon.ready()))
            stage.fill_disk()
            await stage.until(lambda: not daemon.ready()[0].is_ok)
            assert stage.told.of("state_write_error")
            stage.free_disk()
            await stage.until(lambda: daemon.ready()[0].is_ok)

    play_closed(tmp_path, scene)


def test_a_state_that_is_written_to_is_not_tried_besides(monkeypatch: pytest.MonkeyPatch) -> None:
    tried, commits = [], iter([1, 2, 0, 1, 0, 0])

    async def rest(_: float) -> None:
        for _ in range(next(commits)):
            parts.committed(0.001, None)

    async def check_writable() -> None:
        tried.append(parts._commits)

    anything = MagicMock()
    parts = Parts(*(anything for field in fields(Parts) if field.default is NO_DEFAULT))
    parts.store = SimpleNamespace(check_writable=check_writable)  # type: ignore[assignment]
    monkeypatch.setattr(module, "asyncio", SimpleNamespace(sleep=rest))
    with pytest.raises(RuntimeError):  # there is no further rest
        asyncio.run(parts._check_state())
    assert tried == [3, 4, 4]


def test_a_probe_finds_that_explorer_answers_again_and_everything_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.random", lambda: 0.0)  # the probe comes after a second
    monkeypatch.setattr(module, "random", SimpleNamespace(random=lambda: 360.0))  # and listings in an hour

    async def scene(stage: Stage) -> None:
        await stage.explorer.jobs(None)
        for number in range(11, 16):
            stage.write(f"n{number}", str(number))
        stage.sandbox.faults.switch_on(
            *[Answer(operation="list", times=4, status=502, body=html_page().body)],
        )
        with capture_logs() as logs:
            async with stage.living():
                await stage.until(lambda: (True,) in stage.told.of("circuit_open"))
                await stage.until(lambda: not stage.parts.gate.is_open)
                await stage.until(lambda: len(stage.jobs()) == 5)
        events = [line["event"] for line in logs]
        assert "circuit open: Explorer does not answer, so nothing but a probe is sent" in events
        assert "circuit closed: Explorer answers again" in events

    play_closed(tmp_path, scene, max_in_flight=1)


def test_a_request_that_was_under_way_when_the_last_daemon_died_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.random", lambda: 0.01)

    async def scene(stage: Stage) -> None:
        stage.write("a")
        store = await stage.open_store()
        stage.wire(store, stage.daemon().status)
        await stage.claimed("a")
        await store.begin((await stage.latest("a")).key, "ab" * 16, now_ms())
        await store.close()
        with capture_logs() as logs:
            async with stage.living():
                await stage.until_states(a="Succeeded")
        [told] = [line for line in logs if line["event"].startswith("unknown at start")]
        assert (told["name"], told["generation"], told["trace"]) == ("a", 1, "ab" * 16)
        assert len(stage.jobs()) == 1
        assert (await history_after(stage, "a"))[2:7] == [
            *("Submitting", "Unknown", "Waiting", "Submitting", "Accepted"),
        ]

    play_closed(tmp_path, scene, settle_s=0.1)


def test_all_is_quiet_once_every_job_has_ended(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("a")
        async with stage.living() as daemon:
            await stage.until(daemon.is_quiet)
            assert await stage.states() == {"a": "Succeeded"}
            stage.write("b", SLOW)
            daemon.look()
            await stage.until_states(a="Succeeded", b="Running")
            assert not await daemon.is_quiet()
        assert not await daemon.is_quiet()

    play_closed(tmp_path, scene)


def test_an_event_of_the_watchers_starts_a_pass(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.living(hears=True):
            await stage.until(lambda: stage.parts.status.is_planned)
            stage.write("a")
            await stage.until_states(a="Succeeded")
            stage.settings.jobs_dir.joinpath("b.yaml").write_text("metadata: {name: b}\n")
            await stage.until_states(a="Succeeded", b="Invalid")
            assert len(stage.told.of("watch_event")) >= 2

    play_closed(tmp_path, scene)


def test_edits_of_one_size_in_quick_succession_are_all_seen(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.living() as daemon:
            for value in "xyzxyz":
                stage.write("a", value=value)
                daemon.look()
                await stage.until(lambda value=value: asked_for(stage)[-1:] == [value])
        assert asked_for(stage) == list("xyzxyz")

    play_closed(tmp_path, scene)


def asked_for(stage: Stage) -> list[str]:
    """What each job was asked for, in the order of their making."""
    return [job.input["query_1"]["name"] for job in stage.jobs()]


def test_a_mark_that_is_refused_is_no_commit() -> None:
    parts = Parts(*(MagicMock() for field in fields(Parts) if field.default is NO_DEFAULT))
    parts.committed(None, StateUnwritable("state.db.intents: Input/output error"))
    parts.telemetry.state_commit.assert_not_called()  # type: ignore[attr-defined]
    assert "Input/output error" in parts.status.state_trouble
