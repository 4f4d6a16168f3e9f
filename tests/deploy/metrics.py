"""Which metrics there are, by the reference page, and which ones an expression asks for."""

from __future__ import annotations

import re

from tests.deploy.tools import ROOT

_ROW = re.compile(r"^\| `(?P<name>reconciler_\w+)` \| (?P<type>\w+) \| (?P<labels>.*?) \|", re.MULTILINE)
_NAME = re.compile(r"\breconciler_\w+")
_PART = re.compile(r"_(bucket|sum|count)$")


def existing() -> dict[str, set[str]]:
    """Every metric's labels, by its name."""
    page = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    return {row["name"]: set(re.findall(r"`(\w+)`", row["labels"])) for row in _ROW.finditer(page)}


def asked_for(expression: str) -> set[str]:
    """The daemon's metrics in an expression; a histogram's parts count as the histogram."""
    known = existing()
    return {
        name if name in known or not _PART.search(name) else _PART.sub("", name)
        for name in _NAME.findall(expression)
    }
