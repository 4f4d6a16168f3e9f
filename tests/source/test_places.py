"""Where to listen follows from the way to the directory as it is at the moment."""

from __future__ import annotations

from pathlib import Path

from reconciler.source.places import GIT_NAMES, places
from tests.source.git import Repository, swap_link


def names(jobs_dir: Path) -> dict[str, frozenset[str] | None]:
    """The names that matter, by place; None for the tree."""
    return {place.path: place.names for place in places(str(jobs_dir))}


def test_a_plain_directory_is_listened_at_whole_and_its_parent_for_its_name(jobs: Path) -> None:
    assert names(jobs) == {str(jobs): None, str(jobs.parent): frozenset({"jobs.d"})}
    assert places(str(jobs))[0].is_tree


def test_every_link_is_listened_for_in_the_directory_that_holds_it(
    repository: Repository, tmp_path: Path
) -> None:
    commit = repository.commit({"a.yaml": "one"})
    repository.publish(commit, tmp_path)
    worktree = tmp_path / ".worktrees" / commit
    assert names(tmp_path / "current" / "jobs.d") == {
        str(worktree / "jobs.d"): None,
        str(worktree): frozenset({"jobs.d"}),
        str(tmp_path): frozenset({"current"}),
        str(repository.path / ".git" / "worktrees" / commit): GIT_NAMES,
    }


def test_where_the_way_breaks_the_missing_name_is_waited_for(tmp_path: Path) -> None:
    assert names(tmp_path / "a" / "b") == {str(tmp_path): frozenset({"a"})}
    (tmp_path / "link").symlink_to("x/y")
    assert names(tmp_path / "link" / "jobs.d") == {str(tmp_path): frozenset({"link", "x"})}


def test_a_file_in_the_way_is_waited_to_be_something_else(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert names(tmp_path / "file" / "jobs.d") == {str(tmp_path): frozenset({"file"})}


def test_the_places_are_others_once_the_directory_is_another(jobs: Path) -> None:
    before = places(str(jobs))
    assert places(str(jobs)) == before
    jobs.rename(jobs.with_name("old"))
    jobs.mkdir()
    assert places(str(jobs)) != before


def test_the_places_are_others_once_a_link_leads_elsewhere(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    swap_link(tmp_path / "link", "one")
    before = places(str(tmp_path / "link"))
    swap_link(tmp_path / "link", "two")
    assert places(str(tmp_path / "link")) != before
