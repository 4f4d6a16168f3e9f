"""What was measured, as numbers: the middle of several runs, and how far they lie apart."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

Measure = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Samples:
    """The values of some runs, in the order in which they were measured."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Iterable[float]) -> Samples:
        """These values; at least one."""
        return cls(tuple(values))

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        """The interquartile range: how far the middle half lies apart. 0 for a single value."""
        if len(self.values) < 2:
            return 0.0
        first, _, third = statistics.quantiles(self.values, n=4, method="inclusive")
        return third - first

    @property
    def p95(self) -> float:
        """What 95 of 100 do not exceed."""
        if len(self.values) < 2:
            return self.values[0]
        return statistics.quantiles(self.values, n=20, method="inclusive")[-1]

    def per(self, count: float) -> Samples:
        """Each value divided by this."""
        return Samples(tuple(value / count for value in self.values))


def alternating(rounds: int, measures: Sequence[Measure]) -> list[Samples]:
    """Measure each in turn, round after round, so that a slow minute of the machine meets all of them."""
    seen: list[list[float]] = [[] for _ in measures]
    for _ in range(rounds):
        for values, measure in zip(seen, measures, strict=True):
            values.append(measure())
    return [Samples.of(values) for values in seen]
