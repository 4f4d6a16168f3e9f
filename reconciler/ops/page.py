"""The status page: which of its parts are shown, and in which order. How they look is in `templates/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from reconciler.core.item import Item
from reconciler.core.model import State
from reconciler.core.overview import BY_URGENCY, Order, Overview
from reconciler.core.wording import job_link
from reconciler.ops.head import Head
from reconciler.ops.query import Asked
from reconciler.ops.templating import page_from

TONES: Mapping[State, str] = {
    State.HELD: "person",
    State.UNKNOWN: "person",
    State.INVALID: "bad",
    State.REJECTED: "bad",
    State.FAILED: "bad",
    State.INTERRUPTED: "bad",
    State.SUBMITTING: "busy",
    State.RUNNING: "busy",
    State.WAITING: "wait",
    State.SUSPENDED: "wait",
    State.SUCCEEDED: "good",
    State.SUPERSEDED: "wait",
    State.DELETED: "wait",
}
"""The colour of each state."""

_COLUMNS = (
    *(("Manifest", Order.NAME), ("State", Order.STATE), ("Reason", None), ("Workflow", Order.WORKFLOW)),
    *(("Job", Order.JOB), ("Age", Order.AGE), ("Revision", None)),
)


@dataclass(frozen=True, slots=True)
class _Row:
    item: Item
    tone: str
    updated_ms: int
    job_link: str | None


@dataclass(frozen=True, slots=True)
class _Column:
    """A column's title, the link that sorts by it, and how it is sorted now, in ARIA's words."""

    title: str
    link: str | None
    sorted: str | None


@dataclass(frozen=True, slots=True)
class _Count:
    state: State
    number: int
    tone: str
    link: str
    is_shown: bool


def status_page(
    head: Head, asked: Asked, overview: Overview | None, now_ms: int, *, job_url: str | None, version: str
) -> str:
    """The page for a question and its answer; without an answer it has a head and no manifests.

    `job_url` is a template with `{job_id}` and perhaps `{workflow_id}`, or None to link no jobs.
    """
    return page_from(
        "status.html",
        now_ms,
        version=version,
        head=head,
        asked=asked,
        overview=overview,
        counts=_counts(asked, overview) if overview else [],
        columns=[_column(title, order, asked) for title, order in _COLUMNS],
        rows=[row_of(item, job_url) for item in overview.items] if overview else [],
    )


def missing_page(head: Head, title: str, text: str, now_ms: int, *, version: str) -> str:
    """The page for what is not there."""
    return page_from("missing.html", now_ms, version=version, head=head, title=title, text=text)


def row_of(item: Item, job_url: str | None) -> _Row:
    """An item as a row shows it."""
    updated_ms = int(datetime.fromisoformat(item.updated_at).timestamp() * 1000)
    return _Row(item, TONES[item.state], updated_ms, job_link(item.job_id, item.workflow_id, job_url))


def _counts(asked: Asked, overview: Overview) -> list[_Count]:
    """The states that there are, and those that are asked for."""
    shown = asked.question.states
    return [
        _Count(state, overview.counts.get(state, 0), TONES[state], asked.of_state(state), state in shown)
        for state in BY_URGENCY
        if overview.counts.get(state) or state in shown
    ]


def _column(title: str, order: Order | None, asked: Asked) -> _Column:
    if order is None:
        return _Column(title, None, None)
    is_so = asked.question.order is order
    direction = "descending" if asked.question.is_reversed else "ascending"
    return _Column(title, asked.by(order), direction if is_so else None)
