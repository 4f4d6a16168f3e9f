"""The committed dashboards' queries, and the stand-in for Explorer that a watched daemon works with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.monitoring.__main__ import COMPONENT
from tests.deploy.tools import ROOT

BOARDS = {
    path.stem: json.loads(path.read_text("utf-8"))
    for path in sorted((COMPONENT / "dashboards").glob("*.json"))
}
STANDS_FOR = {
    "$namespace": ".*",
    "$instance": ".*",
    "$__rate_interval": "10m",
}
"""What Grafana puts in the place of the variables, where "All" is chosen; an interval since the beginning."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One query of a panel, with the variables' values in it."""

    where: str
    expression: str


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, board in BOARDS.items():
        for panel in board["panels"]:
            if panel["type"] != "row":
                yield f"{name}: {panel['title']}", panel


def filled_in(expression: str) -> str:
    for variable, value in STANDS_FOR.items():
        expression = expression.replace(variable, value)
    return expression


def queries() -> list[Asked]:
    return [
        Asked(where, filled_in(target["expr"])) for where, panel in panels() for target in panel["targets"]
    ]


@contextmanager
def sandbox(directory: Path) -> Iterator[str]:
    """The stand-in for Explorer as a process of its own; gives its address."""
    with subprocess.Popen(
        [sys.executable, "-m", "reconciler", "sandbox", "--directory", directory, "--listen", "127.0.0.1:0"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout
            line = process.stdout.readline()
            yield line.split()[-1]
        finally:
            process.terminate()
