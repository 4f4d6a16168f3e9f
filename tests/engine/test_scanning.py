"""A look at the tree from outside: once more while it changes, and an error in the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.core.manifest import read
from reconciler.engine import scanning as module
from reconciler.engine.scanning import PUT_OFFS, scan
from reconciler.errors import ReconcilerError
from reconciler.source.tree import PutOff, PutOffReason


class _Restless:
    """A tree that changes while it is read, so many times."""

    left = 0

    def __init__(self, *_: object) -> None:
        self.seen = "the tree"

    def scan(self) -> object:
        if _Restless.left == 0:
            return self.seen
        _Restless.left -= 1
        return PutOff(PutOffReason.TREE_CHANGED, "git's HEAD moved")


def test_a_tree_that_keeps_changing_is_an_error_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "Tree", _Restless)
    _Restless.left = PUT_OFFS
    with pytest.raises(ReconcilerError, match="keeps changing: git's HEAD moved; try again"):
        scan(tmp_path, read)


def test_a_tree_that_is_quiet_after_a_while_is_read(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    lock = tmp_path / ".git" / "index.lock"
    lock.write_text("")
    with pytest.raises(ReconcilerError, match="keeps changing"):
        scan(tmp_path, read)
    lock.unlink()
    assert scan(tmp_path, read).files == {}
