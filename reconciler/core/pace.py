"""How often jobs are asked for, and by which listings: a pace by age, and what costs less. Pure."""

from __future__ import annotations

from collections.abc import Collection

YOUNG_POLLS = 6
"""A job is young for this many polls; while it is, its workflow is asked for as many times as often."""

SHARE_OF_AGE = 20
"""An old job is asked for again after this part of its age: its end is known within 5 % of its time."""

MOST_POLLS = 12
"""However old a job is, it is asked for at least once in so many polls."""


def interval_s(age_s: float, poll_s: float, *, is_cancelled: bool) -> float:
    """How long until a workflow is asked for again whose youngest job is so old.

    A job that is being cancelled is waited for, whatever its age.
    """
    if age_s < YOUNG_POLLS * poll_s:
        return poll_s / YOUNG_POLLS
    if is_cancelled:
        return poll_s
    return max(poll_s, min(age_s / SHARE_OF_AGE, MOST_POLLS * poll_s))


def pages_for(jobs: int, page_size: int, known: int = 1) -> int:
    """How many pages show so many jobs, if nothing else stands between them; `known` is what it last took."""
    return max(known, -(-jobs // page_size))


def is_cheaper_over_all(each: Collection[int], over_all: int) -> bool:
    """Whether one listing of all workflows takes fewer pages than one listing of each."""
    return len(each) > 1 and over_all < sum(each)


def are_cheaper_alone(left: int, pages_left: int) -> bool:
    """Whether the jobs that were not found yet take fewer requests than the pages that may show them."""
    return left < pages_left
