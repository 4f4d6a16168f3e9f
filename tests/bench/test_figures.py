"""Each figure of the benchmark can be measured, at the smallest size. How fast anything is, is not judged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.__main__ import FIGURES, main


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where trees and states are kept from one figure to the next."""
    return tmp_path_factory.mktemp("bench")


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_can_be_measured(name: str, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without rivals that would have to be installed."""
    status = main(["--only", name, "--sizes", "20", "--brief", "--json", "--dir", str(directory)])
    said = capsys.readouterr()
    rows = json.loads(said.out)["rows"]
    assert status == 0, said.err
    assert rows
    assert all(row["seen"]["median"] >= 0 for row in rows if not row["note"].startswith("left out")), rows
