"""Label selectors, as kubectl writes them: from a text to a question that labels answer with yes or no. Pure.

Parts with commas between them, which must all hold: `a=b` (or `a==b`), `a!=b`, `a in (b,c)`, `a notin (b,c)`,
`a` (there is such a label) and `!a` (there is none). As in Kubernetes, `!=` and `notin` hold as well where
there is no such label (its documentation, "Labels and Selectors").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


class SelectorError(ValueError):
    """A text that is no selector: where that shows, from 1, and what was expected there."""

    def __init__(self, text: str, column: int, expected: str) -> None:
        super().__init__(text, column, expected)
        self.text = text
        self.column = column
        self.expected = expected

    def __str__(self) -> str:
        rest = self.text[self.column - 1 :].strip()
        found = f"{rest!r} stands" if rest else "it ends"
        return f"{self.text!r}: {found} where {self.expected} was expected (column {self.column})"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One part: the label has one of these values (None: any at all); or, if excluded, it has not."""

    key: str
    values: frozenset[str] | None
    is_excluded: bool = False

    def admits(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels satisfy this part."""
        found = labels.get(self.key)
        has = found is not None if self.values is None else found in self.values
        return has is not self.is_excluded


@dataclass(frozen=True, slots=True)
class Selector:
    """All parts together; without any, everything is selected."""

    requirements: tuple[Requirement, ...] = ()

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels satisfy every part."""
        return all(requirement.admits(labels) for requirement in self.requirements)


def selector_of(text: str) -> Selector:
    """The selector in a text; an empty one selects everything. Raises SelectorError."""
    if not text.strip():
        return Selector()
    reading = _Reading(text)
    requirements = [_requirement(reading)]
    while reading.takes(","):
        requirements.append(_requirement(reading))
    if reading.token:
        raise reading.wrong(
            "a comma" if requirements[-1].values is not None else "=, !=, in, notin or a comma"
        )
    return Selector(tuple(requirements))


_TOKEN = re.compile(r"\s*(==|!=|[=!,()]|[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?|\S|$)")
_WORD = re.compile(r"[A-Za-z0-9]")


class _Reading:
    """A text, token by token. `token` is the one that comes next, empty at the end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._begin = self._end = 0
        self.token = ""
        self.advance()

    def advance(self) -> str:
        """The token that comes next, taken."""
        taken = self.token
        found = _TOKEN.match(self._text, self._end)
        assert found  # noqa: S101 - the last alternatives take whatever stands there, and the end
        self.token, self._begin, self._end = found[1], found.start(1), found.end()
        return taken

    def takes(self, token: str) -> bool:
        """Whether this token comes next; if so, it is taken."""
        is_next = self.token == token
        if is_next:
            self.advance()
        return is_next

    def expect(self, token: str) -> None:
        """Take this token. Raises SelectorError for any other."""
        if not self.takes(token):
            raise self.wrong(token)

    def word(self, expected: str) -> str:
        """A label's key or value, taken. Raises SelectorError for anything else."""
        if not _WORD.match(self.token):
            raise self.wrong(expected)
        return self.advance()

    def wrong(self, expected: str) -> SelectorError:
        return SelectorError(self._text, self._begin + 1, expected)


def _requirement(reading: _Reading) -> Requirement:
    if reading.takes("!"):
        return Requirement(reading.word("a label's key"), None, is_excluded=True)
    key = reading.word("a label's key")
    match reading.token:
        case "=" | "==" | "!=":
            is_excluded = reading.advance() == "!="
            return Requirement(key, frozenset((_value(reading),)), is_excluded)
        case "in" | "notin":
            is_excluded = reading.advance() == "notin"
            return Requirement(key, _values(reading), is_excluded)
        case _:
            return Requirement(key, None)


def _value(reading: _Reading) -> str:
    """A label's value, which may be nothing at all."""
    return "" if reading.token in ("", ",", ")") else reading.word("a label's value")


def _values(reading: _Reading) -> frozenset[str]:
    reading.expect("(")
    values = {_value(reading)}
    while reading.takes(","):
        values.add(_value(reading))
    reading.expect(")")
    return frozenset(values)
