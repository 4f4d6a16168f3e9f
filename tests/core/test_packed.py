"""Documents as bytes, and back."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.model import (
    Digest,
    Document,
    Invalid,
    Manifest,
    Name,
    OnChange,
    OnDelete,
    OnUnknown,
    Problem,
    WorkflowId,
)
from reconciler.core.packed import packed, unpacked
from tests.core.builders import manifest

TEXT = st.text(max_size=20)
NAMES = TEXT.map(Name)

PROBLEMS = st.builds(Problem, TEXT, st.integers(1, 9), st.integers(1, 9), TEXT, TEXT, TEXT)
INVALID = st.builds(
    Invalid, st.none() | NAMES, TEXT, st.integers(1, 10**6), st.lists(PROBLEMS, max_size=3).map(tuple)
)
MANIFESTS = st.builds(
    Manifest,
    name=NAMES,
    workflow_id=st.integers(1, 10**40).map(str).map(WorkflowId),
    body=st.binary(max_size=300),
    digest=st.binary(min_size=32, max_size=32).map(bytes.hex).map(Digest),
    path=TEXT,
    line=st.integers(1, 10**6),
    is_suspended=st.booleans(),
    labels=st.dictionaries(TEXT, TEXT, max_size=2),
    on_unknown=st.sampled_from(OnUnknown),
    on_change=st.sampled_from(OnChange),
    on_delete=st.sampled_from(OnDelete),
    backoff_limit=st.integers(0, 10**6),
    active_deadline_s=st.none() | st.floats(0, 1e9) | st.integers(1, 2**53),
    depends_on=st.lists(NAMES, max_size=3).map(tuple),
)


@given(st.lists(MANIFESTS | INVALID, max_size=4).map(tuple))
def test_what_is_packed_is_the_same_when_it_is_unpacked(documents: tuple[Document, ...]) -> None:
    data = packed(documents)
    again = unpacked(data)
    assert again == documents
    assert packed(again) == data


def test_an_ordinary_manifest_takes_little_more_than_what_it_asks_for() -> None:
    [one] = [replace(manifest("a" * 20), body=b"{}" * 40)]
    assert len(packed((one,))) < len(one.body) + len(one.name) + len(one.path) + 32 + 24
