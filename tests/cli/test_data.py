"""Data for programs, which a terminal may show."""

from __future__ import annotations

import json
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.cli.data import json_line, yaml_text
from reconciler.core.plain import plain

ODD = {"name": "蒂姆", "reason": "a\x1b[2J\x9b31m\u202eb\x00\u2028\x7f", "none": None, "list": ["x", 1]}
VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def is_harmless(text: str) -> bool:
    return all(plain(line) == line for line in text.split("\n"))


def test_letters_of_other_scripts_stay_as_they_are() -> None:
    assert "蒂姆" in json_line(ODD)
    assert yaml_text({"name": "蒂姆", "reason": "größe"}) == "name: 蒂姆\nreason: größe"


@given(VALUES)
def test_programs_read_what_was_meant_and_terminals_obey_nothing(value: Any) -> None:
    assert is_harmless(json_line([value, ODD]))
    assert json.loads(json_line([value, ODD])) == [value, ODD]
    assert json_line(value).count("\n") == 0


@given(VALUES)
def test_yaml_says_the_same(value: Any) -> None:
    text = yaml_text({"value": value, "odd": ODD})
    assert is_harmless(text)
    assert yaml.safe_load(text) == {"value": value, "odd": ODD}
