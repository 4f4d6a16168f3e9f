"""Tables that fit the terminal: which column gives way, where a text is cut, and colours, put on last.

Text from outside is made harmless by `render`; nothing here knows what a table is about.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, StrEnum

import click

from reconciler.cli.render import is_terminal, width_of
from reconciler.core.plain import plain

_GAP = 2
_LEAST = 8
"""A column that gives way keeps so many letters of what it holds."""

_READABLE = 18
"""So many letters of a name or a sentence say something; before fewer are left, spare columns go."""


class Cut(Enum):
    """What a column may lose when a row is too long for its line."""

    NOTHING = "nothing"
    END = "end"
    MIDDLE = "middle"
    """For names: what tells long ones apart is often at their end."""


class Tone(StrEnum):
    """A colour that means something; the value is click's word for it."""

    GOOD = "green"
    BAD = "red"
    CARE = "yellow"
    BUSY = "cyan"


@dataclass(frozen=True, slots=True)
class Column:
    """One column's title, what of its cells may be cut, and whether it may go where there is no room."""

    title: str
    cut: Cut = Cut.NOTHING
    is_spare: bool = False


@dataclass(frozen=True, slots=True)
class Toned:
    """A cell with a colour."""

    text: str
    tone: Tone | None


Cell = str | Toned


@dataclass(frozen=True, slots=True)
class Grid:
    """A table whose widths are settled, so that rows may follow one by one.

    `kept` are the places of the columns that there is room for, `widths` the widths of these.
    """

    columns: tuple[Column, ...]
    kept: tuple[int, ...]
    widths: tuple[int, ...]
    width: int | None
    is_coloured: bool

    def titles(self) -> str:
        """The first line."""
        return self.row([column.title for column in self.columns])

    def row(self, cells: Sequence[Cell]) -> str:
        """One line, no longer than the terminal; of the cells of all columns."""
        cells = [cells[at] for at in self.kept]
        shown = [
            _padded(self._fit(_text_of(cell), width, self.columns[at]), width)
            for cell, width, at in zip(cells, self.widths, self.kept, strict=True)
        ]
        line = (" " * _GAP).join(shown).rstrip()
        if self.width is not None and width_of(line) > self.width:
            return cut(line, self.width, Cut.END)
        if not self.is_coloured:
            return line
        tones = [cell.tone if isinstance(cell, Toned) else None for cell in cells]
        return (" " * _GAP).join(map(_painted, shown, tones)).rstrip()

    def _fit(self, text: str, width: int, column: Column) -> str:
        return text if self.width is None else cut(text, width, column.cut)


def grid(columns: Sequence[Column], rows: Iterable[Sequence[Cell]], *, indent: int = 0) -> Grid:
    """The widths that these rows need; on a terminal no more than it has, less the indent."""
    widths = [width_of(column.title) for column in columns]
    for row in rows:
        for at, cell in enumerate(row):
            widths[at] = max(widths[at], width_of(_text_of(cell)))
    width, kept = terminal_width(), list(range(len(columns)))
    if width is not None:
        width = max(1, width - indent)
        kept = _with_room(columns, widths, width)
        widths = fitted([widths[at] for at in kept], [_may_shrink(columns[at]) for at in kept], width)
    return Grid(tuple(columns), tuple(kept), tuple(widths), width, is_coloured())


def grid_text(columns: Sequence[Column], rows: Iterable[Sequence[Cell]], *, indent: int = 0) -> str:
    """A whole table, each line after `indent` spaces."""
    kept = list(rows)
    made = grid(columns, kept, indent=indent)
    return "\n".join(" " * indent + line for line in (made.titles(), *map(made.row, kept)))


def wrapped_grid(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], *, indent: int = 0) -> list[str]:
    """A table whose last column goes on over as many lines as it takes, while the others may be cut.

    One text a row, with line breaks in it; the first are the titles.
    """
    width = terminal_width()
    heads = [[column.title for column in columns[:-1]], *(row[:-1] for row in rows)]
    widths = [max(width_of(_text_of(head[at])) for head in heads) for at in range(len(columns) - 1)]
    if width is not None:
        longest = max(map(width_of, [columns[-1].title, *(_text_of(row[-1]) for row in rows)]))
        may_shrink = [*map(_may_shrink, columns[:-1]), True]
        widths = fitted([*widths, longest], may_shrink, width - indent)[:-1]
    kept = tuple(range(len(widths)))
    made = Grid(tuple(columns[:-1]), kept, tuple(widths), width, is_coloured())
    start = sum(widths) + _GAP * len(widths) + indent
    titles = [Toned(column.title, None) for column in columns]
    return [_wrapped_row(made, cells, start, indent) for cells in [titles, *rows]]


def _wrapped_row(made: Grid, cells: Sequence[Cell], start: int, indent: int) -> str:
    """The head is laid out plainly first: what is wrapped behind it must not count its colours."""
    plainly = replace(made, is_coloured=False).row(cells[:-1])
    head = " " * indent + plainly
    if made.width is not None and start > made.width - _LEAST:
        text = "\n" + wrapped(_text_of(cells[-1]), first=" " * (indent + 4), indent=" " * (indent + 4))
    else:
        gap = " " * (start - width_of(head))
        text = wrapped(_text_of(cells[-1]), first=head + gap, indent=" " * start)[len(head) :]
    return (" " * indent + made.row(cells[:-1]) + text).rstrip()


def fitted(widths: Sequence[int], may_shrink: Sequence[bool], width: int) -> list[int]:
    """The widths, with the longest of those that may shrink cut to one measure until a row fits."""
    room = width - _GAP * (len(widths) - 1)
    room -= sum(one for one, shrinks in zip(widths, may_shrink, strict=True) if not shrinks)
    longest = sorted((one for one, shrinks in zip(widths, may_shrink, strict=True) if shrinks), reverse=True)
    most = _measure(longest, room)
    spare = room - sum(min(one, most) for one in longest)
    found = []
    for one, shrinks in zip(widths, may_shrink, strict=True):
        extra = min(max(0, spare), one - most) if shrinks and one > most else 0
        spare -= extra
        found.append(min(one, most) + extra if shrinks else one)
    return found


def cut(text: str, width: int, where: Cut = Cut.END) -> str:
    """The text in at most so many columns of the terminal, with `…` where something is missing."""
    if width_of(text) <= width:
        return text
    if where is Cut.MIDDLE and width > _LEAST + 2:
        end = _head(text[::-1], (width - 1) // 2)[::-1]
        return f"{_head(text, width - 1 - width_of(end))}…{end}"
    return f"{_head(text, width - 1)}…"


def wrapped(text: str, *, first: str = "", indent: str = "") -> str:
    """The text, made harmless, in lines that fit the terminal: `first` begins the first, `indent` the others.

    What is longer than a line, such as a URL or a digest, is broken only if it has to be.
    """
    width = terminal_width()
    if width is None:
        return first + plain(text)
    lines = [first]
    for word in plain(text).split(" "):
        gap = "" if lines[-1] in (first, indent) else " "
        if width_of(lines[-1]) + len(gap) + width_of(word) <= width:
            lines[-1] += gap + word
            continue
        if gap:
            lines.append(indent)
        rest = _broken(lines, word, width, indent)
        lines[-1] += rest
    return "\n".join(lines)


def terminal_width() -> int | None:
    """How many columns the terminal has; None where nobody looks at one."""
    return shutil.get_terminal_size().columns if is_terminal() else None


def is_coloured() -> bool:
    """Whether colours are wanted: on a terminal that has some, unless NO_COLOR (no-color.org) says no."""
    return is_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def painted(text: str, tone: Tone | None) -> str:
    """The text in a colour, where colours are wanted; it is made harmless first."""
    return _painted(plain(text), tone if is_coloured() else None)


def _with_room(columns: Sequence[Column], widths: Sequence[int], width: int) -> list[int]:
    """The places of the columns that stay; spare ones go, the last first, until the others are readable."""
    kept = list(range(len(columns)))
    for spare in [at for at in reversed(kept) if columns[at].is_spare]:
        least = [min(widths[at], _READABLE) if _may_shrink(columns[at]) else widths[at] for at in kept]
        if sum(least) + _GAP * (len(kept) - 1) > width:
            kept.remove(spare)
    return kept


def _may_shrink(column: Column) -> bool:
    return column.cut is not Cut.NOTHING


def _broken(lines: list[str], word: str, width: int, indent: str) -> str:
    """What is left of a word that fits no line, after as many lines as it fills."""
    while width_of(lines[-1]) + width_of(word) > width:
        head = _head(word, max(1, width - width_of(lines[-1]))) or word[0]
        lines[-1] += head
        word = word[len(head) :]
        lines.append(indent)
    return word


def _measure(longest: Sequence[int], room: int) -> int:
    """The greatest width to which all of these can be cut so that they take no more than the room."""
    for count in range(1, len(longest) + 1):
        others = sum(longest[count:])
        share = (room - others) // count
        if share >= (longest[count] if count < len(longest) else 0):
            return max(_LEAST, min(longest[0], share))
    return _LEAST


def _head(text: str, width: int) -> str:
    """As much of the text as so many columns hold."""
    if text.isascii():
        return text[: max(0, width)]
    taken = 0
    for at, letter in enumerate(text):
        taken += width_of(letter)
        if taken > width:
            return text[:at]
    return text


def _text_of(cell: Cell) -> str:
    return plain(cell.text if isinstance(cell, Toned) else cell)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - width_of(text))


def _painted(text: str, tone: Tone | None) -> str:
    return click.style(text, fg=tone) if tone else text
