"""From one document's text to its value in a single walk, for a document with nothing odd about it.

Nearly every manifest is such a document, so this is what reading a tree costs. It builds the value that
`yaml` and `compose` together would build, or declines without saying why: what is declined is read again by
those two, which tell all that is wrong and where. It may decline what is right, but never accept what they
refuse; tests hold both ways against each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import yaml

from reconciler.core.compose import BAD, MAX_KEY
from reconciler.core.fault import Json
from reconciler.core.scalar import Refusal, resolve
from reconciler.core.yaml import MAX_DEPTH, MAX_EVENTS

# A `#` without a blank before it. Written so that the search leaps from one `#` to the next.
_CROWDED = re.compile(r"#(?<=[^ \t\n]#)")

_SCALAR, _MAPPING, _LIST = yaml.ScalarEvent, yaml.MappingStartEvent, yaml.SequenceStartEvent
_MAPPING_END, _LIST_END = yaml.MappingEndEvent, yaml.SequenceEndEvent
_FRAME = (yaml.StreamStartEvent, yaml.DocumentStartEvent, yaml.DocumentEndEvent, yaml.StreamEndEvent)


@dataclass(frozen=True, slots=True)
class Clean:
    """A mapping as it was read, and the lines of the text that stand above it."""

    value: dict[str, Json]
    lines_above: int


class _OddError(Exception):
    """Something that is not for here to read."""


def clean(text: str) -> Clean | None:
    """The document of this text, if it is a mapping and nothing is odd about it; else None. Never raises."""
    # Where the parser and YAML 1.2 may differ, `yaml` looks closer.
    if "?" in text or _CROWDED.search(text):
        return None
    try:
        return _document(islice(iter(yaml.CSafeLoader(text).get_event, None), MAX_EVENTS))
    except (_OddError, StopIteration, yaml.YAMLError, ValueError):
        return None


def _document(events: Iterator[Any]) -> Clean:
    stream, document, first = next(events), next(events), next(events)
    value = _mapping(first, events, 1)
    if (type(stream), type(document), *map(type, events)) != _FRAME:
        raise _OddError
    return Clean(value, first.start_mark.line)


def _mapping(start: Any, events: Iterator[Any], depth: int) -> dict[str, Json]:
    """The mapping that begins here, up to its end."""
    _check_start(start, _MAPPING, depth)
    found: dict[str, Json] = {}
    for event in events:
        if type(event) is not _SCALAR:
            if type(event) is _MAPPING_END:
                return found
            break
        key = event.value
        if event.tag is not None or event.anchor is not None or key in found or len(key) > MAX_KEY:
            break
        if BAD.search(key) if event.style else type(resolve(key)) is not str:
            break
        found[key] = _value(next(events), events, depth)
    raise _OddError


def _list(start: Any, events: Iterator[Any], depth: int) -> list[Json]:
    """The list that begins here, up to its end."""
    _check_start(start, _LIST, depth)
    found: list[Json] = []
    for event in events:
        if type(event) is _LIST_END:
            return found
        found.append(_value(event, events, depth))
    raise _OddError


def _value(event: Any, events: Iterator[Any], depth: int) -> Json:
    """The value that begins with this event, and is inside of so many mappings and lists."""
    if type(event) is not _SCALAR:
        return (_mapping if type(event) is _MAPPING else _list)(event, events, depth + 1)
    if event.tag is not None or event.anchor is not None:
        raise _OddError
    text: str = event.value
    if not event.style:
        value = resolve(text)
        if type(value) is Refusal:
            raise _OddError
        return value  # type: ignore[return-value]  # mypy does not follow `type(…) is`
    if event.style == '"' and BAD.search(text):
        raise _OddError
    return text


def _check_start(event: Any, kind: object, depth: int) -> None:
    if type(event) is not kind or event.tag is not None or event.anchor is not None or depth > MAX_DEPTH:
        raise _OddError
