"""However many and however odd the names, codes and words are: `/metrics` has a bound."""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from reconciler.core.fault import Code
from reconciler.core.model import State
from reconciler.ops.metrics import MOST_VALUES, Metrics
from reconciler.source.tree import PutOffReason

HOSTILE = 100_000
MOST_BYTES = 256 * 1024


def names(count: int = HOSTILE) -> Iterator[str]:
    """Names, reasons and revisions as nobody would give them."""
    return (f'{number:x}"}}\n# HELP evil\nevil{{a="\\' + "x" * (number % 3000) for number in range(count))


def flooded() -> Metrics:
    """Metrics after all that a tree, a server and a source may say, each a hundred thousand times."""
    metrics = Metrics("1", error_reasons=list(Code), put_off_reasons=list(PutOffReason))
    for name in names():
        metrics.manifest_error(name)
        metrics.pass_put_off(name)
        metrics.pass_finished(name, 0.1, 1.0)
        metrics.revision(name)
        metrics.api_request("submit", name, 0.1)
        metrics.submission(name)
        metrics.job_transition(name)
        metrics.assumption_violated(name)
    metrics.manifests(dict.fromkeys(names(1000), 1) | {State.RUNNING: HOSTILE})
    metrics.jobs(dict.fromkeys(names(1000), 1))
    return metrics


@dataclass(frozen=True, slots=True)
class Shown:
    """What a scrape gives."""

    text: str
    series: Count[str]


@pytest.fixture(scope="module")
def shown() -> Shown:
    text = flooded().exposition("")[0].decode()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return Shown(text, Count(line.partition("{")[0].partition(" ")[0] for line in lines))


def test_a_hundred_thousand_hostile_names_leave_it_bounded(shown: Shown) -> None:
    print(f"\n{len(shown.text)} bytes, {sum(shown.series.values())} series after {HOSTILE} names")
    assert len(shown.text) < MOST_BYTES
    assert max(shown.series.values()) < 20 * MOST_VALUES


def test_no_name_makes_a_line_or_a_series_of_its_own(shown: Shown) -> None:
    assert not [line for line in shown.text.splitlines() if line.startswith(("evil", "# HELP evil"))]
    assert not [name for name in shown.series if not name.startswith(("reconciler_", "process_", "python_"))]


def test_what_is_past_the_bound_is_still_counted(shown: Shown) -> None:
    counted = [
        line for line in shown.text.splitlines() if line.startswith("reconciler_manifest_errors_total{")
    ]
    assert sum(float(line.rpartition(" ")[2]) for line in counted) == HOSTILE
    assert [line for line in counted if 'reason="other"' in line]
