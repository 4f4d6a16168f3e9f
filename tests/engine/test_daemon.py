"""The daemon's life: from the lock on the state to the end of the drain."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from reconciler.core.model import Name
from reconciler.engine import daemon as module
from reconciler.engine import workers
from reconciler.engine.gauges import Gauges
from reconciler.errors import ExitCode, StateDamaged, StateInUse, StateUnwritable
from reconciler.sandbox.faults import Hang
from reconciler.store.sqlite import SqliteStore
from tests.engine.stage import DEADLINE_S, QUICK, SLOW, Stage, play_closed


async def asked(stage: Stage) -> None:
    """Until a submission has arrived at the server."""
    await stage.sandbox.traffic.until("submit", 1)


def test_it_lives_until_it_is_stopped_and_then_ends_well(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("a", SLOW)
        with capture_logs() as logs:
            async with stage.living() as daemon:
                await stage.until_states(a="Running")
                assert stage.ears.is_listening
                assert all(check.is_ok for check in (*daemon.live(), *daemon.ready()))
                assert daemon.standing().last_pass is not None
                assert [item.name for item in await daemon.items()] == ["a"]
                item = await daemon.item("a")
                assert item is not None
                assert item.job_id == str(stage.jobs()[0].id)
                assert await daemon.item("b") is None
        assert not stage.ears.is_listening
        events = [line["event"] for line in logs]
        assert [event for event in events if event in ("draining", "stopped")] == ["draining", "stopped"]
        assert daemon.parts is None
        assert await daemon.items() == []
        assert await daemon.item("a") is None

    play_closed(tmp_path, scene)


def test_before_the_state_is_open_nothing_is_known(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        daemon = stage.daemon()
        assert await daemon.items() == []
        assert await daemon.item("a") is None
        assert not await daemon.is_quiet()
        assert [check.name for check in daemon.ready() if not check.is_ok] == ["state", "first-pass"]
        daemon.look()  # a signal may come at any time
        daemon.stop()
        assert await daemon.run() is ExitCode.DONE
        assert not stage.settings.state.exists()

    play_closed(tmp_path, scene)


def test_a_second_daemon_is_told_who_has_the_state(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.living():
            with pytest.raises(StateInUse, match="process 1 on here"):
                await stage.daemon().run()

    play_closed(tmp_path, scene)


def test_a_state_that_cannot_be_opened_is_tried_again_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REOPEN_S", 0.02)

    async def scene(stage: Stage) -> None:
        stage.write("a")
        blocked = tmp_path / "deep"
        blocked.write_text("a file where a directory belongs")
        daemon = stage.daemon()
        with capture_logs() as logs:
            living = asyncio.create_task(daemon.run())
            await stage.until(lambda: "cannot be opened for writing" in daemon.ready()[0].detail)
            assert daemon.live()[0].is_ok
            for _ in range(3):
                await stage.told.news()
            blocked.unlink()
            await stage.until(lambda: daemon.parts)
            await stage.until_states(a="Succeeded")
            assert daemon.ready()[0].is_ok
            daemon.stop()
            assert await living is ExitCode.DONE
        assert [line["log_level"] for line in logs].count("error") == 1

    play_closed(tmp_path, scene, state=tmp_path / "deep" / "state.db")


def test_once_does_not_wait_for_a_state_that_cannot_be_opened(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        (tmp_path / "deep").write_text("")
        with pytest.raises(StateUnwritable):
            await stage.once()

    play_closed(tmp_path, scene, state=tmp_path / "deep" / "state.db")


def test_while_it_waits_for_the_state_it_can_be_stopped(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        (tmp_path / "deep").write_text("")
        daemon = stage.daemon()
        living = asyncio.create_task(daemon.run())
        await stage.until(lambda: "cannot be opened" in daemon.ready()[0].detail)
        daemon.stop()
        assert await asyncio.wait_for(living, DEADLINE_S) is ExitCode.DONE

    play_closed(tmp_path, scene, state=tmp_path / "deep" / "state.db")


def test_a_state_that_was_not_opened_yet_shuts_nobody_out(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        daemon = stage.daemon()
        assert not daemon.is_shut_out()
        assert daemon.troubles() == ()

    play_closed(tmp_path, scene)


def test_a_damaged_state_sends_nothing_says_so_and_is_not_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REOPEN_S", 0.02)

    async def scene(stage: Stage) -> None:
        stage.write("a")
        stage.settings.state.write_bytes(b"no state at all" * 100)
        daemon = stage.daemon()
        with capture_logs() as logs:
            living = asyncio.create_task(daemon.run())
            await stage.until(lambda: "is damaged" in daemon.ready()[0].detail)
            stage.settings.state.unlink()
            began_s = daemon.status.pass_began_s
            await stage.until(lambda: daemon.status.pass_began_s != began_s)
            assert "run --restored" in daemon.ready()[0].detail
            assert not daemon.ready()[0].is_ok
            assert daemon.live()[0].is_ok
            assert daemon.is_shut_out()
            daemon.stop()
            assert await living is ExitCode.DONE
        assert [line["log_level"] for line in logs] == ["critical"]
        assert not stage.settings.state.exists()
        assert stage.jobs() == []

    play_closed(tmp_path, scene)


def test_once_ends_with_a_damaged_state(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.settings.state.write_bytes(b"no state at all" * 100)
        with pytest.raises(StateDamaged):
            await stage.once()

    play_closed(tmp_path, scene)


def test_a_look_on_demand_is_a_pass_now(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.living() as daemon:
            await stage.until(lambda: stage.parts.status.is_planned)
            stage.write("a")
            daemon.look()
            await stage.until_states(a="Succeeded")

    play_closed(tmp_path, scene)


def test_an_interruption_by_a_person_is_said_in_the_status(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        daemon = stage.daemon()
        living = asyncio.create_task(daemon.run())
        await stage.until(lambda: daemon.parts)
        daemon.interrupt()
        assert await living is ExitCode.INTERRUPTED

    play_closed(tmp_path, scene)


def test_what_the_last_daemon_left_is_taken_up_as_soon_as_the_disk_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REOPEN_S", 0.02)
    take_up, refusals = SqliteStore.take_up_open_runs, [StateUnwritable("full")] * 2

    async def taken_up(*arguments: Any) -> Any:
        if refusals:
            raise refusals.pop()
        return await take_up(*arguments)

    monkeypatch.setattr(SqliteStore, "take_up_open_runs", taken_up)

    async def scene(stage: Stage) -> None:
        stage.write("a")
        async with stage.living():
            await stage.until_states(a="Succeeded")
        assert refusals == []
        refusals.append(StateUnwritable("full"))
        with pytest.raises(StateUnwritable):
            await stage.once()

    play_closed(tmp_path, scene)


def test_what_is_in_flight_is_recorded_before_the_end(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("a", SLOW)
        stage.write("b", SLOW)
        stage.sandbox.faults.switch_on(Hang(operation="submit", seconds=0.2))
        async with stage.living() as daemon:
            await asked(stage)
            daemon.stop()
        assert len(stage.jobs()) == 1
        assert sorted([state for _, state in await states_after(stage)]) == ["Running", "Waiting"]

    play_closed(tmp_path, scene)


async def states_after(stage: Stage) -> list[tuple[Name, str]]:
    store = await stage.open_store()
    try:
        return [(item.name, str(item.state)) for item in await store.items()]
    finally:
        await store.close()


def test_of_what_does_not_end_in_time_nobody_knows_what_came_of_it(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("a")
        stage.sandbox.faults.switch_on(Hang(operation="submit"))
        async with stage.living() as daemon:
            await asked(stage)
            daemon.stop()
        assert await states_after(stage) == [("a", "Unknown")]

    play_closed(tmp_path, scene, drain_s=0.4)


def test_with_a_disk_that_refuses_the_end_comes_in_time_and_the_next_start_looks_for_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "RETRY_WRITE_MS", 20)

    async def scene(stage: Stage) -> None:
        stage.write("a")
        stage.sandbox.faults.switch_on(Hang(operation="submit"))
        async with stage.living() as daemon:
            await asked(stage)
            stage.fill_disk()
            daemon.stop()
        assert await states_after(stage) == [("a", "Submitting")]
        async with stage.living():
            await stage.until_states(a="Unknown")
        assert len(stage.sandbox.traffic.of("submit")) == 1

    play_closed(tmp_path, scene, drain_s=0.4)


def test_with_an_open_circuit_the_end_does_not_wait_for_the_drain(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        for number in range(11, 31):
            stage.write(f"n{number}", str(number))
        stage.sandbox.faults.switch_on(Hang(operation="connect", times=None))
        async with stage.living() as daemon:
            await stage.until(lambda: stage.parts.gate.is_open and stage.parts.workers.busy)
            daemon.stop()

    play_closed(tmp_path, scene, timeout_s=0.1, drain_s=3600.0)


def test_what_goes_wrong_in_a_part_ends_the_daemon_loudly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: Gauges) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Gauges, "refresh", broken)

    async def scene(stage: Stage) -> None:
        with pytest.raises(ExceptionGroup) as caught:
            await asyncio.wait_for(stage.daemon().run(), DEADLINE_S)
        assert caught.group_contains(ZeroDivisionError)
        assert await states_after(stage) == []  # the state is free for the next one

    play_closed(tmp_path, scene)


def test_one_daemon_after_another_submits_nothing_twice(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("a")
        stage.write("b", SLOW)
        for _ in range(3):
            async with stage.living():
                await stage.until_states(a="Succeeded", b="Running")
                [job] = stage.jobs(SLOW)
                await stage.until(lambda job=job: list(stage.parts.follower.jobs) == [job.id])
        assert len(stage.jobs(QUICK)) == len(stage.jobs(SLOW)) == 1

    play_closed(tmp_path, scene)
