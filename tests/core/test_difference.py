"""What differs between two manifests, value by value."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.difference import Asked, Change, differences
from reconciler.core.model import WorkflowId


def asked(tasks: Any, workflow: str = "42") -> Asked:
    return Asked(WorkflowId(workflow), json.dumps({"input": tasks}).encode())


def lines(before: Any, after: Any) -> list[str]:
    return [line for change in differences(asked(before), asked(after)) for line in change.lines()]


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ({"q": {"a": 1}}, {"q": {"a": 1}}, []),
        ({"q": {"a": 1}}, {"q": {"a": 2}}, ["- spec.input.q.a: 1", "+ spec.input.q.a: 2"]),
        ({"q": {"a": 1}}, {"q": {"a": "1"}}, ["- spec.input.q.a: 1", '+ spec.input.q.a: "1"']),
        ({}, {"q": {"b": "蒂姆"}}, ['+ spec.input.q.b: "蒂姆"']),
        ({"q": {"b": 0.5}}, {}, ["- spec.input.q.b: 0.5"]),
        ({"q": {}}, {"r": {}}, ['- spec.input.q: "{}"', '+ spec.input.r: "{}"']),
        ({"q": {"a.b": 1}}, {"q": {}}, ['+ spec.input.q: "{}"', '- spec.input.q."a.b": 1']),
        (
            {"q": {"x\x1b": 1}},
            {"q": {"x\x1b": 2}},
            ['- spec.input.q."x\\u001b": 1', '+ spec.input.q."x\\u001b": 2'],
        ),
    ],
)
def test_a_change_is_shown_with_its_place(before: Any, after: Any, shown: list[str]) -> None:
    assert lines(before, after) == shown


def test_another_workflow_is_a_change() -> None:
    assert differences(asked({}, "42"), asked({}, "43")) == (Change(("spec", "workflowId"), "42", "43"),)


def test_text_of_several_lines_is_compared_line_by_line() -> None:
    before = "MATCH (v)\nWHERE v.age > 1\nRETURN v"
    after = "MATCH (v)\nWHERE v.age > 2\nRETURN v"
    assert lines({"q": {"ngql": before}}, {"q": {"ngql": after}}) == [
        "  spec.input.q.ngql:",
        "      MATCH (v)",
        "-     WHERE v.age > 1",
        "+     WHERE v.age > 2",
        "      RETURN v",
    ]
    before = "\n".join(map(str, range(20)))
    after = before.replace("3", "x").replace("9", "y")
    assert "      …" in lines({"q": {"ngql": before}}, {"q": {"ngql": after}})


INPUTS = st.dictionaries(
    st.text(min_size=1, max_size=3),
    st.dictionaries(st.text(min_size=1, max_size=3), st.text(max_size=4) | st.integers(-5, 5), max_size=3),
    max_size=3,
)


@given(INPUTS, INPUTS)
def test_something_differs_if_and_only_if_something_does(before: Any, after: Any) -> None:
    found = differences(asked(before), asked(after))
    assert (found == ()) == (before == after)
    assert all(change.before != change.after for change in found)
    assert all(change.lines() for change in found)
