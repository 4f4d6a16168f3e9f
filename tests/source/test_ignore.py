"""`.reconcilerignore` means what `.gitignore` means: git itself is asked."""

from __future__ import annotations

import subprocess

import pytest

from reconciler.source.ignore import BadRules, Rules, parse
from tests.source.git import Repository


def rules(outer: str, inner: str = "") -> Rules:
    """Rules at the root, and in the directory `inner/`."""
    found = Rules()
    for directory, text in (("", outer), ("inner/", inner)):
        spec = parse(text.encode())
        assert not isinstance(spec, BadRules)
        found = found.below(directory, spec)
    return found


@pytest.mark.parametrize(
    ("outer", "inner", "path"),
    [
        ("x.yaml", "", "x.yaml"),
        ("x.yaml", "", "inner/x.yaml"),
        ("/x.yaml", "", "inner/x.yaml"),
        ("*.yaml", "!x.yaml", "inner/x.yaml"),
        ("*.yaml", "!x.yaml", "inner/y.yaml"),
        ("", "/x.yaml", "inner/x.yaml"),
        ("", "x.yaml", "x.yaml"),
        ("*\n!x.yaml", "", "x.yaml"),
        ("# x.yaml", "", "x.yaml"),
        ("a?c.yaml", "", "abc.yaml"),
        ("[a-c].yaml", "", "b.yaml"),
        ("x.yaml ", "", "x.yaml"),
    ],
)
def test_a_path_is_left_out_if_git_would_ignore_it(
    repository: Repository, outer: str, inner: str, path: str
) -> None:
    (repository.path / "inner").mkdir()
    (repository.path / ".gitignore").write_text(outer)
    (repository.path / "inner" / ".gitignore").write_text(inner)
    (repository.path / path).touch()
    try:
        repository.git("check-ignore", "--quiet", path)
        is_ignored = True
    except subprocess.CalledProcessError:
        is_ignored = False
    layers = rules(outer, inner) if path.startswith("inner/") else rules(outer)
    assert layers.leave_out(path) == is_ignored


def test_a_rule_that_ends_in_a_slash_is_for_directories() -> None:
    assert rules("drafts/").leave_out("drafts/")
    assert not rules("drafts/").leave_out("drafts")


def test_a_line_that_is_no_rule_is_told_by_its_number() -> None:
    said = parse(b"*.yaml\n!\n")
    assert isinstance(said, BadRules)
    assert said.line == 2


def test_text_that_is_not_utf8_is_told_by_its_line() -> None:
    said = parse(b"*.yaml\n\xff\n")
    assert said == BadRules(2, "the text is not UTF-8")


def test_a_pattern_that_would_never_end_to_match_is_refused() -> None:
    said = parse(b"*a" * 25 + b"b")
    assert isinstance(said, BadRules)
    assert "at most 3" in said.why
