"""Tables and paragraphs that fit the terminal, and colours that stay off where they are not wanted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.cli.layout import (
    Column,
    Cut,
    Tone,
    Toned,
    cut,
    fitted,
    grid,
    grid_text,
    is_coloured,
    painted,
    wrapped,
    wrapped_grid,
)
from reconciler.cli.render import width_of

NAMES = (Column("NAME", Cut.MIDDLE), Column("STATE"), Column("REASON", Cut.END))


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A terminal of 40 columns."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return monkeypatch


def test_without_a_terminal_nothing_is_cut_and_nothing_coloured() -> None:
    long = "n" * 253
    assert grid_text(NAMES, [(long, Toned("Held", Tone.BAD), "why")]).splitlines() == [
        f"NAME{' ' * 249}  STATE  REASON",
        f"{long}  Held   why",
    ]


def test_on_a_terminal_the_longest_columns_give_way(terminal: pytest.MonkeyPatch) -> None:
    [_, row] = grid_text(NAMES, [("short", "Held", "it goes on and on and on and on")]).splitlines()
    assert row == "short  Held   it goes on and on and on …"
    [_, row] = grid_text(NAMES, [("a-name-that-goes-on-to-its-end", "Held", "why")]).splitlines()
    assert row == "a-name-that-…n-to-its-end  Held   why"
    [_, row] = grid_text(NAMES, [("n" * 30, "Held", "r" * 30)]).splitlines()
    assert row == "nnnnnnnn…nnnnnnn  Held   rrrrrrrrrrrrrr…"


def test_a_row_is_never_longer_than_the_terminal(terminal: pytest.MonkeyPatch) -> None:
    terminal.setenv("COLUMNS", "12")
    lines = grid_text(NAMES, [("n" * 30, "Interrupted", "r" * 30)]).splitlines()
    assert lines == ["NAME      S…", "nnnnnnn…  I…"]


def test_spare_columns_go_before_the_others_say_nothing(terminal: pytest.MonkeyPatch) -> None:
    columns = (
        *(Column("NAME", Cut.MIDDLE), Column("A", is_spare=True), Column("PATH", Cut.END, is_spare=True)),
        Column("REASON", Cut.END),
    )
    rows = [("n" * 30, "a", "p" * 30, "r" * 30)]
    assert grid_text(columns, rows).splitlines()[0].split() == ["NAME", "REASON"]
    terminal.setenv("COLUMNS", "45")
    assert grid_text(columns, rows).splitlines()[0].split() == ["NAME", "A", "REASON"]
    terminal.setenv("COLUMNS", "70")
    assert grid_text(columns, rows).splitlines()[0].split() == ["NAME", "A", "PATH", "REASON"]


def test_an_indent_counts(terminal: pytest.MonkeyPatch) -> None:
    lines = grid_text(NAMES, [("n" * 30, "Held", "r" * 30)], indent=4).splitlines()
    assert {len(line) for line in lines} <= set(range(41))
    assert all(line.startswith("    ") for line in lines)


def test_rows_that_come_later_keep_the_columns(terminal: pytest.MonkeyPatch) -> None:
    made = grid(NAMES, [("name", "Held", "why")])
    assert made.row(("a-longer-name", "Running", "x")).replace("\x1b", "") == "a-l…  Runn…  x"


def test_colours_stand_around_the_text_and_not_in_the_widths(terminal: pytest.MonkeyPatch) -> None:
    [_, row] = grid_text(NAMES, [("a", Toned("Held", Tone.BAD), "why")]).splitlines()
    assert row == "a     \x1b[31mHeld \x1b[0m  why"


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colours_may_be_unwanted(terminal: pytest.MonkeyPatch, variable: str, value: str) -> None:
    assert is_coloured()
    terminal.setenv(variable, value)
    assert not is_coloured()
    assert painted("x\x1b[2J", Tone.GOOD) == "x\\u001b[2J"
    terminal.setenv("NO_COLOR", "")
    terminal.setenv("TERM", "xterm")
    assert painted("x", Tone.GOOD) == "\x1b[32mx\x1b[0m"
    assert painted("x", None) == "x"


@pytest.mark.parametrize(
    ("text", "width", "where", "shown"),
    [
        ("short", 5, Cut.END, "short"),
        ("longer", 5, Cut.END, "long…"),
        ("longer", 1, Cut.END, "…"),
        ("蒂姆邓肯", 5, Cut.END, "蒂姆…"),
        ("蒂姆邓肯", 6, Cut.END, "蒂姆…"),
        ("abcdefghijklmnopqrstuvwxyz", 16, Cut.MIDDLE, "abcdefgh…tuvwxyz"),
        ("abcdefghijklmnopqrstuvwxyz", 9, Cut.MIDDLE, "abcdefgh…"),
    ],
)
def test_a_cut_is_marked(text: str, width: int, where: Cut, shown: str) -> None:
    assert cut(text, width, where) == shown


@given(st.lists(st.tuples(st.integers(1, 300), st.booleans()), min_size=1, max_size=8), st.integers(1, 220))
def test_columns_that_can_fit_do_and_none_grows(columns: list[tuple[int, bool]], width: int) -> None:
    widths, shrinks = [it[0] for it in columns], [it[1] for it in columns]
    found = fitted(widths, shrinks, width)
    gaps = 2 * (len(widths) - 1)
    least = gaps + sum(min(one, 8) if may else one for one, may in columns)
    assert all(now <= before for now, before in zip(found, widths, strict=True))
    assert all(now == before for now, (before, may) in zip(found, columns, strict=True) if not may)
    if least <= width:
        assert gaps + sum(found) <= width
        assert gaps + sum(found) == width or found == widths


@given(st.text(max_size=60), st.integers(1, 40), st.sampled_from(Cut))
def test_what_is_cut_fits(text: str, width: int, where: Cut) -> None:
    assert width_of(cut(text, width, where)) <= width


def test_a_paragraph_is_wrapped_at_its_words(terminal: pytest.MonkeyPatch) -> None:
    shown = wrapped("one two three four five six seven eight", first="Why:  ", indent="      ")
    assert shown.splitlines() == ["Why:  one two three four five six seven", "      eight"]


def test_a_word_that_fits_no_line_is_broken(terminal: pytest.MonkeyPatch) -> None:
    shown = wrapped(f"see {'x' * 60} there", first="> ", indent="  ")
    assert shown.splitlines() == ["> see", f"  {'x' * 38}", f"  {'x' * 22} there"]
    assert wrapped("x" * 38, first="> ", indent="  ") == f"> {'x' * 38}"


def test_a_paragraph_without_a_terminal_is_one_line() -> None:
    assert wrapped(f"one {'x' * 200}\n", first="> ", indent="  ") == f"> one {'x' * 200}\\u000a"


def test_the_last_column_goes_on_over_several_lines(terminal: pytest.MonkeyPatch) -> None:
    rows = [(Toned("wait", Tone.CARE), "a-name-that-goes-on-to-its-end", "why it waits is a long story")]
    titles, row = wrapped_grid((Column("ACTION"), Column("NAME", Cut.MIDDLE), Column("WHY")), rows)
    assert titles == "ACTION  NAME             WHY"
    assert row.splitlines() == [
        "\x1b[33mwait  \x1b[0m  a-name-…its-end  why it waits is",
        "                         a long story",
    ]


def test_where_the_head_takes_the_line_the_rest_follows_below(terminal: pytest.MonkeyPatch) -> None:
    _, row = wrapped_grid((Column("NAME"), Column("WHY")), [("n" * 36, "why it waits is a long, long story")])
    assert row.splitlines() == ["n" * 36, "    why it waits is a long, long story"]


@given(
    st.lists(st.tuples(st.text(max_size=30), st.text(max_size=90)), min_size=1, max_size=3),
    st.integers(24, 90),
)
def test_no_line_of_such_a_table_is_longer_than_the_terminal(rows: list[tuple[str, str]], width: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout.isatty", lambda: True)
        patch.setenv("COLUMNS", str(width))
        patch.setenv("NO_COLOR", "1")
        lines = "\n".join(wrapped_grid((Column("NAME", Cut.MIDDLE), Column("WHY")), rows, indent=2)).split(
            "\n"
        )
    assert max(map(width_of, lines)) <= width
