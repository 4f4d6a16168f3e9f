"""Text from outside as something that can be looked at."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.plain import plain, plain_json, plain_lines

TEXTS = st.text(st.characters(codec=None))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, größe 蒂姆 🏀 e\u0301", "plain text, größe 蒂姆 🏀 e\u0301"),
        ("[/x][link=http://x]", "[/x][link=http://x]"),
        ("\x1b[2Jgone", "\\u001b[2Jgone"),
        ("\x9b31m\x7f", "\\u009b31m\\u007f"),
        ("one\r\ntwo\ttab\x0b\x0c\x85\u2028", "one\\u000d\\u000atwo\\u0009tab\\u000b\\u000c\\u0085\\u2028"),
        ("a\u202eb\u2066c\u200fd\u061c", "a\\u202eb\\u2066c\\u200fd\\u061c"),
        ("a\u200bb\u200dc\ufeffd\u00ade\u3164f\u2062", "a\\u200bb\\u200dc\\ufeffd\\u00ade\\u3164f\\u2062"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("\udcff", "\\udcff"),
    ],
)
def test_what_steers_or_hides_is_shown_and_does_nothing(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(TEXTS)
def test_nothing_is_left_that_is_no_letter_mark_number_sign_or_blank(text: str) -> None:
    kept = plain(text)
    assert not [letter for letter in kept if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")]
    assert not [letter for letter in kept if unicodedata.bidirectional(letter) in _ORDERING]
    kept.encode()


_ORDERING = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


@given(st.recursive(TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=5))
def test_json_means_what_it_meant(value: object) -> None:
    shown = plain_json(json.dumps(value, ensure_ascii=False))
    assert json.loads(shown) == value
    assert plain(shown) == shown


@given(st.lists(st.text()))
def test_lines_stay_lines_and_no_text_makes_more_of_them(lines: list[str]) -> None:
    shown = plain_lines("\n".join(plain(line) for line in lines))
    assert len(shown.split("\n")) == max(1, len(lines))
    assert len(shown.splitlines()) <= max(1, len(lines))
