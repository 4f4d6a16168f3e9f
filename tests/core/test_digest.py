"""The digest is frozen: a vector that fails would submit every job again."""

import hashlib
import json
from pathlib import Path

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.digest import canonical_body, digest
from reconciler.core.manifest import read
from reconciler.core.model import Manifest, WorkflowId

VECTORS = json.loads(Path(__file__).with_name("digest_vectors.json").read_text(encoding="utf-8"))


def manifest(spec):
    document = {"apiVersion": "reconciler/v1", "kind": "WorkflowJob", "metadata": {"name": "a"}, "spec": spec}
    [read_back] = read("a.json", json.dumps(document).encode())
    assert isinstance(read_back, Manifest), read_back
    return read_back


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["title"] for vector in VECTORS])
def test_a_manifest_has_the_digest_that_it_always_had(vector):
    asked = manifest(vector["spec"])
    assert asked.digest == vector["digest"]
    assert hashlib.sha256(vector["canonical"].encode()).hexdigest() == vector["digest"]


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["title"] for vector in VECTORS])
def test_a_body_is_the_canonical_input_alone(vector):
    assert vector["canonical"].encode().startswith(manifest(vector["spec"]).body[:-1])
    assert json.loads(manifest(vector["spec"]).body) == {"input": vector["spec"].get("input", {})}


def test_the_vectors_differ_where_the_wish_differs():
    different = {vector["digest"] for vector in VECTORS}
    assert len(different) == len({vector["canonical"] for vector in VECTORS}) > 15


INPUTS = st.dictionaries(
    st.text(),
    st.dictionaries(st.text(), st.text() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e300, 1e300)),
)


@given(INPUTS, st.integers(1), st.none() | st.text() | st.integers(-100, 100))
def test_the_digest_is_that_of_the_whole_object_in_canonical_form(task_input, number, rerun):
    whole = {"workflowId": str(number), "input": task_input} | ({} if rerun is None else {"rerun": rerun})
    expected = hashlib.sha256(rfc8785.dumps(whole)).hexdigest()
    assert digest(WorkflowId(str(number)), canonical_body(task_input), rerun) == expected


LETTERS = st.text(st.sampled_from('aB1_-. "\\/\x7f\t\n\x01é起😀\u2028'), max_size=6)
NUMBERS = (
    st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-1e16, 1e16)
    | st.floats(-1e-3, 1e-3)
    | st.floats(1e-7, 1e-4)
    | st.sampled_from(
        [
            1e-4,
            9.999999999999999e-05,
            0.1,
            -0.5,
            1e15,
            999999999999999.9,
            4503599627370495.5,
            0.0,
            -0.0,
            1.0,
            5e-324,
        ]
    )
    | st.builds(lambda digits, exponent: float(f"{digits}e{exponent}"), st.integers(), st.integers(-25, 25))
)
USUAL = st.dictionaries(
    st.text("aB1_-.~", max_size=3), st.dictionaries(st.text("aB1_-.~", max_size=3), LETTERS | NUMBERS)
)


@settings(max_examples=500)
@given(USUAL)
def test_what_is_usual_is_written_as_rfc_8785_has_it(task_input):
    assert canonical_body(task_input) == rfc8785.dumps({"input": task_input})


@pytest.mark.parametrize("task_input", [{"q": {"a": 2**53}}, {"q": {"a": float("inf")}}])
def test_what_rfc_8785_refuses_is_not_written(task_input):
    with pytest.raises(rfc8785.CanonicalizationError):
        canonical_body(task_input)
