"""Items as people see them: the columns of `get`, and the colour of each state."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime

from reconciler.cli.layout import Cell, Column, Cut, Tone, Toned, grid_text
from reconciler.core.item import Item, rfc3339
from reconciler.core.model import Pause, State
from reconciler.core.span import age

_NAME = Column("NAME", Cut.MIDDLE)
_REASON = Column("REASON", Cut.END)

COLUMNS = (_NAME, Column("STATE"), Column("JOB"), Column("AGE"), _REASON)
"""What everybody wants to know, and what fits 80 columns."""

WIDE = (
    *(_NAME, Column("STATE"), Column("JOB"), Column("STATUS"), Column("GEN", is_spare=True)),
    *(Column("TRY", is_spare=True), Column("AGE"), Column("WORKFLOW", Cut.MIDDLE, is_spare=True)),
    *(Column("PATH", Cut.MIDDLE, is_spare=True), Column("REVISION", is_spare=True), _REASON),
)
"""All that is short enough for a row; on a narrow terminal the last go first."""

TONES: Mapping[State, Tone] = {
    State.SUCCEEDED: Tone.GOOD,
    State.RUNNING: Tone.BUSY,
    State.SUBMITTING: Tone.BUSY,
    State.UNKNOWN: Tone.CARE,
    State.HELD: Tone.CARE,
    State.INTERRUPTED: Tone.CARE,
    State.FAILED: Tone.BAD,
    State.REJECTED: Tone.BAD,
    State.INVALID: Tone.BAD,
}
"""The states that a person should see at once."""


def items_table(items: Sequence[Item]) -> str:
    """One line a name, for a person."""
    return grid_text(COLUMNS, [row(item) for item in items])


def row(item: Item) -> list[Cell]:
    """The cells of COLUMNS."""
    return [item.name, _state(item), item.job_id or "-", age_of(item), item.reason]


def wide_row(item: Item) -> list[Cell]:
    """The cells of WIDE."""
    return [
        *(item.name, _state(item), item.job_id or "-", str(item.job_status or "-")),
        *(_number(item.generation), _number(item.attempt), age_of(item)),
        *(item.workflow_id or "-", item.path, (item.revision or "-")[:12], item.reason),
    ]


def age_of(item: Item) -> str:
    """How long ago its state became what it is."""
    return age(time.time() - updated_s(item))


def updated_s(item: Item) -> float:
    """When its state became what it is, in seconds since the epoch."""
    return datetime.fromisoformat(item.updated_at).timestamp()


def paused(pause: Pause) -> str:
    """That nothing is submitted: since when, by whom and why."""
    why = f": {pause.why}" if pause.why else ""
    since = rfc3339(pause.since_ms)
    return f"Submissions are paused since {since} by {pause.who}{why}. `reconciler resume` goes on"


def _state(item: Item) -> Toned:
    return Toned(str(item.state), TONES.get(item.state))


def _number(found: int | None) -> str:
    return "-" if found is None else str(found)
