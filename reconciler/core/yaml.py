"""From one document's text to YAML's events, under limits that hold before anything is built from them.

The C parser hands out events one at a time and looks ahead by at most 1,024 characters, so stopping at the
first event that is too deep or too many keeps its time linear; composing a tree with it is what overflows the
stack. What the events mean is decided in `compose`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

import yaml

from reconciler.core.fault import Code, Fault

MAX_DEPTH = 32
"""Mappings and lists that may stand inside each other, the document's own among them."""

MAX_EVENTS = 20_000
"""Events of one document: one for each key, value, beginning and end."""

_OPENS = frozenset((yaml.MappingStartEvent, yaml.SequenceStartEvent))
_CLOSES = frozenset((yaml.MappingEndEvent, yaml.SequenceEndEvent))


class Mark(Protocol):
    """What both of the library's kinds of mark have: a place, from 0."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Events:
    """A document's events as far as it could be parsed, and the fault that ended them early, if any."""

    events: list[yaml.Event]
    fault: Fault | None


def parse(text: str, first_line: int) -> Events:
    """The events of one document. Never raises, whatever the text."""
    text, stand_in = _without_pairs(text)
    events: list[yaml.Event] = []
    fault = _collect(text, first_line, events)
    if "?" in text:
        fault = _question_mark(text, first_line, events) or fault
    if "#" in text and fault is None:
        fault = _crowded_comment(text, first_line, events)
    if stand_in is not None:
        _restore_pairs(events, stand_in)
    return Events(events, fault)


def place(mark: Mark | None, first_line: int) -> tuple[int, int]:
    """Line and column of a mark in its file, from 1; the document's beginning where there is none."""
    return (first_line, 1) if mark is None else (first_line + mark.line, mark.column + 1)


def _collect(text: str, first_line: int, events: list[yaml.Event]) -> Fault | None:
    depth = 0
    try:
        parser = yaml.CSafeLoader(text)
        while (event := parser.get_event()) is not None:
            events.append(event)
            kind = type(event)
            if kind in _OPENS:
                depth += 1
                if depth > MAX_DEPTH:
                    return _too_deep(event, first_line)
            elif kind in _CLOSES:
                depth -= 1
            if len(events) > MAX_EVENTS:
                return _too_many(event, first_line)
    except yaml.MarkedYAMLError as error:
        return _syntax(error, first_line)
    except (yaml.YAMLError, ValueError) as error:
        # Only text that `documents` has not cleaned can come here: the reader refuses it without a place.
        return Fault(first_line, 1, (), Code.SYNTAX, f"this is not YAML: {_first_line(error)}")
    return None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _question_mark(text: str, first_line: int, events: list[yaml.Event]) -> Fault | None:
    """The C parser takes `{?a: 1}` for a key `a` (YAML 1.1), where YAML 1.2 has a key `?a`."""
    for event in events:
        mark = event.start_mark
        if isinstance(event, yaml.ScalarEvent) and mark and mark.index and text[mark.index - 1] == "?":
            message = "YAML versions read this ? differently. Put the text in quotes, or a space after the ?"
            return Fault(*place(mark, first_line), (), Code.AMBIGUOUS, message)
    return None


def _crowded_comment(text: str, first_line: int, events: list[yaml.Event]) -> Fault | None:
    """The C parser takes `"a"#b` for a text and a comment; in YAML a comment has a blank before it.

    Comments are looked for where no scalar is; a block of text has one in its first line, too.
    """
    after = 0
    for event in events:
        if not isinstance(event, yaml.ScalarEvent) and not isinstance(event, yaml.StreamEndEvent):
            continue
        if event.start_mark is None or event.end_mark is None:
            continue
        begin, end = event.start_mark.index, event.end_mark.index
        if getattr(event, "style", None) in ("|", ">"):
            begin = text.find("\n", begin)
        for comment in _COMMENT.finditer(text, after, max(begin, after)):
            at = comment.start()
            if at and text[at - 1] not in " \t\n":
                line, column = first_line + text.count("\n", 0, at), at - text.rfind("\n", 0, at)
                message = "this is not YAML: a comment has a blank before its #. Put one there"
                return Fault(line, column, (), Code.SYNTAX, message)
        after = max(end, after)
    return None


_COMMENT = re.compile("#[^\n]*")


def _too_deep(event: yaml.Event, first_line: int) -> Fault:
    message = f"more than {MAX_DEPTH} mappings and lists stand inside each other here. A manifest needs 5"
    return Fault(*place(event.start_mark, first_line), (), Code.TOO_DEEP, message)


def _too_many(event: yaml.Event, first_line: int) -> Fault:
    message = f"the document has more than {MAX_EVENTS:,} keys, values, beginnings and ends. Split it"
    return Fault(*place(event.start_mark, first_line), (), Code.TOO_MANY_EVENTS, message)


def _syntax(error: yaml.MarkedYAMLError, first_line: int) -> Fault:
    message = f"this is not YAML: {error.problem}"
    if error.context and error.context_mark:
        message += f" ({error.context} that began on line {first_line + error.context_mark.line})"
    cure = next((cure for symptom, cure in _CURES if symptom in str(error.problem)), None)
    spot = place(error.problem_mark or error.context_mark, first_line)
    return Fault(*spot, (), Code.SYNTAX, f"{message}. {cure}" if cure else message)


# The parser's words for what people get wrong most, and what to do about each.
_CURES = (
    (
        "mapping values are not allowed",
        'Put text that holds ": " in quotes, and begin keys of one mapping alike',
    ),
    (
        "cannot start any token",
        "Indent with spaces, not tabs, and put text that begins with @, ` or % in quotes",
    ),
    ("could not find expected ':'", 'A key ends in ": " on its own line and has at most 1,024 characters'),
    ("did not find expected key", "Keys of one mapping begin in the same column"),
    ("did not find expected '-' indicator", "Entries of one list begin in the same column"),
    ("did not find expected ',' or '}'", "Close the { with }, and put a comma between entries"),
    ("did not find expected ',' or ']'", "Close the [ with ], and put a comma between entries"),
    ("found unexpected end of stream", "Close the quotes that were opened"),
    (
        "did not find expected <document start>",
        "One document ends here; begin the next with a line of three dashes",
    ),
    ("unknown escape character", "In double quotes write \\\\ for a backslash, or use single quotes"),
    ("invalid Unicode character escape", "Write the character itself"),
)

# JSON writes a character beyond U+FFFF as two escapes, the halves of a surrogate pair (RFC 8259, chapter 7),
# and YAML's parser refuses both. Each pair's backslashes give way to a character that is nowhere in the text,
# which keeps every place, and are put back, or joined, once the events tell which scalars were double-quoted.
_PAIR = re.compile(
    r"(?<!\\)((?:\\\\)*)\\(u[dD][89abAB][0-9a-fA-F]{2})\\(u[dD][c-fC-F][0-9a-fA-F]{2})",
)
_STAND_INS = tuple(map(chr, range(0x10FF00, 0x10FF10)))


def _without_pairs(text: str) -> tuple[str, str | None]:
    if "\\ud" not in text and "\\uD" not in text:
        return text, None
    lower = text.lower()
    for candidate in _STAND_INS:
        if candidate not in text and f"{ord(candidate):x}" not in lower:
            return _PAIR.sub(rf"\1{candidate}\2{candidate}\3", text), candidate
    return text, None


def _restore_pairs(events: list[yaml.Event], stand_in: str) -> None:
    pair = re.compile(f"{stand_in}u([0-9a-fA-F]{{4}}){stand_in}u([0-9a-fA-F]{{4}})")
    for event in events:
        if isinstance(event, yaml.ScalarEvent) and stand_in in event.value:
            value: str = event.value
            if event.style == '"':
                event.value = pair.sub(lambda halves: _join(halves[1], halves[2]), value)
            else:
                event.value = value.replace(stand_in, "\\")


def _join(high: str, low: str) -> str:
    return chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + (int(low, 16) - 0xDC00))
