"""One pattern, by gitignore's rules; tests/source/test_ignore.py asks git itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.glob import MAX_LENGTH, Pattern, pattern_in


def fits(line: str, path: str) -> bool:
    pattern = pattern_in(line)
    assert isinstance(pattern, Pattern), pattern
    return pattern.fits(path)


@pytest.mark.parametrize("line", ["", "   ", "# a comment"])
def test_a_line_without_a_pattern_is_none(line: str) -> None:
    assert pattern_in(line) is None


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("a.yaml", "team/a.yaml"),
        ("/team/*.yaml", "team/a.yaml"),
        ("team/", "team/"),
        ("**/a.yaml", "a.yaml"),
        ("x/**/a", "x/a"),
        ("x/**/a", "x/y/z/a"),
        ("x/**", "x/y"),
        ("a*b*c", "aXbXbXc"),
        ("a*b*c", "abbc"),
        ("**", "a/b"),
        ("[[:digit:]x].yaml", "7.yaml"),
        ("[]a]", "]"),
        (r"[\]]", "]"),
        ("[a-]", "-"),
        (r"\#a", "#a"),
        (r"a\ ", "a "),
        ("a  ", "a"),
        ("[^a]", "b"),
        ("起*", "起始点"),
    ],
)
def test_a_pattern_fits(line: str, path: str) -> None:
    assert fits(line, path)


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("/a.yaml", "team/a.yaml"),
        ("team/*.yaml", "x/team/a.yaml"),
        ("team/", "team"),
        ("x/**", "x/"),
        ("a*b*c", "abcb"),
        ("a*aa", "aa"),
        ("x/**/y/**/a", "x/a"),
        ("[!a]", "a"),
        ("?", "ab"),
    ],
)
def test_a_pattern_does_not_fit(line: str, path: str) -> None:
    assert not fits(line, path)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("!", "names nothing"),
        ("//", "names nothing"),
        ("[a", "no ]"),
        ("[a\\", "no ]"),
        ("a\\", "escapes nothing"),
        ("[b-a]", "backwards"),
        ("[[:word:]]", "no class"),
        ("a" * (MAX_LENGTH + 1), "at most 255"),
    ],
)
def test_what_can_be_no_pattern_is_told(line: str, why: str) -> None:
    told = pattern_in(line)
    assert isinstance(told, str)
    assert why in told


@given(st.text("ab*?[]!^-\\/# ", max_size=12), st.text("ab/", min_size=1, max_size=12))
def test_no_line_and_no_path_raise(line: str, path: str) -> None:
    pattern = pattern_in(line)
    if isinstance(pattern, Pattern):
        pattern.fits(path)
