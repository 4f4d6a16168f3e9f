"""The short way through a document gives what the long way gives, or leaves the document to it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench import trees
from reconciler.core import manifest
from reconciler.core.clean import clean
from reconciler.core.compose import MAX_KEY, compose
from reconciler.core.documents import Text, texts
from reconciler.core.manifest import read
from reconciler.core.yaml import MAX_DEPTH, MAX_EVENTS, parse
from tests.fuzz.targets import TARGETS, YAML_WORDS
from tests.hostile.cases import cases
from tests.hostile.strategies import manifests

EXAMPLES = sorted((Path(__file__).parents[2] / "jobs.d").rglob("*.yaml"))
HOSTILE = [case.data for table in ("files", "yaml", "values") for case in cases(table)]


def agrees(text: str) -> bool:
    """Whether the short way read the text; fails where it read anything but what the long way reads."""
    found = clean(text)
    if found is None:
        return False
    events = parse(text, 7)
    composed = compose(events.events, 7)
    assert (events.fault, composed.faults) == (None, [])
    assert repr(found.value) == repr(composed.value)  # tells 1 from 1.0, and the order of keys
    assert found.lines_above == events.events[2].start_mark.line
    return True


def agrees_in(data: bytes) -> int:
    return sum(agrees(document.text) for document in texts(data) if isinstance(document, Text))


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.name for path in EXAMPLES])
def test_an_example_goes_the_short_way(path: Path) -> None:
    assert agrees_in(path.read_bytes())


def test_so_does_what_the_benchmark_reads() -> None:
    assert agrees_in(trees.manifest(1, 1).encode()) == 1


@pytest.mark.parametrize(
    "text",
    [
        'a: [1, 2.5, "x", \'y\', true, ~, -0.0]\nb: {c: 2022-8-19, "1": yes day}\n',
        "# a comment\n\n---\na: |\n  two\n  lines\nb: >-\n  folded\n  text\n",
        'a: "\\"player101\\", \\"player102\\""\n',
        "{a: {}, b: [], c: , d: [[]]}\n",
        "a: text # a comment\nb: c\n",
        '{"a": {"b": [1, null]}}\n',
        "é: 起\n",
    ],
)
def test_what_is_usual_goes_the_short_way(text: str) -> None:
    assert agrees(text)


@pytest.mark.parametrize(
    "text",
    [
        "a: &x 1\n", "a: *x\n", "&x a: 1\n", "!!str a: 1\n", "a: !!int 1\n", "a: !x {}\n", "a: &x []\n",
        "&x {}\n",
        "a: 1\na: 2\n", "'a': 1\na: 2\n", "<<: {}\n", "no: 1\n", "1: a\n", "~: a\n", "? a\n: b\n", "[a]: b\n",
        "{{}: 1}\n", f"{'k' * (MAX_KEY + 1)}: 1\n", f"'{'k' * (MAX_KEY + 1)}': 1\n", "a: no\n", "a: 0x1\n",
        f"a: {2**53}\n", "a: 1e999\n", 'a: "\\u202e"\n', '"\\x07": a\n', 'a: "\\ud83d\\ude00"\n',
        'a: "b"#c\n',
        "{?a: 1}\n", "a: [\n", "a: b: c\n", "a: \x07\n", "- a\n", "a\n", "", "--- {}\n--- {}\n",
        "{a: " * (MAX_DEPTH + 1) + "}" * (MAX_DEPTH + 1),
        "a: " + "[" * MAX_DEPTH + "]" * MAX_DEPTH,
        f"a: [{'b,' * MAX_EVENTS}]\n",
    ],
)  # fmt: skip
def test_what_is_odd_does_not(text: str) -> None:
    assert clean(text) is None


@pytest.mark.parametrize("is_over", [False, True])
def test_it_ends_at_the_same_number_of_events(is_over: bool) -> None:
    around = len(["stream", "document", "mapping", "key", "list", "list", "mapping", "document", "stream"])
    text = f"a: [{'b,' * (MAX_EVENTS - around + is_over)}]\n"
    assert agrees(text) is not is_over
    assert (parse(text, 1).fault is not None) is is_over


@pytest.mark.parametrize("is_over", [False, True])
def test_it_ends_at_the_same_depth(is_over: bool) -> None:
    depth = MAX_DEPTH - 1 + is_over
    text = f"a: {'[' * depth}{']' * depth}\n"
    assert agrees(text) is not is_over
    assert (parse(text, 1).fault is not None) is is_over


def test_it_agrees_on_every_hostile_manifest() -> None:
    for data in (*HOSTILE, *TARGETS["reader"].seeds):
        agrees_in(data)


@given(manifests())
def test_it_agrees_on_what_is_nearly_right(data: bytes) -> None:
    agrees_in(data)


WORDS = st.sampled_from([word.decode("utf-8", "replace") for word in YAML_WORDS])
LINES = st.lists(st.sampled_from(list("ab1-:, []{}\n\"'#?&*!|>~.")) | WORDS, max_size=30).map("".join)


@given(LINES)
@example('{"a"#b\n: 1}')
@example("a: b\n  c # d\n")
@example("a: |#b\n  c\n")
def test_it_agrees_on_any_text(text: str) -> None:
    agrees(text)
    agrees(f"a: {text}")


def without_it(monkeypatch: pytest.MonkeyPatch, data: bytes) -> object:
    with monkeypatch.context() as patch:
        patch.setattr(manifest, "clean", lambda _: None)
        return read("team/a.yaml", data)


@pytest.mark.parametrize("number", range(0, len(HOSTILE), 40))
def test_the_same_documents_are_read_without_it(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    good = trees.manifest(number, 9).encode()
    for data in HOSTILE[number : number + 40]:
        for whole in (data, good + b"---\n" + data, data + b"\n---\n" + good):
            assert read("team/a.yaml", whole) == without_it(monkeypatch, whole)


def test_a_usual_manifest_is_read_without_its_events_being_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(manifest, "parse")
    [found] = read("a.yaml", trees.manifest(1, 1).encode())
    assert found.name == "job-000001"
