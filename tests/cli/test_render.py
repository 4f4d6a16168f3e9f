"""How things look on a terminal: widths, and text from outside made harmless."""

from __future__ import annotations

import pytest

from reconciler.cli.render import table, width_of


@pytest.mark.parametrize(
    ("text", "width"), [("", 0), ("abc", 3), ("蒂姆·邓肯", 9), ("größe", 5), ("gro\u0308ße", 5), ("ｆ", 2)]
)
def test_a_texts_width_is_what_a_terminal_needs(text: str, width: int) -> None:
    assert width_of(text) == width


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    rows = [("a", "Running", "x"), ("蒂姆", "Failed", "long " * 30)]
    assert table(("NAME", "STATE", "REASON"), rows, flexible=2).splitlines() == [
        "NAME  STATE    REASON",
        "a     Running  x",
        "蒂姆  Failed   " + ("long " * 30).rstrip(),
    ]


def test_cells_are_made_harmless() -> None:
    assert table(("NAME",), [("a\nb\x1b[1m",)], flexible=0) == "NAME\na\\u000ab\\u001b[1m"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A terminal of 20 columns."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "20")
    return monkeypatch


def test_on_a_terminal_a_row_fits_in_a_line(terminal: pytest.MonkeyPatch) -> None:
    shown = table(("NAME", "REASON"), [("a", "it goes on and on and on")], flexible=1).splitlines()
    assert shown == ["NAME  REASON", "a     it goes on an…"]
    assert len(shown[1]) == 20


def test_wide_letters_are_cut_between_and_not_in_two(terminal: pytest.MonkeyPatch) -> None:
    [_, row] = table(("NAME", "REASON"), [("a", "蒂姆邓肯蒂姆邓肯")], flexible=1).splitlines()
    assert row == "a     蒂姆邓肯蒂姆…"
    [_, row] = table(("NAM", "REASON"), [("a", "蒂姆邓肯蒂姆邓肯")], flexible=1).splitlines()
    assert row == "a    蒂姆邓肯蒂姆邓…"


def test_a_terminal_that_is_too_narrow_still_shows_the_beginning(terminal: pytest.MonkeyPatch) -> None:
    terminal.setenv("COLUMNS", "5")
    [_, row] = table(("NAME", "REASON"), [("a", "it goes on and on")], flexible=1).splitlines()
    assert row == "a     it goes…"


def test_what_fits_is_not_cut(terminal: pytest.MonkeyPatch) -> None:
    assert table(("NAME", "REASON"), [("a", "short")], flexible=1) == "NAME  REASON\na     short"
