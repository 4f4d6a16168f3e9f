"""How many jobs a second are submitted, each one durably, to a server that takes 20 ms to answer."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from bench.place import Place
from bench.row import Goal, Row
from bench.samples import Samples, alternating

LATENCY_S = 0.02
PREPARING = 0
SHARES = {8: Goal(0.85, is_least=True), 32: Goal(0.35, is_least=True)}
A_SLOT = {8: 125, 32: 100}
"""How many submissions each slot makes: a few seconds of them."""


def rows(place: Place) -> Iterator[Row]:
    """One row for each number in flight, beside what the latency alone allows, and one to compare them."""
    numbers = list(SHARES)
    measured = alternating(place.times(3), [partial(_rate, place, number) for number in numbers])
    for number, rates in zip(numbers, measured, strict=True):
        most = Samples.of([number / LATENCY_S])
        share = rates.median / most.median
        name = f"submissions, {number} in flight"
        yield Row(name, None, "/s", rates, "in flight ÷ latency", most, share, SHARES[number])
    few, many = measured
    more = many.median / few.median
    yield Row("submissions, 32 beside 8", None, "/s", many, "8 in flight", few, more, Goal(1, is_least=True))


def _rate(place: Place, in_flight: int) -> float:
    """Submissions a second from the first request to the last answer."""
    count = 40 if place.is_brief else in_flight * A_SLOT[in_flight]
    site = place.site(count, workflows=2 * in_flight, name="new")
    site.forget()
    server = place.server
    server.forget()
    server.set(latency_s=LATENCY_S, status=PREPARING)
    try:
        with site.daemon(MAX_IN_FLIGHT=str(in_flight)):
            seen = server.wait_for(count)
    finally:
        server.forget()
        server.set(latency_s=0, status=2)
    return count / (seen.answered_ns[count - 1] - seen.submitted_ns[0]) * 1e9
