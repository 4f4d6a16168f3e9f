"""The gate: the request limit, pauses that the server asked for, and the circuit breaker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from reconciler.core.outcome import Failure, Faulty, LoginFailed, Refused, Throttled, Unclear, Unreachable
from reconciler.engine.gate import Gate
from tests.engine.stage import DEADLINE_S, Told

DOWN = Unreachable("connection refused")


def stands_still() -> float:
    """A clock for scenes that are about how long somebody is told to wait."""
    return 100.0


def at(
    scene: Callable[[Gate, Told], Awaitable[None]],
    per_s: float = 0.0,
    now_s: Callable[[], float] = time.monotonic,
) -> None:
    """Play a scene at a gate, with the true clock if it is not given another."""

    async def main() -> None:
        told = Told()
        async with asyncio.timeout(DEADLINE_S):
            await scene(Gate(per_s, told, now_s), told)

    asyncio.run(main())


def waits(told: Told) -> list[float]:
    return [seconds for (seconds,) in told.of("rate_limit_wait")]


def test_without_a_limit_nobody_waits() -> None:
    async def scene(gate: Gate, told: Told) -> None:
        for _ in range(100):
            await gate.admit()
        assert waits(told) == []

    at(scene)


def test_what_is_sent_keeps_its_distance_and_the_waiting_is_told() -> None:
    async def scene(gate: Gate, told: Told) -> None:
        began_s = time.monotonic()
        await asyncio.gather(*(gate.admit() for _ in range(4)))
        assert time.monotonic() - began_s >= 0.07
        assert waits(told) == pytest.approx([0.025, 0.05, 0.075])

    at(scene, per_s=40, now_s=stands_still)


def test_a_server_that_asks_to_wait_is_left_alone_so_long() -> None:
    async def scene(gate: Gate, told: Told) -> None:
        began_s = time.monotonic()
        gate.went(Throttled(0.05))
        await gate.admit()
        assert time.monotonic() - began_s >= 0.045
        assert not gate.is_open

    at(scene)


def test_who_was_waiting_already_when_the_server_asked_to_wait_waits_as_well() -> None:
    async def scene(gate: Gate, told: Told) -> None:
        await gate.admit()
        waiting = asyncio.create_task(gate.admit())
        await told.news()  # it waits for its turn, in a second
        began_s = time.monotonic()
        gate.went(Throttled(2.0))
        await waiting
        assert time.monotonic() - began_s >= 1.99

    at(scene, per_s=1)


def test_a_server_that_names_no_time_pauses_nobody() -> None:
    async def scene(gate: Gate, told: Told) -> None:
        gate.went(Throttled(None))
        await gate.admit()
        assert waits(told) == []

    at(scene)


@pytest.mark.parametrize(
    "trouble", [DOWN, LoginFailed(None, "no"), Faulty(None, "HTTP 502"), Unclear("reset")]
)
def test_the_third_failure_in_a_row_opens_the_circuit(trouble: Failure | Unclear) -> None:
    async def scene(gate: Gate, told: Told) -> None:
        gate.went(trouble)
        gate.went(trouble)
        assert not gate.is_open
        gate.went(trouble)
        assert gate.is_open
        assert gate.has_opened.is_set()
        assert told.of("circuit_open") == [(False,), (False,), (True,)]

    at(scene)


@pytest.mark.parametrize(
    "answer",
    [None, Refused(40004001, "no such task"), Faulty(50004001, "no such job"), Unclear("HTTP 500", 50004002)],
)
def test_an_answer_of_explorers_own_shows_that_it_works(answer: Failure | Unclear | None) -> None:
    async def scene(gate: Gate, told: Told) -> None:
        for _ in range(2):
            gate.went(DOWN)
        gate.went(answer)
        for _ in range(2):
            gate.went(DOWN)
        assert not gate.is_open

    at(scene)


def test_with_an_open_circuit_only_the_probe_is_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.random", lambda: 0.0)

    async def scene(gate: Gate, told: Told) -> None:
        for _ in range(3):
            gate.went(DOWN)
        waiting = asyncio.create_task(gate.admit())
        await gate.admit_probe()
        assert gate.probe_in_s() == pytest.approx(1.0)
        assert not waiting.done()
        gate.probe_went(None)
        await waiting
        assert not gate.has_opened.is_set()

    at(scene, now_s=stands_still)


def test_the_circuit_may_open_while_somebody_waits_for_their_turn() -> None:
    async def scene(gate: Gate, told: Told) -> None:
        await gate.admit()
        waiting = asyncio.create_task(gate.admit())
        await told.news()
        for _ in range(3):
            gate.went(DOWN)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), 1.2)
        gate.probe_went(None)
        await waiting

    at(scene, per_s=1)


def test_what_was_under_way_when_the_circuit_opened_does_not_put_the_probe_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("random.random", lambda: 0.99)

    async def scene(gate: Gate, told: Told) -> None:
        for _ in range(3):
            gate.went(DOWN)
        first_s = gate.probe_in_s()
        for _ in range(5):
            gate.went(DOWN)
        assert gate.probe_in_s() <= first_s
        gate.probe_went(DOWN)
        assert gate.probe_in_s() > first_s

    at(scene, now_s=stands_still)


def test_who_waits_is_let_go_when_nobody_sends_any_more() -> None:
    async def scene(gate: Gate, told: Told) -> None:
        gate.went(Throttled(60.0))
        paused = asyncio.create_task(gate.admit())
        await told.news()
        for _ in range(3):
            gate.went(DOWN)
        kept_out = asyncio.create_task(gate.admit())
        await asyncio.sleep(0)
        gate.let_go()
        await asyncio.gather(paused, kept_out)

    at(scene)
