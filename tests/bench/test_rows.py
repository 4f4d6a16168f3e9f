"""What is made of the numbers: medians, ratios, goals, and the table."""

from __future__ import annotations

import pytest

from bench.figures.follow import rounds
from bench.row import Goal, Row, absolute, against, ahead, left_out
from bench.samples import Samples, alternating
from bench.table import shown, table


def test_the_middle_counts_and_a_single_slow_run_does_not() -> None:
    samples = Samples.of([1.0, 100.0, 1.2, 1.1, 0.9])
    assert samples.median == 1.1
    assert samples.spread == pytest.approx(0.2)
    assert samples.p95 == pytest.approx(80.24)
    assert samples.per(2).median == 0.55


def test_a_single_run_has_no_spread() -> None:
    assert (Samples.of([3.0]).spread, Samples.of([3.0]).p95) == (0.0, 3.0)


def test_what_is_compared_takes_turns() -> None:
    order = []

    def measure(name: str) -> float:
        order.append(name)
        return float(len(order))

    ours, theirs = alternating(2, [lambda: measure("ours"), lambda: measure("theirs")])
    assert order == ["ours", "theirs", "ours", "theirs"]
    assert (ours.values, theirs.values) == ((1.0, 3.0), (2.0, 4.0))


@pytest.mark.parametrize(
    ("goal", "reached"),
    [(Goal(2), [True, True, False]), (Goal(2, is_least=True), [False, True, True])],
)
def test_a_limit_itself_keeps_the_limit(goal: Goal, reached: list[bool]) -> None:
    assert [goal.is_reached(value) for value in (1.9, 2.0, 2.1)] == reached


def test_a_ratio_says_how_many_times_slower_or_how_many_times_faster() -> None:
    ours, rival = Samples.of([2.0]), Samples.of([8.0])
    assert against("x", 10, "s", ours, "rival", rival, Goal(1)).value == 0.25
    faster = ahead("x", 10, "s", ours, "rival", rival, Goal(5, is_least=True))
    assert (faster.value, faster.is_reached) == (4.0, False)


def test_without_a_goal_or_a_value_nothing_is_reached_or_missed() -> None:
    assert against("x", None, "s", Samples.of([1.0]), "y", Samples.of([1.0]), None).is_reached is None
    assert left_out("x", None, "no rival").is_reached is None


def test_the_table_says_what_was_seen_and_what_was_left_out() -> None:
    rows = [
        ahead(
            "a", 10_000, "s", Samples.of([0.002, 0.003, 0.004]), "b", Samples.of([0.3]), Goal(90, "×", True)
        ),
        absolute("c", None, "MiB", Samples.of([131.4]), Goal(130, "MiB")),
        left_out("d", None, "there is no strace"),
    ]
    lines = [line.split() for line in table(rows).splitlines()]
    assert lines[2] == ["a", "10,000", "3", "±1", "ms", "300", "ms", "b", "100", "×", "≥", "90", "×", "yes"]
    assert lines[3] == ["c", "131", "MiB", "≤", "130", "MiB", "NO"]
    assert lines[-1] == ["d:", "left", "out:", "there", "is", "no", "strace"]


@pytest.mark.parametrize(
    ("values", "unit", "text"),
    [
        ([1600.0, 1500.0], "/s", "1,550 ±50 /s"),
        ([0.0000214], "s", "21.4 µs"),
        ([0.0], "s", "0 µs"),
        ([61.0], "s", "61 s"),
        ([0.5], "", "0.5"),
    ],
)
def test_numbers_have_as_many_digits_as_say_something(values: list[float], unit: str, text: str) -> None:
    assert shown(Samples.of(values), unit) == text


def test_for_programs_a_row_has_every_value_that_was_measured() -> None:
    row = Row("a", 10, "s", Samples.of([1.0, 3.0]), "b", None, 2.0, Goal(2), "a note").as_json()
    assert row == {
        "figure": "a",
        "size": 10,
        "unit": "s",
        "seen": {"median": 2.0, "iqr": 1.0, "p95": 2.9, "values": [1.0, 3.0]},
        "rival_name": "b",
        "rival": None,
        "value": 2.0,
        "goal": "≤ 2 ×",
        "reached": True,
        "note": "a note",
    }


def test_a_round_begins_with_the_first_request_that_is_made_again() -> None:
    assert rounds(["a", "b", "c", "a", "b", "c", "a", "b", "a", "c"]) == [3, 2]
    assert rounds(["a", "b"]) == []
