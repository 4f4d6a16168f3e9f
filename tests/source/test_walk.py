"""What is a manifest's file, what is left out, and what is told instead of read."""

from __future__ import annotations

import itertools
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.source import reading, walk
from reconciler.source.putoff import PutOffReason
from reconciler.source.reading import Content, Unusable
from reconciler.source.tree import Tree
from reconciler.source.walk import MAX_DEPTH
from tests.source.git import swap_link
from tests.source.understanding import Understanding, problem_codes, put_off, snapshot, texts


def test_only_yaml_and_json_files_without_a_leading_dot_are_read(jobs: Path, tree: Tree) -> None:
    for name in ("a.yaml", "b.yml", "c.json", "d.txt", ".e.yaml", "f.yaml~", "yaml", "README.md"):
        (jobs / name).write_text("one")
    (jobs / ".git").mkdir()
    (jobs / ".git" / "x.yaml").write_text("one")
    assert list(snapshot(tree).files) == ["a.yaml", "b.yml", "c.json"]


def test_the_order_does_not_depend_on_how_the_files_came_there(jobs: Path, tree: Tree) -> None:
    for name in ("b.yaml", "a/c.yaml", "c.yaml", "a/a.yaml", "é.yaml"):
        (jobs / name).parent.mkdir(exist_ok=True)
        (jobs / name).write_text("one")
    assert list(snapshot(tree).files) == ["a/a.yaml", "a/c.yaml", "b.yaml", "c.yaml", "é.yaml"]


def test_one_bad_file_stops_nothing_but_itself(jobs: Path, tree: Tree) -> None:
    os.mkfifo(jobs / "a-fifo.yaml")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(jobs / "a-socket.yaml"))
    (jobs / "a-large.yaml").write_bytes(b"a" * (reading.MAX_BYTES + 1))
    (jobs / "a-link.yaml").symlink_to("/etc/passwd")
    (jobs / "b.yaml").write_text("one")
    seen = snapshot(tree)
    assert problem_codes(seen) == {
        "a-fifo.yaml": "not_a_file",
        "a-large.yaml": "too_large",
        "a-link.yaml": "link_outside",
        "a-socket.yaml": "not_a_file",
    }
    assert texts(seen) == {"b.yaml": "one"}
    assert seen.unreadable == {"a-fifo.yaml", "a-large.yaml", "a-link.yaml", "a-socket.yaml"}
    assert not snapshot(tree).changes


def test_a_name_that_is_not_utf8_is_told_with_its_bytes_escaped(jobs: Path, tree: Tree) -> None:
    (jobs / os.fsdecode(b"\xff.yaml")).touch()
    (jobs / os.fsdecode(b"directory-\xfe")).mkdir()
    (jobs / "b.yaml").write_text("one")
    seen = snapshot(tree)
    assert problem_codes(seen) == {"\\xff.yaml": "name_not_utf8", "directory-\\xfe": "name_not_utf8"}
    assert texts(seen) == {"b.yaml": "one"}


def test_a_name_that_is_not_utf8_does_not_displace_the_file_that_has_its_escaped_name(
    jobs: Path, tree: Tree
) -> None:
    (jobs / os.fsdecode(b"\xff.yaml")).touch()
    (jobs / "\\xff.yaml").write_text("one")
    assert texts(snapshot(tree)) == {"\\xff.yaml": "one"}


def test_a_directory_that_is_a_link_is_not_followed(jobs: Path, tree: Tree) -> None:
    (jobs / "a").mkdir()
    (jobs / "a" / "x.yaml").write_text("one")
    (jobs / "a" / "loop").symlink_to("..")
    (jobs / "b").symlink_to("a")
    assert list(snapshot(tree).files) == ["a/x.yaml"]


def test_directories_may_go_so_deep_and_no_deeper(jobs: Path, tree: Tree) -> None:
    deep = jobs.joinpath(*["d"] * MAX_DEPTH)
    (deep / "d").mkdir(parents=True)
    (deep / "a.yaml").write_text("one")
    (deep / "d" / "a.yaml").write_text("one")
    seen = snapshot(tree)
    below = "d/" * MAX_DEPTH
    assert texts(seen) == {f"{below}a.yaml": "one"}
    assert problem_codes(seen) == {f"{below}d/": "too_deep"}
    assert seen.hides(f"{below}d/a.yaml")


def test_ignored_files_and_directories_are_left_out(jobs: Path, tree: Tree) -> None:
    (jobs / ".reconcilerignore").write_text("drafts/\n*.json\n")
    (jobs / "team" / "drafts").mkdir(parents=True)
    (jobs / "team" / ".reconcilerignore").write_text("!keep.json\n")
    for name in ("a.yaml", "a.json", "team/drafts/x.yaml", "team/keep.json", "team/b.json"):
        (jobs / name).write_text("one")
    assert list(snapshot(tree).files) == ["a.yaml", "team/keep.json"]


def test_where_the_rules_cannot_be_told_nothing_is_read_and_nothing_counts_as_gone(
    jobs: Path, tree: Tree
) -> None:
    (jobs / "team").mkdir()
    (jobs / "team" / ".reconcilerignore").write_bytes(b"*.json\n\xff\n")
    (jobs / "team" / "a.yaml").write_text("one")
    (jobs / "b.yaml").write_text("one")
    seen = snapshot(tree)
    assert texts(seen) == {"b.yaml": "one"}
    assert problem_codes(seen) == {"team/.reconcilerignore": "bad_ignore_rule"}
    assert seen.hides("team/a.yaml")
    assert not seen.hides("b.yaml")


def test_at_the_root_that_means_the_whole_tree(jobs: Path, tree: Tree) -> None:
    os.mkfifo(jobs / ".reconcilerignore")
    (jobs / "a.yaml").write_text("one")
    seen = snapshot(tree)
    assert texts(seen) == {}
    assert seen.hides("a.yaml")


def test_a_configmaps_files_are_read_through_their_links(jobs: Path, tree: Tree) -> None:
    config_map(jobs, "..2026_01", {"a.yaml": "one", "b.yaml": "one"})
    assert texts(snapshot(tree)) == {"a.yaml": "one", "b.yaml": "one"}
    config_map(jobs, "..2026_02", {"a.yaml": "one", "b.yaml": "two"})
    assert texts(snapshot(tree)) == {"a.yaml": "one", "b.yaml": "two"}


def test_a_configmap_that_changes_while_it_is_read_puts_the_pass_off(
    jobs: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    config_map(jobs, "..2026_01", {"a.yaml": "one", "b.yaml": "one"})
    read_link = walk.read_link

    def read(name: str, directory: int, path: str, root: str, root_fd: int) -> Content | Unusable:
        content = read_link(name, directory, path, root, root_fd)
        if name == "a.yaml":
            config_map(jobs, "..2026_02", {"a.yaml": "two", "b.yaml": "two"})
        return content

    with monkeypatch.context() as patch:
        patch.setattr(walk, "read_link", read)
        assert put_off(tree).reason is PutOffReason.LINK_SWAPPED
    assert texts(snapshot(tree)) == {"a.yaml": "two", "b.yaml": "two"}


def test_a_configmap_mounted_below_the_root_is_guarded_too(
    jobs: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    (jobs / "team").mkdir()
    config_map(jobs / "team", "..2026_01", {"a.yaml": "one"})
    count = itertools.count()
    monkeypatch.setattr(walk, "_data_mark", lambda fd: (next(count), 0, ""))
    assert put_off(tree).reason is PutOffReason.LINK_SWAPPED


def test_a_directory_or_file_that_may_not_be_read_is_told_and_hides_its_names() -> None:
    with tempfile.TemporaryDirectory() as directory:
        jobs = Path(directory) / "jobs.d"
        (jobs / "closed").mkdir(parents=True)
        (jobs / "closed" / "a.yaml").write_text("one")
        (jobs / "b.yaml").write_text("one")
        (jobs / "c.yaml").write_text("one")
        Path(directory).chmod(0o755)
        (jobs / "closed").chmod(0)
        (jobs / "b.yaml").chmod(0)
        with as_nobody():
            seen = snapshot(Tree(jobs, Understanding()))
        (jobs / "closed").chmod(0o755)
    assert texts(seen) == {"c.yaml": "one"}
    assert problem_codes(seen) == {"b.yaml": "unreadable", "closed/": "unreadable"}
    assert seen.hides("closed/a.yaml")
    assert seen.hides("b.yaml")


def test_no_descriptor_stays_open(jobs: Path, tree: Tree) -> None:
    (jobs / "a" / "b").mkdir(parents=True)
    (jobs / "a" / "x.yaml").symlink_to("b/y.yaml")
    (jobs / "a" / "b" / "y.yaml").write_text("one")
    before = set(Path("/proc/self/fd").iterdir())
    snapshot(tree)
    assert set(Path("/proc/self/fd").iterdir()) == before


def config_map(directory: Path, version: str, files: dict[str, str]) -> None:
    """Do what the kubelet does: a new data directory, `..data` exchanged for a link to it."""
    (directory / version).mkdir()
    for name, text in files.items():
        (directory / version / name).write_text(text)
    swap_link(directory / "..data", version)
    for name in files:
        if not (directory / name).is_symlink():
            (directory / name).symlink_to(f"..data/{name}")


@contextmanager
def as_nobody() -> Iterator[None]:
    """Be a user without rights for a while, where the tests run as root."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
