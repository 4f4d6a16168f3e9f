"""git's files are read as git writes them, and nothing in them leads us astray."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.source.worktree import Worktree, commit_of, stand, worktree_around
from tests.source.git import Repository


def commit(directory: Path) -> str | None:
    worktree = worktree_around(str(directory))
    assert worktree is not None
    return stand(worktree).commit


def test_the_commit_of_a_branch_is_found_from_a_directory_below(repository: Repository) -> None:
    made = repository.commit({"a.yaml": "one"})
    assert commit(repository.path / "jobs.d") == made


def test_the_commit_of_a_branch_whose_reference_is_packed_is_found(repository: Repository) -> None:
    made = repository.commit({"a.yaml": "one"})
    repository.git("branch", "another-main")
    repository.git("pack-refs", "--all")
    assert not (repository.path / ".git" / "refs" / "heads" / "main").exists()
    assert commit(repository.path) == made


def test_a_loose_reference_is_newer_than_a_packed_one(repository: Repository) -> None:
    repository.commit({"a.yaml": "one"})
    repository.git("pack-refs", "--all")
    made = repository.commit({"a.yaml": "two"})
    assert commit(repository.path) == made


def test_a_detached_head_is_its_commit(repository: Repository) -> None:
    made = repository.commit({"a.yaml": "one"})
    repository.git("checkout", "--quiet", "--detach")
    assert commit(repository.path) == made


def test_a_linked_worktree_has_its_own_head_and_shares_the_references(
    repository: Repository, tmp_path: Path
) -> None:
    made = repository.commit({"a.yaml": "one"})
    repository.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    assert commit(tmp_path / "side" / "jobs.d") == made
    worktree = worktree_around(str(tmp_path / "side"))
    assert worktree is not None
    assert worktree.git_dir == str(repository.path / ".git" / "worktrees" / "side")
    assert worktree.common_dir == str(repository.path / ".git")


def test_a_repository_of_sha256_is_read_the_same_way(tmp_path: Path, repository: Repository) -> None:
    other = tmp_path / "other"
    repository.git("init", "--quiet", "--object-format", "sha256", "--initial-branch", "main", str(other))
    repository.path = other
    made = repository.commit({"a.yaml": "one"})
    assert len(made) == 64
    assert commit(other) == made


def test_a_repository_without_a_commit_has_none(repository: Repository) -> None:
    assert commit(repository.path) is None


def test_a_directory_outside_of_any_repository_has_no_worktree(tmp_path: Path) -> None:
    assert worktree_around(str(tmp_path)) is None


def test_a_worktree_mounted_without_its_repository_is_none_even_inside_another_one(
    repository: Repository,
) -> None:
    mounted = repository.path / "mounted"
    mounted.mkdir()
    (mounted / ".git").write_text("gitdir: /nowhere/worktrees/x\n")
    assert worktree_around(str(mounted)) is None


def test_a_directory_named_dot_git_that_is_no_repository_is_passed_by(repository: Repository) -> None:
    made = repository.commit({"a.yaml": "one"})
    (repository.path / "jobs.d" / ".git").mkdir()
    assert commit(repository.path / "jobs.d") == made


def test_a_checkout_changes_the_stand_and_a_lock_shows_in_it(repository: Repository) -> None:
    repository.commit({"a.yaml": "one"})
    repository.commit({"a.yaml": "two"})
    worktree = worktree_around(str(repository.path))
    assert worktree is not None
    before = stand(worktree)
    repository.git("checkout", "--quiet", "HEAD~")
    after = stand(worktree)
    assert (before.index, before.head, before.commit) != (after.index, after.head, after.commit)
    assert before.index != after.index
    assert not after.is_locked
    (repository.path / ".git" / "index.lock").touch()
    assert stand(worktree).is_locked


@pytest.mark.parametrize(
    "head",
    [
        "ref: refs/../../secret",
        "ref: /etc/passwd",
        "ref: refs/heads/a b",
        "nonsense",
        "",
        "ref: refs/heads/main\n",
    ],
)
def test_a_head_that_git_would_not_write_leads_nowhere(tmp_path: Path, head: str) -> None:
    (tmp_path / "refs" / "heads").mkdir(parents=True)
    (tmp_path / "secret").write_text("0" * 40)
    assert commit_of(Worktree(str(tmp_path), str(tmp_path)), head) is None


def test_references_that_lead_to_each_other_end(tmp_path: Path) -> None:
    (tmp_path / "refs").mkdir()
    (tmp_path / "refs" / "a").write_text("ref: refs/b")
    (tmp_path / "refs" / "b").write_text("ref: refs/a")
    assert commit_of(Worktree(str(tmp_path), str(tmp_path)), "ref: refs/a") is None


def test_a_fifo_in_gits_place_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".git")
    assert worktree_around(str(tmp_path)) is None
