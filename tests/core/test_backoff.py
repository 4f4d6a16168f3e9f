"""Backoff, pace and breaker: values, so that time and chance are what a test says."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.backoff import Breaker, Pace, backoff_ms


def test_the_ceiling_doubles_from_ten_seconds_to_six_minutes() -> None:
    ceilings = [round(backoff_ms(failures, 1.0) / 1000) for failures in range(1, 9)]
    assert ceilings == [10, 20, 40, 80, 160, 320, 360, 360]


@given(st.integers(min_value=0, max_value=10**9), st.floats(min_value=0, max_value=1, exclude_max=True))
def test_the_wait_is_always_within_its_bounds(failures: int, chance: float) -> None:
    assert 0 <= backoff_ms(failures, chance) <= 360_000


def test_a_pace_spreads_requests_evenly() -> None:
    pace = Pace(10)
    waits = []
    for _ in range(3):
        pace, wait_ms = pace.take(1000)
        waits.append(wait_ms)
    assert waits == [0, 100, 200]


def test_idleness_saves_up_no_burst() -> None:
    pace, _ = Pace(10).take(1000)
    pace, first = pace.take(60_000)
    pace, second = pace.take(60_000)
    assert (first, second) == (0, 100)


def test_no_limit_never_waits() -> None:
    pace = Pace(0)
    for _ in range(5):
        pace, wait_ms = pace.take(0)
        assert wait_ms == 0


def test_a_pause_holds_for_everything_that_is_sent() -> None:
    assert Pace(0).pause(5000).take(1000)[1] == 4000


@given(
    st.lists(st.floats(min_value=0, max_value=10_000), min_size=1),
    st.floats(min_value=0.1, max_value=1000),
)
def test_no_two_requests_are_closer_than_the_pace_allows(gaps: list[float], per_s: float) -> None:
    pace, now_ms, sent = Pace(per_s), 0.0, []
    for gap in gaps:
        now_ms += gap
        pace, wait_ms = pace.take(now_ms)
        sent.append(now_ms + wait_ms)
    assert all(later - earlier >= 1000 / per_s - 1e-3 for earlier, later in itertools.pairwise(sent))


def test_the_breaker_opens_after_three_failures_in_a_row() -> None:
    breaker = Breaker().failed(0, 0).failed(0, 0)
    assert not breaker.is_open
    assert breaker.failed(0, 0).is_open
    assert not breaker.succeeded().failed(0, 0).is_open


def test_probes_come_later_after_each_failed_one() -> None:
    breaker, waits = Breaker(), []
    for _ in range(8):
        breaker = breaker.failed(0, 0.999)
        waits.append(breaker.probe_at_ms)
    assert waits[2:] == sorted(waits[2:])
    assert waits[-1] <= 61_000
