"""The rows of a task's result: as the reference shows them, as a server may show them, and what is none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.outcome import Faulty
from reconciler.explorer.results import rows_in


def rows(data: Any) -> Any:
    return rows_in(json.dumps(data).encode())


def test_rows_are_texts() -> None:
    assert rows({"items": [["player101", "0.45"], ["player102", "0.26"]]}) == (
        ("player101", "0.45"),
        ("player102", "0.26"),
    )


@pytest.mark.parametrize("data", [{"items": []}, {"items": None}, {}, None])
def test_no_rows_are_no_fault(data: Any) -> None:
    assert rows(data) == ()


def test_what_is_no_text_is_shown_as_json() -> None:
    assert rows({"items": [[1, 0.5, None, True, {"a": [1]}], []]}) == (
        ("1", "0.5", "", "true", '{"a":[1]}'),
        (),
    )


@pytest.mark.parametrize("data", [[], 1, {"items": {}}, {"items": ["a"]}, {"items": [{"a": 1}]}])
def test_another_shape_is_told(data: Any) -> None:
    assert isinstance(rows(data), Faulty)


@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_no_bytes_make_the_reader_fall(data: bytes) -> None:
    rows_in(data)
