"""From events to values, strictly."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.compose import MAX_FAULTS, NOTHING, compose, places
from reconciler.core.fault import Code
from reconciler.core.yaml import parse


def composed(text):
    return compose(parse(text, 1).events, 1)


def value(text):
    found = composed(text)
    assert found.faults == []
    return found.value


def fault(text):
    [found] = composed(text).faults
    return found


def test_yaml_becomes_jsons_values():
    text = 'a: [1, 2.5, "x", true, ~]\nb: {c: 2022-8-19, "1": yes day}\nd: |\n  two\n  lines\n'
    assert value(text) == {
        "a": [1, 2.5, "x", True, None],
        "b": {"c": "2022-8-19", "1": "yes day"},
        "d": "two\nlines\n",
    }


@pytest.mark.parametrize("text", ["", "---\n", "# c\n", "--- # c\n"])
def test_no_content_is_nothing(text):
    assert value(text) is NOTHING


@pytest.mark.parametrize("text", ["~", "null", "''"])
def test_null_and_empty_text_are_content(text):
    assert value(text) is not NOTHING


@pytest.mark.parametrize(
    "word", ["no", "012", "1:30", "1_000", ".nan", "9007199254740993", "1e999", "~", "true"]
)
def test_quotes_make_text_of_anything(word):
    assert value(f"a: '{word}'\nb: \"{word}\"\nc: |-\n  {word}\n") == {"a": word, "b": word, "c": word}


@pytest.mark.parametrize(
    ("text", "code", "column", "message"),
    [
        (
            "a: no",
            Code.AMBIGUOUS,
            4,
            "a is no, which some YAML versions read as false and others as text. Write "
            'false, or "no" in quotes',
        ),
        (
            "a: {b: [x, 012]}",
            Code.AMBIGUOUS,
            12,
            "a.b[1] is 012, which YAML 1.1 and 1.2 read differently, for its "
            'leading zero. Write 12, or "012" in quotes',
        ),
        (
            "a: 9007199254740993",
            Code.NUMBER,
            4,
            "a is 9007199254740993, beyond ±9007199254740991, where programs "
            'begin to round integers. Write "9007199254740993" in quotes',
        ),
        ("a: &x 1", Code.ANCHOR, 4, "a has the anchor &x, which is not read. Take it out"),
        ("a: &x {}", Code.ANCHOR, 4, "a has the anchor &x, which is not read. Take it out"),
        ("a: *x", Code.ALIAS, 4, "a uses the alias *x, which is not read. Write the value out"),
        ("*x : 1", Code.ALIAS, 1, "the document uses the alias *x, which is not read. Write the value out"),
        (
            "a: !!str 1",
            Code.TAG,
            4,
            "a has the tag !!str, which is not read. Take it out, and quote what is text",
        ),
        ("a: ! 1", Code.TAG, 4, "a has the tag !, which is not read. Take it out, and quote what is text"),
        ("a: !x []", Code.TAG, 4, "a has the tag !x, which is not read. Take it out, and quote what is text"),
        (
            "!x a: 1",
            Code.TAG,
            1,
            "the document has the tag !x, which is not read. Take it out, and quote what is text",
        ),
        (
            "--- !!null\n",
            Code.TAG,
            5,
            "the document has the tag !!null, which is not read. Take it out, and quote what is text",
        ),
        (
            "<<: {a: 1}",
            Code.MERGE_KEY,
            1,
            "the document has a merge key (<<), which is not read. Write the fields out",
        ),
        (
            "{a: 1, a: 2}",
            Code.DUPLICATE_KEY,
            8,
            'the document has the key "a" twice, first on line 1. Keep one of them',
        ),
        (
            "{a: 1, 'a': 2}",
            Code.DUPLICATE_KEY,
            8,
            'the document has the key "a" twice, first on line 1. Keep one of them',
        ),
        (
            "1: x",
            Code.KEY_NOT_TEXT,
            1,
            'the document has the key 1, a number; keys are text. Write "1" in quotes',
        ),
        (
            "1.0000000000000001: x",
            Code.KEY_NOT_TEXT,
            1,
            "the document has the key 1.0000000000000001, a number; "
            'keys are text. Write "1.0000000000000001" in quotes',
        ),
        (
            "9007199254740993: x",
            Code.KEY_NOT_TEXT,
            1,
            "the document has the key 9007199254740993, a number; keys "
            'are text. Write "9007199254740993" in quotes',
        ),
        (
            "true: x",
            Code.KEY_NOT_TEXT,
            1,
            'the document has the key true, a boolean; keys are text. Write "true" in quotes',
        ),
        (
            "~: x",
            Code.KEY_NOT_TEXT,
            1,
            'the document has the key ~, nothing (null); keys are text. Write "~" in quotes',
        ),
        (
            "no: x",
            Code.AMBIGUOUS,
            1,
            "the document has the key no, which some YAML versions read as false and "
            'others as text. Write "no" in quotes',
        ),
        ("? [a]\n: x", Code.KEY_NOT_TEXT, 3, "the document has a list as a key; keys are text"),
        ("? {a: b}\n: {c: d}", Code.KEY_NOT_TEXT, 3, "the document has a mapping as a key; keys are text"),
        ('a: "\\e[31m"', Code.CHARACTER, 4, "a contains U+001B, a control character. Take it out"),
        ('a: "\\0"', Code.CHARACTER, 4, "a contains U+0000, a control character. Take it out"),
        ('a: "\\r"', Code.CHARACTER, 4, "a contains U+000D, a control character. Take it out"),
        ('a: "\\N"', Code.CHARACTER, 4, "a contains U+0085, a control character. Take it out"),
        (
            'a: "\\u202e"',
            Code.CHARACTER,
            4,
            "a contains U+202E, which changes the order of text. Take it out",
        ),
        (
            '"\\u2067": 1',
            Code.CHARACTER,
            1,
            "the document has a key with U+2067, which changes the order of text. Take it out",
        ),
    ],
)
def test_what_could_surprise_is_told_with_its_place_and_what_to_write(text, code, column, message):
    found = fault(text)
    assert (found.code, found.column, found.message) == (code, column, message)


def test_tabs_newlines_and_line_separators_from_escapes_are_text():
    assert value('a: "\\t\\n\\u2028\\ufeff"') == {"a": "\t\n\u2028\ufeff"}


def test_a_date_as_a_key_is_text():
    assert value("2022-8-19: x") == {"2022-8-19": "x"}


def test_a_quoted_merge_sign_is_a_key():
    assert value("'<<': x") == {"<<": "x"}


def test_a_key_has_at_most_1024_characters():
    assert value(f"? {'k' * 1024}\n: 1") == {"k" * 1024: 1}
    assert fault(f"? {'k' * 1025}\n: 1").code is Code.KEY_TOO_LONG


def test_the_first_of_two_equal_keys_counts():
    assert composed("a: 1\nb: 2\na: {c: [d]}\n").value == {"a": 1, "b": 2}


def test_all_faults_are_told_and_the_rest_is_read():
    found = composed("a: no\n1: {b: 012, c: [x]}\n? [p, 0x1]\n: q\nd: *e\nf: ok\n")
    assert [(each.code, each.path) for each in found.faults] == [
        (Code.AMBIGUOUS, ("a",)),
        (Code.KEY_NOT_TEXT, ()),
        (Code.AMBIGUOUS, ("1", "b")),
        (Code.KEY_NOT_TEXT, ()),
        (Code.AMBIGUOUS, ()),
        (Code.ALIAS, ("d",)),
    ]
    assert found.value == {"a": "no", "d": None, "f": "ok"}
    assert found.unread == {("a",), ("1", "b"), (), ("d",)}


def test_what_stands_before_a_syntax_error_is_read():
    assert composed("a: {b: [1, {c: d}], e: 'f\n").value == {"a": {"b": [1, {"c": "d"}]}}


def test_a_hostile_document_is_not_put_into_words_without_end():
    assert len(composed("[" + "no," * 5000 + "]").faults) == MAX_FAULTS


def test_messages_repeat_a_bounded_part_of_what_was_written():
    assert len(fault(f"a: 1{'0' * 5000}").message) < 200


def test_places_are_those_of_values_and_their_keys():
    spots = places(parse("a: 1\nb:\n  - x\n  - {c: 2}\n'd' : ä\n", 5).events, 5)
    assert {path: (place.key, place.value) for path, place in spots.items()} == {
        (): ((5, 1), (5, 1)),
        ("a",): ((5, 1), (5, 4)),
        ("b",): ((6, 1), (7, 3)),
        ("b", 0): ((7, 5), (7, 5)),
        ("b", 1): ((8, 5), (8, 5)),
        ("b", 1, "c"): ((8, 6), (8, 9)),
        ("d",): ((9, 1), (9, 7)),
    }


BIDI = "".join(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
VISIBLE = st.characters(exclude_categories=["Cc", "Cs"], exclude_characters=BIDI)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(VISIBLE),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(VISIBLE, max_size=20), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON, st.sampled_from([None, 2, "\t"]))
def test_json_is_read_as_json_reads_it(wanted, indent):
    assert value(json.dumps(wanted, indent=indent)) == wanted


def test_the_round_trip_keeps_the_type_of_numbers():
    assert [type(number) for number in value("[1, 1.0, 1e3, -0]")] == [int, float, float, int]
