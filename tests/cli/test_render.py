"""How things look on a terminal: widths, ages, and text from outside made harmless."""

from __future__ import annotations

import pytest

from reconciler.cli.render import age, table, width_of


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


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "0s"),
        (0.9, "0s"),
        (119, "119s"),
        (120, "2m"),
        (150, "2m30s"),
        (599, "9m59s"),
        (600, "10m"),
        (3 * 3600 - 1, "179m"),
        (192, "3m12s"),
        (3 * 3600, "3h"),
        (7 * 3600 + 59 * 60 + 59, "7h59m"),
        (8 * 3600, "8h"),
        (48 * 3600 - 1, "47h"),
        (48 * 3600, "2d"),
        (52 * 3600, "2d4h"),
        (8 * 86400 - 1, "7d23h"),
        (8 * 86400, "8d"),
        (400 * 86400, "400d"),
        (731 * 86400, "2y1d"),
        (9 * 365 * 86400, "9y"),
    ],
)
def test_an_age_is_said_in_its_largest_unit(seconds: float, shown: str) -> None:
    assert age(seconds) == shown
