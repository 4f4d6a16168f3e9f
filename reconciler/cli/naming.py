"""Names that nobody knows: the nearest that somebody does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.core.plain import plain
from reconciler.errors import ReconcilerError

_LEAST_LIKENESS = 0.4
"""From here on two names look like each other: about one letter in three is another."""


class NameUnknown(ReconcilerError):  # noqa: N818 - as in `errors`
    """Nothing is known under these names; `nearest` are names that look like the first."""

    def __init__(self, names: Sequence[str], nearest: Sequence[str]) -> None:
        super().__init__(tuple(names), tuple(nearest))
        self.names = tuple(names)
        self.nearest = tuple(nearest)

    def __str__(self) -> str:
        text = f"no manifest is known under {', '.join(map(plain, self.names))}; "
        if self.nearest:
            text += f"the nearest is {' or '.join(self.nearest)}. "
        return f"{text}`reconciler get` lists all"


def unknown(names: Sequence[str], known: Iterable[str]) -> NameUnknown:
    """The error for names that are not among the known."""
    return NameUnknown(names, nearest(names[0], known) if names else ())


def nearest(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The names that look most like this one, the likest first; their time grows with their length only."""
    pairs = _pairs(name)
    likeness = ((_likeness(pairs, _pairs(other)), other) for other in known)
    likely = sorted((-degree, other) for degree, other in likeness if degree >= _LEAST_LIKENESS)
    return [other for degree, other in likely[:most] if degree <= likely[0][0] / 2]


def _pairs(name: str) -> frozenset[str]:
    """Each two letters that follow one another, with the edges of the name."""
    text = f" {name} "
    return frozenset(text[at : at + 2] for at in range(len(text) - 1))


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """From 0 (nothing in common) to 1: Dice's coefficient."""
    return 2 * len(one & other) / (len(one) + len(other))
