"""Label selectors: what each form admits, as in Kubernetes, and where a wrong one is wrong."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.selector import Requirement, Selector, SelectorError, selector_of

GRAPH = {"team": "graph", "example.org/tier": "1", "empty": ""}


@pytest.mark.parametrize(
    ("text", "is_selected"),
    [
        ("", True),
        ("  ", True),
        ("team=graph", True),
        ("team==graph", True),
        ("team = graph", True),
        ("team=search", False),
        ("team!=graph", False),
        ("team!=search", True),
        ("missing!=search", True),
        ("missing=search", False),
        ("team", True),
        ("missing", False),
        ("!team", False),
        ("!missing", True),
        ("! missing", True),
        ("team in (graph,search)", True),
        ("team in (graph)", True),
        ("team in(search,web)", False),
        ("team notin (graph,search)", False),
        ("team notin (search)", True),
        ("missing notin (search)", True),
        ("example.org/tier=1", True),
        ("team=graph,example.org/tier=1", True),
        ("team=graph, example.org/tier in (2, 3)", False),
        ("team in (graph,search),!missing", True),
        ("empty=", True),
        ("empty=,team=graph", True),
        ("team=", False),
        ("missing=", False),
        ("empty in ()", True),
        ("empty in (a,)", True),
        ("in in (in)", False),
    ],
)
def test_a_selector_selects_as_kubectl_does(text: str, is_selected: bool) -> None:
    assert selector_of(text).selects(GRAPH) is is_selected


def test_words_of_the_syntax_may_be_keys_and_values() -> None:
    labels = {"in": "notin", "notin": "in"}
    assert selector_of("in=notin,notin in (in)").selects(labels)
    assert selector_of("in").selects(labels)
    assert not selector_of("!in").selects(labels)


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        ("=graph", 1, "a label's key"),
        ("team=graph,", 12, "a label's key"),
        (",team=graph", 1, "a label's key"),
        ("team graph", 6, "=, !=, in, notin or a comma"),
        ("team=graph web", 12, "a comma"),
        ("team in graph", 9, "("),
        ("team in (graph", 15, ")"),
        ("team in (graph web)", 16, ")"),
        ("team in", 8, "("),
        ("!", 2, "a label's key"),
        ("!team=graph", 6, "=, !=, in, notin or a comma"),
        ("team>1", 5, "=, !=, in, notin or a comma"),
        ("team=grüße", 8, "a comma"),
        ("team=\x1b[2J", 6, "a label's value"),
        ("-team", 1, "a label's key"),
    ],
)
def test_what_is_no_selector_is_told_with_its_place(text: str, column: int, expected: str) -> None:
    with pytest.raises(SelectorError) as caught:
        selector_of(text)
    assert (caught.value.column, caught.value.expected) == (column, expected)


def test_a_wrong_selector_says_what_stands_there() -> None:
    with pytest.raises(SelectorError, match=r"'team in graph': 'graph' stands where \( was expected"):
        selector_of("team in graph")
    with pytest.raises(SelectorError, match=r"'!': it ends where a label's key was expected \(column 2\)"):
        selector_of("!")


WORDS = st.from_regex(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,5}[A-Za-z0-9])?", fullmatch=True)
REQUIREMENTS = st.builds(Requirement, WORDS, st.none() | st.frozensets(WORDS, min_size=1), st.booleans())


def written(requirement: Requirement) -> str:
    key, values = requirement.key, requirement.values
    if values is None:
        return f"!{key}" if requirement.is_excluded else key
    return f"{key} {'notin' if requirement.is_excluded else 'in'} ({', '.join(values)})"


@given(st.lists(REQUIREMENTS, min_size=1, max_size=4))
def test_what_is_written_is_what_is_read(requirements: list[Requirement]) -> None:
    text = ",".join(map(written, requirements))
    assert selector_of(text) == Selector(tuple(requirements))


@given(st.text("ab=!,() inot\x1b", max_size=14), st.dictionaries(WORDS, WORDS, max_size=2))
def test_any_text_is_a_selector_or_told(text: str, labels: Mapping[str, str]) -> None:
    try:
        selector_of(text).selects(labels)
    except SelectorError as wrong:
        found = wrong
    else:
        return
    assert 1 <= found.column <= len(text) + 1
    assert "\x1b" not in str(found)
