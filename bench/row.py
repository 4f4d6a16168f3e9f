"""One line of the table: a figure, what it is held against, and whether the goal is reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.samples import Samples


@dataclass(frozen=True, slots=True)
class Goal:
    """The limit that a value is held against, at most it or at least it; `unit` is "×" for a ratio."""

    limit: float
    unit: str = "×"
    is_least: bool = False

    def is_reached(self, value: float) -> bool:
        """Whether the value keeps the limit."""
        return value >= self.limit if self.is_least else value <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.is_least else '≤'} {self.limit:g} {self.unit}"


@dataclass(frozen=True, slots=True)
class Row:
    """A figure at a size (manifests; None where that says nothing).

    `seen` and `rival` are in `unit`; `value` is what `goal` is about, and `note` says what a reader of the
    numbers has to know.
    """

    figure: str
    size: int | None
    unit: str
    seen: Samples | None = None
    rival_name: str = ""
    rival: Samples | None = None
    value: float | None = None
    goal: Goal | None = None
    note: str = ""

    @property
    def is_reached(self) -> bool | None:
        """Whether the goal is reached; None without a goal or without a value."""
        if self.goal is None or self.value is None:
            return None
        return self.goal.is_reached(self.value)

    def as_json(self) -> dict[str, Any]:
        """The row for programs; numbers in `unit`."""
        return {
            "figure": self.figure,
            "size": self.size,
            "unit": self.unit,
            "seen": _numbers(self.seen),
            "rival_name": self.rival_name or None,
            "rival": _numbers(self.rival),
            "value": self.value,
            "goal": str(self.goal) if self.goal else None,
            "reached": self.is_reached,
            "note": self.note,
        }


def against(
    figure: str, size: int | None, unit: str, seen: Samples, name: str, rival: Samples, goal: Goal | None
) -> Row:
    """How many times what the rival takes we take: at most so many is good."""
    ratio = seen.median / rival.median if rival.median else None
    return Row(figure, size, unit, seen, name, rival, ratio, goal)


def ahead(
    figure: str, size: int | None, unit: str, seen: Samples, name: str, rival: Samples, goal: Goal | None
) -> Row:
    """How many times what we take the rival takes: at least so many is good."""
    return Row(figure, size, unit, seen, name, rival, rival.median / seen.median, goal)


def absolute(
    figure: str, size: int | None, unit: str, seen: Samples, goal: Goal | None, note: str = ""
) -> Row:
    """A value that is held against a limit of the same unit, if there is one."""
    return Row(figure, size, unit, seen, value=seen.median, goal=goal, note=note)


def left_out(figure: str, size: int | None, why: str) -> Row:
    """A figure that could not be measured here, and why."""
    return Row(figure, size, "", note=f"left out: {why}")


def _numbers(samples: Samples | None) -> dict[str, Any] | None:
    if samples is None:
        return None
    return {
        "median": samples.median,
        "iqr": samples.spread,
        "p95": samples.p95,
        "values": list(samples.values),
    }
