"""Named nasty trees: each is told exactly this, nothing blocks, and what is good beside it is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.core.claims import desired_of
from reconciler.core.manifest import read
from reconciler.core.model import Manifest
from reconciler.source.tree import Snapshot, Tree
from tests.hostile.filesystem import GOOD, NASTY


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_tree_is_told_and_stops_nobody(name: str, tmp_path: Path) -> None:
    nasty = NASTY[name]
    (tmp_path / "nasty").mkdir()
    (tmp_path / "good.yaml").write_text(GOOD.replace("NAME", "good"))
    nasty.make(tmp_path / "nasty")
    seen = Tree(tmp_path, read).scan()
    assert isinstance(seen, Snapshot)
    desired = desired_of(document for file in seen.files.values() for document in file.documents)
    told = [f"{it.path}:{it.line}:{it.column} {it.code}: {it.message}" for it in desired.problems]
    assert [line.replace("nasty/", "") for line in told] == list(nasty.told)
    assert [str(it.name) for it in desired.wishes.values() if isinstance(it, Manifest)] == ["good"]
