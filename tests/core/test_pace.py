"""How often a workflow is asked for, and when other requests are cheaper."""

from __future__ import annotations

import pytest

from reconciler.core.pace import are_cheaper_alone, interval_s, is_cheaper_over_all, pages_for


@pytest.mark.parametrize(
    ("age_s", "seconds"),
    [(0, 5 / 6), (29, 5 / 6), (30, 5), (100, 5), (200, 10), (600, 30), (1200, 60), (90_000, 60)],
)
def test_the_older_the_jobs_the_longer_the_pause(age_s: float, seconds: float) -> None:
    assert interval_s(age_s, 5.0, is_cancelled=False) == pytest.approx(seconds)


def test_the_end_of_a_cancelled_job_is_waited_for_whatever_its_age() -> None:
    assert interval_s(90_000, 5.0, is_cancelled=True) == 5.0


def test_the_listing_that_costs_less_is_taken() -> None:
    assert [pages_for(1, 100), pages_for(100, 100), pages_for(101, 100), pages_for(5, 100, known=3)] == [
        1,
        1,
        2,
        3,
    ]
    assert not is_cheaper_over_all([1] * 50, 50)
    assert is_cheaper_over_all([50, *[1] * 49], 50)
    assert not is_cheaper_over_all([50], 1)
    assert are_cheaper_alone(left=1, pages_left=2)
    assert not are_cheaper_alone(left=2, pages_left=2)
