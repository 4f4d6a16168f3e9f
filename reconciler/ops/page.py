"""The status page: from items to one HTML document that needs no script and fetches nothing.

How it looks is in `templates/`; here is what it shows, and in which order. Every text is escaped by the
template engine. What the page may do in a browser is said by `CONTENT_SECURITY_POLICY`.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import resources

import jinja2
from markupsafe import Markup

from reconciler.core.item import Item
from reconciler.core.model import Pause, State
from reconciler.engine.status import LastPass

MOST_ROWS = 500
"""More make the page slow to draw, and nobody reads them; the JSON has all."""
REFRESH_S = 5

_TONES = {
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
"""The colour of each state, in the order of the rows: what needs a person first, what is over last."""
_ORDER = {state: place for place, state in enumerate(_TONES)}

_AGES = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True, slots=True)
class _Count:
    state: State
    number: int
    tone: str


@dataclass(frozen=True, slots=True)
class _Row:
    item: Item
    tone: str
    age: str
    job_link: str | None


def status_page(
    items: Sequence[Item],
    last_pass: LastPass | None,
    now_ms: int,
    job_url: str | None,
    shown_state: State | None,
    paused: Pause | None = None,
    *,
    troubles: Sequence[str] = (),
) -> str:
    """The page for these items; only those in `shown_state`, if one is given.

    `job_url` is a template with `{job_id}` and perhaps `{workflow_id}`, or None to link no jobs. `troubles`
    keep the daemon from its work.
    """
    numbers = Counter(item.state for item in items)
    shown = [item for item in items if shown_state in (None, item.state)]
    shown.sort(key=lambda item: (_ORDER[item.state], item.name))
    return _TEMPLATE.render(
        style=_STYLE,
        refresh_s=REFRESH_S,
        total=len(items),
        counts=[_Count(state, numbers[state], tone) for state, tone in _TONES.items() if numbers[state]],
        shown_state=shown_state,
        troubles=troubles,
        paused=paused and {"who": paused.who, "why": paused.why, "age": _age(now_ms - paused.since_ms)},
        last_pass=last_pass and {"age": _age(now_ms - last_pass.ended_ms), "revision": last_pass.revision},
        rows=[_row(item, now_ms, job_url) for item in shown[:MOST_ROWS]],
        left_out=max(0, len(shown) - MOST_ROWS),
    )


def _row(item: Item, now_ms: int, job_url: str | None) -> _Row:
    updated_ms = int(datetime.fromisoformat(item.updated_at).timestamp() * 1000)
    return _Row(item, _TONES[item.state], _age(now_ms - updated_ms), _job_link(item, job_url))


def _job_link(item: Item, job_url: str | None) -> str | None:
    if job_url is None or item.job_id is None:
        return None
    return job_url.replace("{job_id}", item.job_id).replace("{workflow_id}", item.workflow_id or "")


def _age(ms: int) -> str:
    """A span in its largest unit: `42 s`, `7 min`, `3 h`, `12 d`. Clocks differ: never negative."""
    seconds = max(0, ms // 1000)
    for length, unit in _AGES:
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return "0 s"


def _short(revision: str) -> str:
    return revision[:12]


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("reconciler.ops"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["short"] = _short
    return environment


_STYLE = Markup(resources.files("reconciler.ops").joinpath("templates/status.css").read_text("utf-8"))  # noqa: S704
_TEMPLATE = _environment().get_template("status.html")

_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may load: its own style, known by its hash, and its icon; no script, no frame."""
