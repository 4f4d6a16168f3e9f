"""How things look on a terminal: tables that fit it, ages, and text from outside made harmless.

Every command says what it says by `say`, `say_json` or `complain`, and by nothing else: so nothing that a
manifest or a server holds can steer the terminal of whoever reads it. What only some of these need is
imported by them: every command starts with this module.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

import click

from reconciler.core.plain import plain, plain_json, plain_lines

_GAP = 2


def is_terminal() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout.isatty()


def say(text: str) -> None:
    """Print lines to standard output; a text from outside that is to stay on one goes through `plain`."""
    click.echo(plain_lines(text))


def show(text: str) -> None:
    """Print what `layout` made: it is harmless already, and its colours are ours."""
    click.echo(text, color=True)


def pour(text: str) -> None:
    """Print data for programs exactly as it is, without a line break of ours."""
    click.echo(text, nl=False, color=True)  # else click would take colours out of it


def complain(text: str) -> None:
    """The same to standard error."""
    click.echo(plain_lines(text), err=True)


def say_json(value: object) -> None:
    """Print a value as JSON for programs; letters of any language stay as they are."""
    import json

    text = json.dumps(value, ensure_ascii=False, indent=2)
    click.echo("\n".join(map(plain_json, text.split("\n"))))


def width_of(text: str) -> int:
    """How many columns of a terminal the text takes: wide East Asian letters take two, marks none."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def table(titles: Sequence[str], rows: Iterable[Sequence[str]], flexible: int) -> str:
    """A table like kubectl's. On a terminal the column `flexible` is cut so that a row fits in a line."""
    cells = [list(titles), *([plain(cell) for cell in row] for row in rows)]
    widths = [max(width_of(row[column]) for row in cells) for column in range(len(titles))]
    if is_terminal():
        import shutil

        spare = shutil.get_terminal_size().columns - sum(widths) - _GAP * (len(widths) - 1)
        widths[flexible] = max(8, widths[flexible] + min(0, spare))
    return "\n".join(_line(row, widths) for row in cells)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    shown = (_fit(cell, width) for cell, width in zip(cells, widths, strict=True))
    return (" " * _GAP).join(shown).rstrip()


def _fit(text: str, width: int) -> str:
    if width_of(text) <= width:
        return text + " " * (width - width_of(text))
    kept = ""
    for letter in text:
        if width_of(kept + letter) >= width:
            break
        kept += letter
    return kept + "…" + " " * (width - width_of(kept) - 1)
