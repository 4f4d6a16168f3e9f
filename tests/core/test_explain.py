"""What is said about fields that the schema refuses."""

import copy

import pytest

from reconciler.core.explain import explain
from reconciler.core.fault import Code

GOOD = {
    "apiVersion": "reconciler/v1",
    "kind": "WorkflowJob",
    "metadata": {"name": "a"},
    "spec": {"workflowId": "42", "input": {"query_1": {"name": "Tim"}}},
}


def with_change(path, value):
    document = copy.deepcopy(GOOD)
    inside = document
    for step in path[:-1]:
        inside = inside[step]
    inside[path[-1]] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "code", "message"),
    [
        (
            ("spec", "input", "query_1", "limit"),
            ["player101", "player102"],
            Code.WRONG_TYPE,
            "spec.input.query_1.limit is a list; a parameter is a string or a number. "
            'Explorer takes lists as text: "player101\\", \\"player102"',
        ),
        (
            ("spec", "input", "query_1", "limit"),
            [1, 2],
            Code.WRONG_TYPE,
            "spec.input.query_1.limit is a list; a parameter is a string or a number. "
            'Explorer takes lists as text: "1, 2"',
        ),
        (
            ("spec", "input", "query_1", "limit"),
            [["a"], 1],
            Code.WRONG_TYPE,
            "spec.input.query_1.limit is a list; a parameter is a string or a number. "
            'Explorer takes lists as text: "player101\\", \\"player102"',
        ),
        (
            ("spec", "input", "query_1", "deep"),
            True,
            Code.WRONG_TYPE,
            "spec.input.query_1.deep is the boolean true; a parameter is a string or a number. "
            'Explorer takes booleans as text: "True"',
        ),
        (
            ("spec", "input", "query_1", "用户 名"),
            None,
            Code.WRONG_TYPE,
            'spec.input.query_1."用户 名" is empty (null); a parameter is a string or a number. '
            'For empty text write ""',
        ),
        (
            ("spec", "input", "query_1"),
            None,
            Code.WRONG_TYPE,
            "spec.input.query_1 is empty (null); a task is a mapping. For a task without parameters write {}",
        ),
        (
            ("spec", "input"),
            None,
            Code.WRONG_TYPE,
            "spec.input is empty (null); an input is a mapping. "
            "For a workflow without parameters leave it away, or write {}",
        ),
        (
            ("spec", "suspend"),
            "yes",
            Code.WRONG_TYPE,
            'spec.suspend is the string "yes"; it takes true or false. Write true or false, without quotes',
        ),
        (
            ("spec", "backoffLimit"),
            "2",
            Code.WRONG_TYPE,
            'spec.backoffLimit is the string "2"; it takes an integer. Write digits without quotes',
        ),
        (
            ("spec", "dependsOn"),
            "b",
            Code.WRONG_TYPE,
            'spec.dependsOn is the string "b"; it takes a list. Write ["b"]',
        ),
        (
            ("metadata", "name"),
            7,
            Code.WRONG_TYPE,
            "metadata.name is the number 7; a name is a string. Put it in quotes",
        ),
        (
            ("metadata", "labels"),
            {"team": 42},
            Code.WRONG_TYPE,
            "metadata.labels.team is the number 42; a label is a string. Put it in quotes",
        ),
        (
            ("metadata", "labels"),
            {"a b": "c"},
            Code.WRONG_VALUE,
            'metadata.labels has the key "a b"; a label\'s key is at most 63 letters, digits, -, _ and ., '
            "beginning and ending with a letter or digit",
        ),
        (
            ("metadata", "name"),
            "Foo_Bar",
            Code.WRONG_VALUE,
            'metadata.name is "Foo_Bar"; a name is lower-case letters, digits, - and ., and each part '
            "between dots begins and ends with a letter or digit",
        ),
        (
            ("metadata", "name"),
            "a" * 254,
            Code.WRONG_VALUE,
            "metadata.name has 254 characters; at most 253 are taken",
        ),
        (
            ("metadata", "name"),
            "",
            Code.WRONG_VALUE,
            "metadata.name is empty; it needs at least one character",
        ),
        (
            ("spec", "input"),
            {"": {}},
            Code.WRONG_VALUE,
            'spec.input has the key "", which is empty; it needs at least one character',
        ),
        (
            ("spec", "workflowId"),
            "../../connect",
            Code.WRONG_VALUE,
            'spec.workflowId is "../../connect"; '
            "a workflow ID is at most 40 digits and does not begin with 0",
        ),
        (("spec", "workflowId"), 0, Code.WRONG_VALUE, "spec.workflowId is 0; the least is 1"),
        (
            ("spec", "workflowId"),
            1e21,
            Code.WRONG_VALUE,
            "spec.workflowId is 1e+21; the most is 9007199254740991",
        ),
        (
            ("spec", "activeDeadlineSeconds"),
            0,
            Code.WRONG_VALUE,
            "spec.activeDeadlineSeconds is 0; it must be more than 0",
        ),
        (
            ("spec", "onChange"),
            "que",
            Code.WRONG_VALUE,
            'spec.onChange is "que"; it must be one of submit, queue, replace',
        ),
        (("kind",), "Job", Code.WRONG_VALUE, 'kind is "Job"; it must be WorkflowJob'),
        (
            ("spec", "dependsOn"),
            ["b", "b"],
            Code.WRONG_VALUE,
            "spec.dependsOn names something twice; each may stand once",
        ),
        (
            ("spec", "dependsOn"),
            [f"n{number}" for number in range(101)],
            Code.WRONG_VALUE,
            "spec.dependsOn has 101 entries; at most 100 are taken",
        ),
        (
            ("spec", "dependsOn"),
            ["b", "C"],
            Code.WRONG_VALUE,
            'spec.dependsOn[1] is "C"; a name is lower-case letters, digits, - and ., and each part between '
            "dots begins and ends with a letter or digit",
        ),
        (
            ("metadata", "lables"),
            {},
            Code.UNKNOWN_FIELD,
            "metadata.lables is not a field; the nearest is labels. metadata takes name, labels",
        ),
        (
            ("Spec",),
            {},
            Code.UNKNOWN_FIELD,
            "Spec is not a field; the nearest is spec. A manifest takes apiVersion, kind, metadata, spec",
        ),
        (
            ("workflowId",),
            1,
            Code.UNKNOWN_FIELD,
            "workflowId is not a field; it belongs in spec. "
            "A manifest takes apiVersion, kind, metadata, spec",
        ),
        (
            ("metadata", "x" * 1000),
            1,
            Code.UNKNOWN_FIELD,
            f'metadata."{"x" * 59}…" is not a field. metadata takes name, labels',
        ),
    ],
)
def test_each_problem_says_where_what_and_what_to_write(path, value, code, message):
    [finding] = explain(with_change(path, value))
    assert (finding.code, finding.message) == (code, message)
    assert finding.path[: len(path)] == path


def test_each_missing_field_is_told_with_an_example():
    found = explain({"kind": "WorkflowJob", "metadata": {}, "spec": {}})
    assert [(each.path, each.message) for each in found] == [
        ((), 'the document has no apiVersion. Add it, for example apiVersion: "reconciler/v1"'),
        (("metadata",), 'metadata has no name. Add it, for example name: "tim-duncan-neighbours"'),
        (("spec",), 'spec has no workflowId. Add it, for example workflowId: "4216617528"'),
    ]


def test_a_document_that_is_no_mapping_is_told_so():
    [finding] = explain([GOOD])
    assert finding.message == "the document is a list; a manifest is a mapping"


def test_nothing_invisible_is_repeated():
    [finding] = explain(with_change(("metadata", "a\x1b\u202eb"), 1))
    assert 'metadata."a\\u001b\\u202eb" is not' in finding.message
    assert finding.message.isprintable()


def test_thousands_of_errors_give_about_a_hundred_findings():
    document = with_change(("spec", "input"), {f"t{number}": None for number in range(5000)})
    assert len(explain(document)) == 100
