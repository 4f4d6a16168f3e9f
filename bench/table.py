"""The rows as a table for people."""

from __future__ import annotations

from collections.abc import Sequence

from bench.row import Row
from bench.samples import Samples

HEADINGS = ("figure", "size", "seen", "against", "ratio", "goal", "reached")
WORDS = {True: "yes", False: "NO", None: "–"}
SCALES = {"s": (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6))}


def table(rows: Sequence[Row]) -> str:
    """All rows below each other, and below them what each has to say."""
    cells = [HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    lines.insert(1, "  ".join("─" * width for width in widths))
    notes = dict.fromkeys(f"{row.figure}: {row.note}" for row in rows if row.note)
    return "\n".join([*(line.rstrip() for line in lines), *(["", *notes] if notes else [])])


def _cells(row: Row) -> tuple[str, ...]:
    is_ratio = row.rival is not None
    return (
        row.figure,
        f"{row.size:,}" if row.size is not None else "",
        shown(row.seen, row.unit) if row.seen else "–",
        f"{shown(row.rival, row.unit)} {row.rival_name}" if row.rival else row.rival_name,
        f"{_rounded(row.value, 3)} ×" if is_ratio and row.value is not None else "",
        str(row.goal) if row.goal else "",
        WORDS[row.is_reached],
    )


def shown(samples: Samples, unit: str) -> str:
    """The median and the interquartile range, in the unit's part that fits."""
    name, scale = unit, 1.0
    for name, scale in SCALES.get(unit, ((unit, 1.0),)):  # noqa: B007 - the last one is for what is smaller
        if abs(samples.median) >= scale:
            break
    spread = f" ±{_rounded(samples.spread / scale, 2)}" if len(samples.values) > 1 else ""
    return f"{_rounded(samples.median / scale, 3)}{spread} {name}".strip()


def _rounded(value: float, digits: int) -> str:
    """So many digits that say something, and no exponent."""
    return f"{float(f'{value:.{digits}g}'):,g}"
