"""A link inside the tree is followed only as far as the tree goes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.source import linked
from reconciler.source.linked import read_link
from reconciler.source.putoff import Unsettled
from reconciler.source.reading import Content, Unusable


@pytest.fixture
def root(jobs: Path) -> Iterator[int]:
    fd = os.open(jobs, os.O_RDONLY)
    yield fd
    os.close(fd)


def read(jobs: Path, root: int) -> Content | Unusable:
    """Read the link `link.yaml` at the root."""
    return read_link("link.yaml", root, "link.yaml", str(jobs), root)


def test_a_link_to_a_file_in_the_tree_gives_that_files_content(jobs: Path, root: int) -> None:
    (jobs / "a" / "b").mkdir(parents=True)
    (jobs / "a" / "b" / "x").write_bytes(b"one")
    (jobs / "link.yaml").symlink_to("a/../a/b/x")
    content = read(jobs, root)
    assert isinstance(content, Content)
    assert content.data == b"one"
    assert content.signature[0] == (jobs / "a" / "b" / "x").stat().st_ino


@pytest.mark.parametrize(
    "target", ["/etc/passwd", "../outside", "a/../../outside", "..", "../jobs.d-beside/x"]
)
def test_a_link_out_of_the_tree_is_told_and_not_read(jobs: Path, root: int, target: str) -> None:
    (jobs / "a").mkdir()
    (jobs.parent / "outside").write_bytes(b"secret")
    (jobs.parent / "jobs.d-beside").mkdir()
    (jobs.parent / "jobs.d-beside" / "x").write_bytes(b"secret")
    (jobs / "link.yaml").symlink_to(target)
    told = read(jobs, root)
    assert isinstance(told, Unusable)
    assert told.code == "link_outside"


@pytest.mark.parametrize("target", [".git/config", "a/.hidden.yaml", ".reconcilerignore"])
def test_a_link_to_what_begins_with_a_dot_is_told_and_not_read(jobs: Path, root: int, target: str) -> None:
    """Else a commit could have the URL in `.git/config`, and the password in it, told as a syntax error."""
    (jobs / target).parent.mkdir(exist_ok=True)
    (jobs / target).write_bytes(b"secret")
    (jobs / "link.yaml").symlink_to(target)
    told = read(jobs, root)
    assert isinstance(told, Unusable)
    assert told.code == "link_hidden"


def test_a_link_out_of_the_tree_by_way_of_another_link_is_told(jobs: Path, root: int) -> None:
    (jobs / "etc").symlink_to("/etc")
    (jobs / "link.yaml").symlink_to("etc/passwd")
    told = read(jobs, root)
    assert isinstance(told, Unusable)
    assert told.code == "link_outside"


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("nowhere", "link_broken"),
        ("link.yaml", "unreadable"),
        ("directory", "not_a_file"),
        ("fifo", "not_a_file"),
    ],
)
def test_a_link_to_what_is_no_file_is_told(jobs: Path, root: int, target: str, code: str) -> None:
    (jobs / "directory").mkdir()
    os.mkfifo(jobs / "fifo")
    (jobs / "link.yaml").symlink_to(target)
    told = read(jobs, root)
    assert isinstance(told, Unusable)
    assert told.code == code


def test_a_directory_exchanged_for_a_link_out_of_the_tree_puts_the_pass_off(
    jobs: Path, root: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (jobs / "a").mkdir()
    (jobs / "a" / "passwd").write_bytes(b"one")
    (jobs / "link.yaml").symlink_to("a/passwd")
    real = os.path.realpath(jobs / "link.yaml")
    (jobs / "a").rename(jobs / "b")
    (jobs / "a").symlink_to("/etc")
    monkeypatch.setattr(linked.os.path, "realpath", lambda path, strict: real)
    with pytest.raises(Unsettled):
        read(jobs, root)
