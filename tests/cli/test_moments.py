"""Moments as people give them: so long ago, or a time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.cli.moments import moment_ms

NOW_MS = 1_764_000_000_000


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("90s", NOW_MS - 90_000),
        ("2h", NOW_MS - 7_200_000),
        ("1d12h", NOW_MS - 129_600_000),
        ("1.5m", NOW_MS - 90_000),
        ("1w", NOW_MS - 604_800_000),
        ("999999w", 0),
        ("2025-11-24", 1_763_942_400_000),
        ("2025-11-24T16:00:00Z", NOW_MS),
        ("2025-11-24T16:00:00.000Z", NOW_MS),
        ("2025-11-24T17:00:00+01:00", NOW_MS),
        ("2025-11-24T16:00:00", NOW_MS),
        ("1900-01-01", 0),
    ],
)
def test_a_moment_is_so_long_ago_or_a_time(text: str, found: int) -> None:
    assert moment_ms(text, NOW_MS) == found


@pytest.mark.parametrize(
    "text", ["", "2", "h", "2x", "yesterday", "-2h", "2h ago", "٢h", "2025-13-01", "1" * 5000 + "s"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        moment_ms(text, NOW_MS)


@given(st.text(max_size=20))
def test_no_text_breaks_it(text: str) -> None:
    try:
        found = moment_ms(text, NOW_MS)
    except ValueError:
        found = 0
    assert found >= 0
