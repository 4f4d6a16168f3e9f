"""From bytes to manifests, or to problems."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.manifest import MAX_PROBLEMS, read
from reconciler.core.model import Invalid, Manifest
from reconciler.core.schema import schema

HEAD = "apiVersion: reconciler/v1\nkind: WorkflowJob\n"
GOOD = HEAD + 'metadata: {name: good, labels: {team: graph}}\nspec:\n  workflowId: "42"\n'
EXAMPLES = sorted((Path(__file__).parents[2] / "jobs.d").glob("*.yaml"))


def the_one(text):
    data = text.encode() if isinstance(text, str) else text
    [document] = read("team/a.yaml", data)
    return document


def problems(text):
    document = the_one(text)
    assert isinstance(document, Invalid)
    return document.problems


def codes(text):
    return [problem.code for problem in problems(text)]


def test_a_valid_document_is_a_manifest():
    document = the_one("# c\n" + GOOD + "  suspend: true\n  input: {b: {n1: 1.0, x: Tim}, a: {}}\n")
    assert isinstance(document, Manifest)
    assert document.name == "good"
    assert document.workflow_id == "42"
    assert document.body == b'{"input":{"a":{},"b":{"n1":1,"x":"Tim"}}}'
    assert (document.path, document.line) == ("team/a.yaml", 2)
    assert document.is_suspended
    assert document.labels == {"team": "graph"}


def test_what_is_left_away_has_its_default():
    document = the_one(HEAD + "metadata: {name: a}\nspec: {workflowId: 42}\n")
    assert (document.body, document.is_suspended, document.labels) == (b'{"input":{}}', False, {})


@pytest.mark.parametrize(
    "same",
    [
        GOOD + "  input: {a: {x: 1, b: two}}\n",
        "# a comment\n" + GOOD + "  input:\n    a:\n      b: 'two' # another\n      x: 1.0\n",
        'spec: {input: {a: {"b": two, x: 1}}, workflowId: 42, suspend: true}\nmetadata: {name: b}\n' + HEAD,
        (GOOD + "  input: {a: {x: 1, b: two}}\n").replace("\n", "\r\n"),
        "%YAML 1.2\n---\n" + GOOD + "  input: {a: {x: 1e0, b: two}}\n...\n",
    ],
)  # fmt: skip
def test_only_what_is_asked_for_changes_the_digest(same):
    plain = the_one(GOOD + "  input: {a: {x: 1, b: two}}\n")
    assert the_one(same).digest == plain.digest


@pytest.mark.parametrize(
    "other",
    [
        "  input: {a: {x: '1', b: two}}\n",
        "  input: {a: {x: 1, b: Two}}\n",
        "  input: {a: {x: 1, b: two}}\n  rerun: 1\n",
    ],
)
def test_a_changed_value_or_rerun_changes_the_digest(other):
    assert the_one(GOOD + other).digest != the_one(GOOD + "  input: {a: {x: 1, b: two}}\n").digest


def test_a_last_newline_in_the_file_changes_nothing():
    text = GOOD + "  input:\n    a:\n      query: |\n        MATCH (v)\n        RETURN v"
    assert the_one(text).digest == the_one(text + "\n").digest


def test_every_problem_has_its_file_place_pointer_code_and_sentence():
    [problem] = problems(GOOD + "  input:\n    query_1: {a: 1, limit: [player101, player102]}\n")
    assert str(problem) == (
        "team/a.yaml:7:28: spec.input.query_1.limit is a list; a parameter is a string or a number. "
        'Explorer takes lists as text: "player101\\", \\"player102"'
    )
    assert (problem.pointer, problem.code) == ("/spec/input/query_1/limit", "wrong_type")


def test_a_pointer_escapes_as_rfc_6901_says():
    [problem] = problems(GOOD + "  input: {q: {a/b~c: []}}\n")
    assert problem.pointer == "/spec/input/q/a~1b~0c"


def test_columns_count_characters():
    [problem] = problems(GOOD + '  input: {查询: {"😀": no}}\n')
    assert (problem.line, problem.column) == (6, 21)


def test_all_problems_of_a_document_are_told_at_once_from_the_top_down():
    text = "kind: Job\nmetadata: {name: a, lables: {}}\n"
    text += "spec: {workflowId: 012, input: {q: {a: no, a: 1}}, rerun: []}\n"
    assert [(each.line, each.column, each.code) for each in problems(text)] == [
        (1, 1, "missing_field"),
        (1, 7, "wrong_value"),
        (2, 21, "unknown_field"),
        (3, 20, "ambiguous"),
        (3, 40, "ambiguous"),
        (3, 44, "duplicate_key"),
        (3, 59, "wrong_type"),
    ]


def test_a_syntax_error_hides_no_problem_above_it_and_invents_none_below():
    text = HEAD + "metadata: {name: A}\nspec:\n  input: {q: {a: no}}\n  suspend: [\n"
    assert codes(text) == ["wrong_value", "ambiguous", "wrong_type", "syntax"]


def test_a_refused_value_is_not_refused_twice():
    assert codes(GOOD + "  suspend: no\n") == ["ambiguous"]
    assert codes(GOOD + "  input: *x\n") == ["alias"]
    assert codes(GOOD + "  rerun: !!bool true\n") == ["tag"]


@pytest.mark.parametrize(
    "bad", ["a: b: c\n", "metadata: {name: other}\n", "[\n", "\xff", "a: \x00\n", "*x\n", '"\n']
)
def test_one_bad_document_stops_nothing_but_itself(bad):
    second = GOOD.replace("good", "second")
    data = f"{GOOD}---\n".encode() + bad.encode("latin-1") + f"---\n{second}".encode()
    if not bad.endswith("\n"):
        data = data.replace(b"\xff---", b"\xff\n---")
    first, invalid, last = read("a.yaml", data)
    assert isinstance(first, Manifest)
    assert isinstance(invalid, Invalid)
    assert isinstance(last, Manifest)
    assert (first.name, invalid.line, last.name) == ("good", 7, "second")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (GOOD + "  oops: 1\n", "good"),
        (GOOD + "  input: [\n", "good"),
        (GOOD.replace("name: good", "name: good, name: other"), "good"),
        ("apiVersion: x: y\nmetadata:\n  labels: {name: wrong}\n  name: kept # c\n", "kept"),
        ("a: @\n'metadata': {labels: {a: b}, name: 'kept'}\n", "kept"),
        ("a: [\nmetadata:\n  # c\n\n  labels:\n    name: wrong\n  name: kept\r\nspec: {name: x}\n", "kept"),
        ('{"kind": @, "metadata": {"name": "kept"}}', "kept"),
        ('{"kind": @,\n  "metadata": {\n    "name": "kept"\n  }\n}', "kept"),
        ("[" * 40 + "\nmetadata: {name: kept}\n", "kept"),
        (GOOD.encode("utf-16"), "good"),
        (GOOD.encode() + b"# \xff", "good"),
        (GOOD.encode() + b"#" * 300_000, "good"),
        (GOOD.replace("good", "Bad_Name"), None),
        (GOOD.replace("good", "good\\n"), None),
        (GOOD.replace("good", "012"), None),
        (GOOD.replace("name: good, ", ""), None),
        (HEAD + "metadata:\n  labels: {name: wrong}\n", None),
        ("a: @\nspec: {name: x}\n", None),
        ("- metadata: {name: a}\n", None),
        ("--- text\n", None),
    ],
)
def test_an_invalid_document_keeps_its_name_where_it_can_be_read(text, name):
    document = the_one(text)
    assert isinstance(document, Invalid)
    assert document.name == name


def test_documents_past_the_limit_keep_their_names():
    data = b"--- a\n" * 1000 + b"---\nmetadata: {name: kept}\n"
    *_, last = read("a.yaml", data)
    assert (last.name, last.line, last.problems[0].code) == ("kept", 1001, "too_many_documents")


@pytest.mark.parametrize(
    "field", ["onChange", "onDelete", "backoffLimit", "activeDeadlineSeconds", "dependsOn"]
)
def test_every_policy_of_the_schema_is_carried_by_the_manifest(field):
    fields = schema()["properties"]["spec"]["properties"]
    plain = the_one(GOOD)
    wanted = the_one(GOOD + f"  {field}: {json.dumps(fields[field]['examples'][0])}\n")
    assert wanted.policies != plain.policies
    assert wanted.digest == plain.digest


def test_so_many_problems_are_told_and_no_more():
    found = problems(GOOD + "  input: {" + ", ".join(f"t{number}" for number in range(150)) + "}\n")
    assert len(found) == MAX_PROBLEMS
    found = problems(GOOD + "  input: [" + "no, " * 150 + "]\n")
    assert len(found) == MAX_PROBLEMS
    assert found[-1].code == "too_many_problems"


@pytest.mark.parametrize(
    "word", ["workflowId: 42", "workflowId: '42'", "workflowId: 42.0", "workflowId: 4.2e1"]
)
def test_a_workflow_id_is_kept_as_digits(word):
    assert the_one(GOOD.replace('workflowId: "42"', word)).workflow_id == "42"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_valid(example):
    documents = read(example.name, example.read_bytes())
    assert documents
    assert all(isinstance(document, Manifest) for document in documents)


def test_the_examples_show_what_they_are_there_for():
    documents = [document for path in EXAMPLES for document in read(path.name, path.read_bytes())]
    assert 5 <= len(EXAMPLES) <= 8
    assert len({document.name for document in documents}) == len(documents) > len(EXAMPLES)
    assert any(document.is_suspended for document in documents)
    assert any(b"analytics_" in document.body for document in documents)
    assert any(not document.body.isascii() for document in documents)
    assert any(document.body == b'{"input":{}}' for document in documents)


@given(st.binary())
def test_no_bytes_raise(data):
    read("a.yaml", data)


PIECES = [
    *("---\n", "...\n", "%YAML 1.2\n", "\n", "\t", "  ", "#", "# %\n"),
    *("a", ": ", ":\n", "- ", "? ", "[", "]", "{", "}", ", ", '"', "'", "|\n", ">\n"),
    *("&a ", "*a", "!t ", "<<", "no", "012", "~", "metadata", "name", "spec", "input"),
    *("\\", "\\ud83d", "\x00", "\u202e", "\u2028", "\ufeff", "\xff"),
]


@given(st.sampled_from(["", GOOD, GOOD + "---\n"]), st.lists(st.sampled_from(PIECES), max_size=40))
def test_no_pieces_of_yaml_raise_and_every_problem_has_a_place(head, pieces):
    text = head + "".join(pieces)
    lines = text.count("\n") + 2
    for document in read("a.yaml", text.encode()):
        if isinstance(document, Invalid):
            assert document.problems
            for problem in document.problems:
                assert 1 <= problem.line <= lines
                assert problem.column >= 1
                assert problem.message.isprintable()


BIDI = "".join(map(chr, (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))))
TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters=BIDI), max_size=60)
NAMES = TEXT.filter(lambda name: 0 < len(name) <= 60)
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
INPUTS = st.dictionaries(NAMES, st.dictionaries(NAMES, TEXT | NUMBERS, max_size=4), max_size=4)
# What JSON leaves as it is and YAML versions read differently; as escapes these are fine.
ONLY_ESCAPED = "\u2028\u2029\ufeff\ufffe\uffff"


@given(INPUTS, st.booleans(), st.randoms(use_true_random=False))
def test_every_input_that_json_can_say_arrives_as_it_was(task_input, is_ascii, chance: random.Random):
    is_ascii = is_ascii or any(
        character in json.dumps(task_input, ensure_ascii=False) for character in ONLY_ESCAPED
    )
    spec = {"workflowId": "42", "input": task_input}
    head = {"apiVersion": "reconciler/v1", "kind": "WorkflowJob", "metadata": {"name": "good"}}
    whole = head | {"spec": spec}
    block = f"{GOOD}  input: {json.dumps(task_input, ensure_ascii=is_ascii)}\n"
    indented = json.dumps(whole, ensure_ascii=is_ascii, indent=chance.choice([1, 2, "\t"]))
    for text in (block, indented, json.dumps(whole, ensure_ascii=is_ascii, separators=(",", ":"))):
        document = the_one(text)
        assert isinstance(document, Manifest), document
        # As RFC 8785 sees it, a number is a double: 4.2e16 and 42000000000000000 are one.
        sent, wanted = document.body, json.dumps({"input": task_input})
        assert json.loads(sent, parse_int=float) == json.loads(wanted, parse_int=float)
