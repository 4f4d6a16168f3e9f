"""What a scan costs: how many directories it lists and files it opens, counted at the system's door."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reconciler.source.folder import Change
from reconciler.source.heard import ANYTHING, NOTHING, Heard
from reconciler.source.kernel import directories_below
from reconciler.source.tree import Snapshot, Tree
from tests.source.git import Repository
from tests.source.understanding import Understanding, snapshot, texts

FOLDERS, FILES = 10, 20
THE_WAY = 60
"""What the look at the way to the tree and at git costs at most."""
HOUR_NS = 3_600 * 1_000_000_000


@pytest.fixture
def old(jobs: Path) -> Path:
    """A tree of some folders with some files each, all of them written an hour before anybody looks."""
    for folder in range(FOLDERS):
        (jobs / f"f{folder}").mkdir()
        for file in range(FILES):
            (jobs / f"f{folder}" / f"{file}.yaml").write_text(f"{folder}/{file}")
    return jobs


def later(jobs: Path, understanding: Understanding) -> Tree:
    """A tree whose files were all written long ago."""
    return Tree(jobs, understanding, now_ns=lambda: jobs.stat().st_ctime_ns + HOUR_NS)


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """How often what was asked of the system while the block lasted."""
    asked: Counter[str] = Counter()
    with monkeypatch.context() as patch:
        for name in ("scandir", "listdir", "open", "read", "lstat", "stat"):
            exact = getattr(os, name)

            def call(*args: Any, name: str = name, exact: Any = exact, **more: Any) -> Any:
                asked[name] += 1
                return exact(*args, **more)

            patch.setattr(os, name, call)
        yield asked


def scanned(tree: Tree, heard: Heard) -> Snapshot:
    seen = tree.scan(heard)
    assert isinstance(seen, Snapshot), seen
    return seen


def test_an_unchanged_tree_costs_one_look_at_each_file_and_folder_and_nothing_is_listed_or_read(
    old: Path, understanding: Understanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = later(old, understanding)
    scanned(tree, ANYTHING)
    with counted(monkeypatch) as asked:
        assert not scanned(tree, NOTHING).changes
    assert asked["scandir"] == asked["listdir"] == asked["read"] == 0
    looks = asked["lstat"] + asked["stat"]
    assert FOLDERS * FILES + FOLDERS <= looks <= FOLDERS * FILES + FOLDERS + THE_WAY


def test_a_file_that_was_heard_of_costs_its_own_folder(
    old: Path, understanding: Understanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = later(old, understanding)
    scanned(tree, ANYTHING)
    (old / "f1" / "2.yaml").write_text("new")
    with counted(monkeypatch) as asked:
        seen = scanned(tree, Heard(frozenset({str(old / "f1" / "2.yaml")})))
    assert seen.changes.keys() == {"f1/2.yaml"}
    assert not seen.is_complete
    assert asked["lstat"] + asked["stat"] <= FILES + THE_WAY
    assert texts(seen)["f1/2.yaml"] == "new"
    assert len(seen.files) == FOLDERS * FILES


@pytest.mark.parametrize(
    "heard",
    ["{jobs}/f1", "{jobs}/f1/2.txt", "{jobs}/new/2.yaml", "{jobs}/f1/.hidden.yaml", "/elsewhere/f1/2.yaml"],
)
def test_what_is_no_file_of_a_known_folder_has_everything_looked_at(
    old: Path, understanding: Understanding, heard: str
) -> None:
    tree = later(old, understanding)
    scanned(tree, ANYTHING)
    paths = frozenset({str(old / "f1" / "2.yaml"), heard.format(jobs=old)})
    assert scanned(tree, Heard(paths)).is_complete


def test_after_a_scan_that_did_not_count_everything_is_looked_at(
    old: Path, understanding: Understanding
) -> None:
    tree = later(old, understanding)
    scanned(tree, ANYTHING)
    old.rename(old.with_name("away"))
    tree.scan(NOTHING)
    old.with_name("away").rename(old)
    assert scanned(tree, Heard(frozenset({str(old / "f1" / "2.yaml")}))).is_complete


def test_a_folder_with_a_new_entry_is_listed_and_the_others_are_not(
    old: Path, understanding: Understanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = later(old, understanding)
    scanned(tree, ANYTHING)
    (old / "f1" / "new.yaml").write_text("new")
    with counted(monkeypatch) as asked:
        seen = scanned(tree, NOTHING)
    assert asked["scandir"] == 1
    assert list(seen.changes) == ["f1/new.yaml"]


def test_the_directories_that_a_scan_found_are_told_without_another_look(
    old: Path, understanding: Understanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = later(old, understanding)
    assert tree.directories() is None, "nothing was looked at"
    scanned(tree, ANYTHING)
    (old / "f1" / "0.yaml").rename(old / "f2" / "new.yaml")
    (old / "f3" / "below").mkdir()
    scanned(tree, ANYTHING)
    with counted(monkeypatch) as asked:
        found = tree.directories()
    assert found == directories_below(str(old)).keys()
    assert asked.total() == 0


def test_where_a_directory_is_too_new_to_be_believed_not_all_are_known(
    old: Path, understanding: Understanding
) -> None:
    tree = Tree(old, understanding, now_ns=lambda: (old / "f1").stat().st_ctime_ns)
    scanned(tree, ANYTHING)
    assert tree.directories() is None


def test_a_new_worktree_has_every_file_read_once_and_one_parsed(
    tmp_path: Path, understanding: Understanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = Repository(tmp_path / "repository", tmp_path)
    files = {f"{number}.yaml": f"text {number}" for number in range(20)}
    first, second = repository.commit(files), repository.commit(files | {"7.yaml": "new"})
    tree = Tree(tmp_path / "current" / "jobs.d", understanding, now_ns=lambda: 2**62)
    repository.publish(first, tmp_path)
    scanned(tree, ANYTHING)
    understanding.paths.clear()
    repository.publish(second, tmp_path)
    with counted(monkeypatch) as asked:
        seen = scanned(tree, ANYTHING)
    assert understanding.paths == ["7.yaml"]
    assert list(seen.changes) == ["7.yaml"]
    assert seen.is_complete
    assert asked["scandir"] == 1
    assert len(files) <= asked["read"] <= len(files) + THE_WAY
    assert seen.revision == second


def test_a_git_sync_link_that_leads_where_it_led_ends_the_pass_at_once(
    tmp_path: Path, understanding: Understanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = Repository(tmp_path / "repository", tmp_path)
    repository.publish(repository.commit({f"{n}.yaml": str(n) for n in range(500)}), tmp_path)
    tree = Tree(tmp_path / "current" / "jobs.d", understanding)
    scanned(tree, ANYTHING)
    with counted(monkeypatch) as asked:
        seen = scanned(tree, NOTHING)
    assert (seen.is_complete, dict(seen.changes), len(seen.files)) == (True, {}, 500)
    assert asked.total() < 400  # the links on the way, however deep it lies, and git's own state; no file
    (next((tmp_path / ".worktrees").iterdir()) / "jobs.d" / "7.yaml").write_text("by hand")
    assert not scanned(tree, NOTHING).changes
    assert list(scanned(tree, ANYTHING).changes) == ["7.yaml"]


def test_a_worktree_that_people_work_in_is_looked_at_each_time(
    tmp_path: Path, understanding: Understanding
) -> None:
    repository = Repository(tmp_path / "repository", tmp_path)
    repository.commit({"a.yaml": "one"})
    tree = Tree(repository.path / "jobs.d", understanding)
    before = snapshot(tree).files["a.yaml"]
    (repository.path / "jobs.d" / "a.yaml").write_text("two")
    seen = scanned(tree, NOTHING)
    assert seen.changes == {"a.yaml": Change(before, seen.files["a.yaml"])}


def test_a_change_is_told_once_however_many_scans_did_not_count(
    old: Path, understanding: Understanding
) -> None:
    tree = later(old, understanding)
    before = snapshot(tree).files["f1/2.yaml"]
    (old / "f1" / "2.yaml").write_text("new")
    lock_like = old.with_name("away")
    old.rename(lock_like)
    tree.scan(ANYTHING)
    lock_like.rename(old)
    seen = scanned(tree, ANYTHING)
    assert seen.changes == {"f1/2.yaml": Change(before, seen.files["f1/2.yaml"])}
    assert not scanned(tree, ANYTHING).changes


def test_a_link_that_only_looks_like_a_commit_has_everything_looked_at(
    tmp_path: Path, understanding: Understanding
) -> None:
    layouts = {f"overlay/{'ab' * 32}/merged": False, f".worktrees/{'ab' * 20}/jobs.d": True}
    for layout, is_at_once in layouts.items():
        (tmp_path / layout).mkdir(parents=True)
        (tmp_path / layout / "a.yaml").write_text("one")
        link = tmp_path / layout.partition("/")[0].lstrip(".")
        link = link.with_name(f"link-{link.name}")
        link.symlink_to(layout)
        tree = Tree(link, understanding)
        scanned(tree, ANYTHING)
        (tmp_path / layout / "b.yaml").write_text("two")
        assert ("b.yaml" not in scanned(tree, NOTHING).changes) is is_at_once
