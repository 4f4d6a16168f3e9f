"""Walks after others that were broken off, and trees that became something else under the same names."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.source.heard import Heard
from reconciler.source.tree import PutOff, Snapshot, Tree
from reconciler.source.walk import Walk
from tests.source.understanding import Understanding, put_off, snapshot, texts

FAR_NS = 2**62
"""A clock by which every file was written long ago."""


@pytest.fixture
def far(jobs: Path, understanding: Understanding) -> Tree:
    return Tree(jobs, understanding, now_ns=lambda: FAR_NS)


def breaks_at(name: str, monkeypatch: pytest.MonkeyPatch, then: Callable[[], object]) -> None:
    """The next walk that comes to this file finds it gone, and this happens."""
    exact = Walk._entry

    def entry(self: Walk, found: object, listing: object) -> None:
        if found.name == name:  # type: ignore[attr-defined]
            monkeypatch.setattr(Walk, "_entry", exact)
            then()
            Path(f"{self.root}/{name}").unlink()
        exact(self, found, listing)  # type: ignore[arg-type]

    monkeypatch.setattr(Walk, "_entry", entry)


def test_a_folder_that_cannot_be_read_hides_names_in_every_pass(
    jobs: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    (jobs / "sub").mkdir()
    (jobs / "sub" / "x.yaml").write_text("one")
    snapshot(tree)
    exact = Walk._folder

    def refused(self: Walk, here: object, outer: object) -> None:
        if here.prefix == "sub/":  # type: ignore[attr-defined]
            raise PermissionError(13, "Permission denied")
        exact(self, here, outer)  # type: ignore[arg-type]

    monkeypatch.setattr(Walk, "_folder", refused)
    for _ in range(3):
        seen = snapshot(tree)
        assert seen.unreadable == {"sub/"}
        assert seen.hides("sub/x.yaml")
    monkeypatch.setattr(Walk, "_folder", exact)
    assert snapshot(tree).unreadable == set()


def test_rules_that_cannot_be_told_hide_names_also_where_the_folder_could_not_be_read_before(
    jobs: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    (jobs / "sub").mkdir()
    (jobs / "sub" / "x.yaml").write_text("one")
    exact = Walk._folder

    def refused(self: Walk, here: object, outer: object) -> None:
        if here.prefix == "sub/":  # type: ignore[attr-defined]
            raise PermissionError(13, "Permission denied")
        exact(self, here, outer)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Walk, "_folder", refused)
        snapshot(tree)
    (jobs / "sub" / ".reconcilerignore").write_bytes(b"\xff\n")
    for _ in range(2):
        assert snapshot(tree).hides("sub/x.yaml")


def test_a_folder_that_a_broken_walk_has_entered_is_forgotten_with_what_is_in_it(
    jobs: Path, far: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    (jobs / "z.yaml").write_text("one")
    snapshot(far)
    (jobs / "a").mkdir()
    (jobs / "a" / "x.yaml").write_text("ghost")
    breaks_at("z.yaml", monkeypatch, lambda: None)
    put_off(far)
    shutil.rmtree(jobs / "a")
    (jobs / "z.yaml").write_text("two")
    seen = snapshot(far)
    assert texts(seen) == {"z.yaml": "two"}
    assert all(change.after is None or path == "z.yaml" for path, change in seen.changes.items())
    (jobs / "a").mkdir()
    (jobs / "a" / "x.yaml").write_text("ghost")
    assert list(snapshot(far).changes) == ["a/x.yaml"]


@pytest.mark.parametrize("is_directory_first", [True, False])
def test_a_name_that_became_another_kind_of_entry_is_taken_anew(
    jobs: Path, far: Tree, is_directory_first: bool
) -> None:
    def as_directory(root: Path) -> None:
        (root / "team").mkdir(parents=True)
        (root / "team" / "x.yaml").write_text("in")

    def as_file(root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        (root / "team").write_text("no manifest")

    first, second = (as_directory, as_file) if is_directory_first else (as_file, as_directory)
    first(jobs)
    (jobs / "a.yaml").write_text("one")
    snapshot(far)
    other = jobs.with_name("other")
    second(other)
    (other / "a.yaml").write_text("one")
    shutil.rmtree(jobs)
    other.rename(jobs)
    expected = {"a.yaml": "one"} | ({} if is_directory_first else {"team/x.yaml": "in"})
    for _ in range(3):
        assert texts(snapshot(far)) == expected


def test_a_folder_that_went_before_its_event_was_heard_puts_the_pass_off(jobs: Path, far: Tree) -> None:
    (jobs / "a" / "b").mkdir(parents=True)
    for path in ("a/x.yaml", "a/b/y.yaml"):
        (jobs / path).write_text("one")
    snapshot(far)
    shutil.rmtree(jobs / "a" / "b")
    (jobs / "a" / "x.yaml").write_text("two")
    heard = Heard(frozenset(str(jobs / path) for path in ("a/x.yaml", "a/b/y.yaml")))
    assert isinstance(far.scan(heard), PutOff)
    seen = far.scan(heard)
    assert isinstance(seen, Snapshot)
    assert (texts(seen), seen.is_complete) == ({"a/x.yaml": "two"}, True)


def test_a_folder_that_cannot_be_read_any_more_keeps_no_other_from_being_looked_at(
    jobs: Path, far: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    (jobs / "a").mkdir()
    for path in ("a/x.yaml", "m.yaml"):
        (jobs / path).write_text("one")
    snapshot(far)
    (jobs / "m.yaml").write_text("two")
    exact = Walk._folder

    def refused(self: Walk, here: object, outer: object) -> None:
        if here.prefix == "a/":  # type: ignore[attr-defined]
            raise PermissionError(13, "Permission denied")
        exact(self, here, outer)  # type: ignore[arg-type]

    monkeypatch.setattr(Walk, "_folder", refused)
    seen = far.scan(Heard(frozenset(str(jobs / path) for path in ("a/x.yaml", "m.yaml"))))
    assert isinstance(seen, Snapshot)
    assert (seen.changes.keys(), seen.is_complete) == ({"m.yaml", "a/x.yaml", "a/"}, True)
    assert seen.hides("a/x.yaml")
