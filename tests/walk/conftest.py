"""An Explorer that is not the sandbox, and an installation that is set up to use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.walk.daemon import Installation
from tests.walk.other_explorer import OtherExplorer


@pytest.fixture
def explorer() -> Iterator[OtherExplorer]:
    with OtherExplorer() as server:
        yield server


@pytest.fixture
def installation(tmp_path: Path, explorer: OtherExplorer) -> Installation:
    return Installation(tmp_path / "site", explorer.url)
