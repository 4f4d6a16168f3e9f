"""The fast check says what jsonschema says."""

import copy

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from reconciler.core.check import check_for
from reconciler.core.schema import is_valid, schema

GOOD = {
    "apiVersion": "reconciler/v1",
    "kind": "WorkflowJob",
    "metadata": {"name": "a.b-c", "labels": {"team": "graph", "example.org/x": ""}},
    "spec": {
        "workflowId": "42",
        "input": {"query_1": {"name": "Tim", "limit": 1.5}},
        "rerun": 1,
        "suspend": False,
        "onChange": "queue",
        "backoffLimit": 2,
        "activeDeadlineSeconds": 0.5,
        "dependsOn": ["a", "b"],
    },
}
PATHS = [
    (),
    ("apiVersion",),
    ("metadata",),
    ("metadata", "name"),
    ("metadata", "labels"),
    ("metadata", "labels", "team"),
    ("metadata", "labels", "bad key"),
    ("metadata", "labels", "k" * 64),
    ("spec",),
    ("spec", "unknown"),
    ("spec", "workflowId"),
    ("spec", "input"),
    ("spec", "input", "query_1"),
    ("spec", "input", ""),
    ("spec", "input", "query_1", "name"),
    ("spec", "input", "query_1", "n" * 254),
    ("spec", "rerun"),
    ("spec", "suspend"),
    ("spec", "onChange"),
    ("spec", "backoffLimit"),
    ("spec", "activeDeadlineSeconds"),
    ("spec", "dependsOn"),
    ("spec", "dependsOn", 0),
]
VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["a", "a\n", "A", "-a", "42\n", "042", "1" * 40, "1" * 41, "b", "queue"])
    | st.sampled_from(["x" * 63, "x" * 64, "x" * 253, "x" * 254])
    | st.sampled_from([0, 1, -1, 2**53 - 1, 2**53, 1.0, 1e3, 0.0, 1000, 1001, 42.0])
    | st.lists(st.sampled_from(["a", "b", "B", 1, None]), max_size=3)
    | st.just([f"n{number}" for number in range(101)])
    | st.dictionaries(st.text(max_size=3), st.text(max_size=3) | st.integers(), max_size=2)
)  # fmt: skip
GONE = object()


def changed(path, value):
    document = copy.deepcopy(GOOD)
    if not path:
        return value
    *parents, last = path
    inside = document
    for step in parents:
        inside = inside[step]
    if value is not GONE:
        inside[last] = value
    elif isinstance(inside, dict):
        inside.pop(last, None)
    return document


def test_the_good_document_is_valid():
    assert is_valid(GOOD)


@given(st.sampled_from(PATHS), VALUES | st.just(GONE))
@example(("metadata", "name"), "a\n")
@example(("spec", "workflowId"), "42\n")
@example(("metadata", "labels", "team"), "a\n")
@example(("metadata", "labels", "team\n"), "a")
@example(("spec", "workflowId"), True)
@example(("spec", "input", "query_1", "name"), True)
@example(("spec", "dependsOn"), ["a", "a"])
def test_it_agrees_with_jsonschema_on_every_change(path, value):
    document = changed(path, value)
    assert is_valid(document) == Draft202012Validator(schema()).is_valid(document)


def test_a_keyword_that_it_does_not_know_is_no_schema():
    with pytest.raises(KeyError):
        check_for({"multipleOf": 2})
