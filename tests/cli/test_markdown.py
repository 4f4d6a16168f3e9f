"""A plan as Markdown: nothing in it acts, and it fits into a comment."""

from __future__ import annotations

import re

import pytest

from reconciler.cli.markdown import MOST_LETTERS, escaped, fenced, markdown_of
from reconciler.cli.planned import Row
from reconciler.core.claims import Desired
from reconciler.core.difference import Change
from reconciler.core.model import Name
from reconciler.core.plan import Plan, World
from reconciler.engine.planning import Planning
from tests.core.builders import invalid

EMPTY = Planning(Desired({}, ()), World(), Plan((), (), (), is_guarded=False))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words, 42 of them - and more.", "plain words, 42 of them - and more."),
        ("a|b", "a&#124;b"),
        ("`code` *bold* _it_ <b>", "&#96;code&#96; &#42;bold&#42; &#95;it&#95; &#60;b&#62;"),
        ("@team see #12", "&#64;team see &#35;12"),
        ("[x](http://evil) www.evil", "&#91;x&#93;(http&#58;//evil) www&#46;evil"),
        ("one\ntwo\x1b", "one&#92;u000atwo&#92;u001b"),
    ],
)
def test_text_from_outside_is_only_text(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_long_text_is_cut() -> None:
    assert escaped("x" * 1000) == "x" * 299 + "…"


def test_a_fence_is_longer_than_what_it_holds() -> None:
    assert fenced(["a", "```", "````"], "diff")[0] == "`````diff"


def test_rows_problems_and_changes_are_there() -> None:
    change = Change(("spec", "input", "q", "a"), 1, 2)
    rows = [
        Row("submit", Name("a"), "the manifest changed", changes=(change,)),
        Row("nothing", Name("b"), "done"),
    ]
    planning = Planning(Desired({Name("c"): invalid("c")}, ()), World(), Plan((), (), (), is_guarded=True))
    shown = markdown_of(planning, rows)
    assert "| submit | `a` | the manifest changed |" in shown
    assert "`b`" not in shown
    assert "- a.yaml:3:5: spec is wrong" in shown
    assert f"`reconciler approve {planning.plan.hash}`" in shown
    assert "```diff\n- spec.input.q.a: 1\n+ spec.input.q.a: 2\n```" in shown


def test_it_fits_into_a_comment() -> None:
    changes = tuple(Change(("spec", "input", "q", str(at)), "x" * 50, "y" * 50) for at in range(100))
    rows = [Row("submit", Name(f"n{at}" + "n" * 240), "why " * 100, changes=changes) for at in range(500)]
    shown = markdown_of(EMPTY, rows)
    assert len(shown) <= MOST_LETTERS
    assert re.search(r"… and \d+ more rows: `reconciler plan` shows all", shown)
    assert re.search(r"… and \d+ more changes: `reconciler plan` shows all", shown)
    assert "  … and 160 more lines" in shown
    assert markdown_of(EMPTY, []) == "### Plan: 0 to submit, 0 with nothing to do.\n"
