"""Manifests and trees made by hypothesis, and the targets of `make fuzz` on inputs of its making."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.claims import desired_of
from reconciler.core.manifest import read
from reconciler.core.model import Manifest
from reconciler.core.policy import policy_in, reader_under
from reconciler.source.tree import Snapshot, Tree
from tests.fuzz.targets import TARGETS, read_file, read_reply
from tests.hostile.filesystem import GOOD
from tests.hostile.strategies import TEXTS, TREES, VALUES, Entry, manifests, plant


@pytest.mark.parametrize("name", TARGETS)
def test_what_fuzzing_begins_with_breaks_no_promise(name: str) -> None:
    for seed in TARGETS[name].seeds:
        TARGETS[name].try_one(seed)


@given(manifests())
def test_no_manifest_breaks_a_promise_of_the_reader(data: bytes) -> None:
    read_file(data)


@given(st.binary(max_size=1), st.sampled_from(TARGETS["replies"].seeds), st.binary(max_size=4), st.data())
def test_no_reply_breaks_a_promise_of_the_client(
    status: bytes, seed: bytes, noise: bytes, data: st.DataObject
) -> None:
    at = data.draw(st.integers(1, len(seed)))
    read_reply((status or b"\0") + seed[1:at] + noise + seed[at:])


@settings(max_examples=60, deadline=None)
@given(TREES)
def test_no_tree_blocks_the_reader_or_keeps_what_is_good_from_it(entries: list[Entry]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        (root / "good.yaml").write_text(GOOD.replace("NAME", "the-good-one"))
        (root / "bad").mkdir()
        plant(root / "bad", entries)
        seen = Tree(root, read).scan()
        assert isinstance(seen, Snapshot)
    desired = desired_of(document for file in seen.files.values() for document in file.documents)
    assert isinstance(desired.wishes.get("the-good-one"), Manifest)  # type: ignore[call-overload]
    assert all(it.line >= 1 and it.column >= 1 and it.message for it in desired.problems)


RULES = st.dictionaries(
    st.sampled_from(["path", "workflows", "max_manifests", "on_change_replace"]) | TEXTS, VALUES, max_size=4
)
GOOD_RULES = st.fixed_dictionaries(
    {"path": st.sampled_from(["*", "/a/", "*.yaml", "a/**/b"])},
    optional={"workflows": st.just(["42"]), "max_manifests": st.integers(0, 2)},
)


@given(st.lists(RULES | GOOD_RULES, max_size=3), manifests())
def test_no_policy_raises_and_none_changes_what_it_allows(
    rules: list[dict[str, object]], data: bytes
) -> None:
    policy, flaws = policy_in({"rule": rules})
    assert all(flaw.where.isprintable() and flaw.found.isprintable() for flaw in flaws)
    allowed = reader_under(policy)("a/x/b.yaml", data)
    plain = read("a/x/b.yaml", data)
    for document, ruled in zip(plain, allowed, strict=True):
        assert (document.name, document.line) == (ruled.name, ruled.line)
        if isinstance(ruled, Manifest):
            assert document == ruled
    desired_of(allowed, policy)
