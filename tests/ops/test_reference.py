"""The page of metrics."""

from __future__ import annotations

from pathlib import Path

from reconciler.ops.reference import page

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_the_page_in_the_repository_is_what_the_metrics_give() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `make docs`"
