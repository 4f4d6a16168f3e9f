"""A commit that a link names comes before the repository's."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.source.links import follow
from reconciler.source.revision import revision_of
from reconciler.source.worktree import Stand
from tests.source.git import swap_link

SHA1, SHA256, ANOTHER = "ab" * 20, "cd" * 32, "ef" * 20
AT_ANOTHER = Stand(is_locked=False, index=None, head=ANOTHER, commit=ANOTHER)


@pytest.mark.parametrize("commit", [SHA1, SHA256])
@pytest.mark.parametrize("below", [".", "jobs.d", "clusters/production/jobs.d"])
def test_the_worktree_that_the_link_points_to_names_the_commit(
    tmp_path: Path, commit: str, below: str
) -> None:
    (tmp_path / ".worktrees" / commit / below).mkdir(parents=True)
    swap_link(tmp_path / "current", f".worktrees/{commit}")
    assert revision_of(follow(str(tmp_path / "current" / below)), AT_ANOTHER) == commit


def test_a_link_to_a_directory_below_the_worktree_names_its_commit_too(tmp_path: Path) -> None:
    (tmp_path / SHA1 / "jobs.d").mkdir(parents=True)
    swap_link(tmp_path / "current", f"{tmp_path}/{SHA1}/jobs.d")
    assert revision_of(follow(str(tmp_path / "current")), None) == SHA1


def test_without_such_a_link_it_is_the_repositorys(tmp_path: Path) -> None:
    (tmp_path / SHA1).mkdir()
    assert revision_of(follow(str(tmp_path / SHA1)), AT_ANOTHER) == ANOTHER


@pytest.mark.parametrize("name", ["ab" * 19, SHA1.upper(), f"rev-{SHA1}", "current"])
def test_a_name_that_is_no_commit_is_none(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    swap_link(tmp_path / "link", name)
    assert revision_of(follow(str(tmp_path / "link")), None) is None
