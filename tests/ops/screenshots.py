"""The README's pictures of the status page, in light and dark: `make images` takes them anew."""

from __future__ import annotations

import tempfile
from pathlib import Path

from reconciler.core.model import Accepted, Held, JobId, JobStatus, Rejected, RunState, Waiting
from reconciler.engine.standing import Standing
from reconciler.engine.status import LastPass
from tests.core.builders import INTENT
from tests.ops.browsing import StateView, chromium, served
from tests.ops.fakes import NOW_MS, REVISION
from tests.store.known import Known, sighting_of

IMAGES = Path(__file__).parents[2] / "docs" / "images"


def _job(status: JobStatus, *, began_s: int, ended_s: int | None = None) -> Accepted:
    ended_ms = None if ended_s is None else NOW_MS - ended_s * 1000
    return Accepted(JobId(1), status, NOW_MS - began_s * 1000, ended_ms)


_SHOWN: tuple[tuple[str, str, int, str, RunState], ...] = (
    ("nightly.pagerank", "graph", 260, "", Held(INTENT, "two jobs may be its own", (JobId(901), JobId(902)))),
    ("fraud.rings", "risk", 1_900, "", _job(JobStatus.FAILED, began_s=2_400, ended_s=1_900)),
    ("who-knows-whom", "risk", 5_100, "", Rejected(40004001, "the workflow has no task query_9")),
    ("louvain", "graph", 95, "", _job(JobStatus.RUNNING, began_s=95)),
    ("similar-players", "sports", 31, "", _job(JobStatus.RUNNING, began_s=31)),
    (
        "report",
        "sports",
        30,
        "waits for a manifest that it depends on to succeed: similar-players",
        Waiting(),
    ),
    ("tim-duncan-neighbours", "sports", 610, "", _job(JobStatus.SUCCESS, began_s=900, ended_s=610)),
    ("weekly.influence", "graph", 250_000, "", _job(JobStatus.SUCCESS, began_s=260_000, ended_s=250_000)),
)


def _fill(known: Known) -> None:
    for number, (name, team, age_s, reason, state) in enumerate(_SHOWN):
        at_ms = NOW_MS - age_s * 1000
        seen = sighting_of(
            path=f"{team}/{name}.yaml",
            reason=reason,
            labels={"team": team},
            revision=REVISION,
            updated_ms=at_ms,
        )
        workflow_id = str(4216617528 + 7_654_321 * (number % 4))
        known.add(name, seen, state, revision=REVISION, workflow_id=workflow_id, updated_ms=at_ms)


def main() -> None:
    """Write one picture for each colour scheme."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        state = Path(directory) / "state.db"
        known = Known(state)
        _fill(known)
        view = StateView(state=state, stands=Standing(last_pass=LastPass(REVISION, NOW_MS - 12_000)))
        with served(view) as base, chromium() as browser:
            for scheme in ("light", "dark"):
                page = browser.new_page(viewport={"width": 1120, "height": 700}, color_scheme=scheme)
                page.goto(base)
                page.screenshot(path=IMAGES / f"status-{scheme}.png")
                page.close()
        known.close()


if __name__ == "__main__":
    main()
