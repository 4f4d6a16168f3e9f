"""What a pass stands on is the same before and after it, or the pass does not count."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.source import ground
from reconciler.source.ground import Ground, look
from reconciler.source.links import Trail, follow
from reconciler.source.putoff import PutOffReason, Unsettled
from tests.source.git import Repository, swap_link


def test_a_way_that_breaks_since_its_link_was_swapped_on_the_way_is_not_a_missing_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    swap_link(tmp_path / "link", "one")
    (tmp_path / "one").rmdir()

    def follow_and_swap(path: str) -> Trail:
        trail = follow(path)
        swap_link(tmp_path / "link", "two")
        return trail

    monkeypatch.setattr(ground, "follow", follow_and_swap)
    with pytest.raises(Unsettled) as raised:
        look(str(tmp_path / "link"))
    assert raised.value.put_off.reason is PutOffReason.LINK_SWAPPED


def test_two_looks_at_a_tree_that_stands_still_are_equal(repository: Repository) -> None:
    commit = repository.commit({"a.yaml": "one"})
    first, second = (look(str(repository.path / "jobs.d")) for _ in range(2))
    assert isinstance(first, Ground)
    assert isinstance(second, Ground)
    assert first.revision == commit
    assert first.obstacle() is None
    assert first.moved(second) is None


def test_a_commit_between_two_looks_is_a_changed_tree(repository: Repository) -> None:
    repository.commit({"a.yaml": "one"})
    first = look(str(repository.path / "jobs.d"))
    repository.git("commit", "--quiet", "--allow-empty", "--message", "x")
    second = look(str(repository.path / "jobs.d"))
    assert isinstance(first, Ground)
    assert isinstance(second, Ground)
    moved = first.moved(second)
    assert moved is not None
    assert moved.reason is PutOffReason.TREE_CHANGED
