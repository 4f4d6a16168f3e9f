"""Whether a manifest costs the same in a large tree as in a small one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bench.figures import swap, unchanged, validate
from bench.place import Place
from bench.row import Goal, Row, against, left_out
from bench.samples import Samples


def rows(place: Place) -> Iterator[Row]:
    """For a pass, `validate` and a swap: the largest size beside the smallest."""
    small, large = min(place.sizes), max(place.sizes)
    if small == large:
        yield left_out("cost of a manifest", None, "two sizes are needed")
        return
    measures: dict[str, Callable[[int], Samples]] = {
        "pass": lambda size: unchanged.measured(place, size)[0],
        "validate": lambda size: validate.measured(place, size),
        "swap": lambda size: swap.measured(place, size)[0],
    }
    for name, measure in measures.items():
        many, few = measure(large).per(large), measure(small).per(small)
        yield against(f"cost of a manifest, {name}", large, "s", many, f"of {small:,}", few, Goal(1.3))
