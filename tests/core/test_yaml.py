"""From text to events, under limits."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.fault import Code
from reconciler.core.yaml import MAX_DEPTH, MAX_EVENTS, parse


def scalars(text):
    found = parse(text, 1)
    assert found.fault is None
    return [event.value for event in found.events if isinstance(event, yaml.ScalarEvent)]


def test_a_document_is_read_to_its_end():
    assert scalars("a: [1, 'b']\n") == ["a", "1", "b"]


@pytest.mark.parametrize("bracket", ["[", "{a: ", "- ", "? "])
def test_depth_ends_the_reading_before_anything_is_built(bracket):
    found = parse(bracket * 60_000, 1)
    assert found.fault.code is Code.TOO_DEEP
    assert len(found.events) < 3 * MAX_DEPTH


def test_thirty_two_levels_are_read_and_thirty_three_are_not():
    assert parse("[" * MAX_DEPTH + "]" * MAX_DEPTH, 1).fault is None
    fault = parse("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), 1).fault
    assert (fault.code, fault.line, fault.column) == (Code.TOO_DEEP, 1, MAX_DEPTH + 1)


def test_brackets_in_text_are_no_levels():
    query = "  " + "[" * 50_000 + "\n"
    assert scalars(f"query: |\n{query}") == ["query", query.strip(" ")]


def test_events_are_counted():
    fits = MAX_EVENTS - 6
    assert parse("[" + "a," * fits + "]", 1).fault is None
    found = parse("[" + "a," * (fits + 1) + "]", 1)
    assert found.fault.code is Code.TOO_MANY_EVENTS
    assert len(found.events) == MAX_EVENTS + 1


@pytest.mark.parametrize(
    ("text", "line", "column", "cure"),
    [
        ("a: b: c\n", 1, 5, "in quotes"),
        ("a:\n\t- b\n", 2, 1, "spaces, not tabs"),
        ("a: @b\n", 1, 4, "in quotes"),
        ("ä: [1,\nb: 2\n", 3, 1, "Close the ["),
        ("ä: [1}\n", 1, 6, "Close the ["),
        ("{a: 1\n", 2, 1, "Close the {"),
        ("a: 'b\n", 2, 1, "Close the quotes"),
        ('a: "\\d"\n', 1, 5, "backslash"),
        ("a: 1\nb\n", 3, 1, "ends in"),
        ("- a\nb: 1\n", 2, 1, "same column"),
        ("a: 1\n... b\n", 2, 5, "three dashes"),
        ('a: "\\ud800"\n', 1, 7, "character itself"),
    ],
)
def test_a_syntax_error_has_its_place_and_a_cure(text, line, column, cure):
    fault = parse(text, 1).fault
    assert (fault.code, fault.line, fault.column) == (Code.SYNTAX, line, column)
    assert cure in fault.message


def test_places_count_from_the_documents_line_in_its_file():
    fault = parse("a: [b\nc: }\n", 10).fault
    assert fault.line == 11
    assert "line 10" in fault.message


def test_a_question_mark_that_versions_read_differently_is_refused():
    fault = parse("{a: 1, ?b: 2}", 1).fault
    assert (fault.code, fault.column) == (Code.AMBIGUOUS, 9)
    assert scalars("{? b : 'x?', c?: a?b}") == ["b", "x?", "c?", "a?b"]


@pytest.mark.parametrize(
    ("text", "column"),
    [('a: "x"#c\n', 7), ("a: |#c\n  x\n", 5), ("a: [b,#c\nd]\n", 7), ('😀: {"b": "\\ud83d\\ude00"}#c\n', 25)],
)
def test_a_comment_without_a_blank_before_it_is_no_yaml(text, column):
    fault = parse(text, 1).fault
    assert (fault.code, fault.line, fault.column) == (Code.SYNTAX, 1, column)
    assert "a comment has a blank before its #" in fault.message


@pytest.mark.parametrize(
    "text",
    [
        'a: "x" #c,#d\n# "e"#f\n',
        "a: | #c\n  x #y\n  z#\n# end#\n",
        "a: >-\t# x\n  y\n",
        "a: {b: c#d, e#f: 'g#h', i: \"j\\n#k\"}\n",
        "# c#\r\na: http://x/#y # d\r\n  # e\r\n#f\r\n",
        "- # x\n  a\n- # y\n- b\n",
        "? a #x\n: b #y\n",
        "#",
    ],
)
def test_other_hashes_are_fine(text):
    assert parse(text, 1).fault is None


def test_jsons_pairs_of_escapes_are_one_character():
    assert scalars(r'"\ud83d\uDE00\ud83d\ude00 \\ud83d\\ude00 \\\ud83d\ude00"') == [
        "😀😀 \\ud83d\\ude00 \\😀"
    ]


@pytest.mark.parametrize("quotes", ["'{}'", "{}", "|-\n  {}\n", ">-\n  {}\n"])
def test_outside_double_quotes_a_backslash_is_a_backslash(quotes):
    assert scalars("a: " + quotes.format(r"x \ud83d\ude00")) == ["a", r"x \ud83d\ude00"]


def test_a_pair_shifts_no_place():
    events = parse(r'{"\ud83d\ude00": a}', 1).events
    assert events[4].start_mark.column == len(r'{"\ud83d\ude00": ')


def test_a_text_that_uses_every_stand_in_is_refused_and_nothing_else():
    everything = "".join(map(chr, range(0x10FF00, 0x10FF10)))
    assert parse(rf'"{everything}\ud83d\ude00"', 1).fault.code is Code.SYNTAX
    assert scalars(f"'{everything}'") == [everything]


@given(st.text())
def test_no_text_raises(text):
    parse(text, 1)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_text_that_json_escapes_is_read_back(text):
    assert scalars(json.dumps(text)) == [text]
