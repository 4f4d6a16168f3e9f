"""From YAML's events to JSON's values, strictly: what could surprise somebody is a fault.

One walk, on a stack of its own, builds the value. Where each value stands is found by a second walk, and only
for documents that need explaining. Which fields there are is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import yaml

from reconciler.core.fault import MAX_SHOWN, Code, Fault, Json, Path, quoted, where
from reconciler.core.scalar import Refusal, resolve
from reconciler.core.yaml import Mark, place

MAX_KEY = 1_024
"""Characters of a key: YAML's own limit for a key without `?`."""

MAX_FAULTS = 200
"""Faults of one document that are put into words; nobody reads more, and a hostile file has thousands."""

BAD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What no escape in double quotes may stand for; what is in the file as it is, `documents` tells."""

_UNSHOWN = (Code.CHARACTER, Code.KEY_TOO_LONG)
"""Faults of a key whose text is better not repeated in the paths below it."""


class _Nothing:
    """No document at all: no content, or none that could be read."""


NOTHING = _Nothing()


@dataclass(frozen=True, slots=True)
class _Dropped:
    """A key that cannot be used, and its text if that may be shown. Its value is checked and thrown away."""

    text: str | None = None


@dataclass(frozen=True, slots=True)
class Composed:
    """A document's value as far as it could be read, and what is wrong with it.

    `unread` are the paths whose value stands in for one that was refused: no use in checking these further.
    """

    value: Json | _Nothing
    faults: list[Fault]
    unread: set[Path]


@dataclass(frozen=True, slots=True)
class Place:
    """Line and column of a value, from 1, and those of its key (the value's own where it has none)."""

    value: tuple[int, int]
    key: tuple[int, int]


def compose(events: list[yaml.Event], first_line: int) -> Composed:
    """The value of one document's events, which may end anywhere."""
    walk = _Walk(first_line)
    walk.over(events)
    value = walk.root[0] if walk.root else NOTHING
    return Composed(value, walk.faults, walk.unread)


def places(events: list[yaml.Event], first_line: int) -> Mapping[Path, Place]:
    """Where each value of the document stands."""
    walk = _Survey(first_line)
    walk.over(events)
    return walk.places


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is open. `key` is where its next value belongs; None: a key comes first."""

    container: dict[str, Json] | list[Json]
    key: str | int | _Dropped | None
    first_marks: dict[str, Mark | None] = field(default_factory=dict)

    def put(self, value: Json) -> None:
        key = self.key
        if type(key) is str:
            self.container[key] = value  # type: ignore[call-overload]  # text leads into mappings only
        elif type(key) is int:
            self.container.append(value)  # type: ignore[union-attr]  # and numbers into lists

    def next(self) -> None:
        self.key = self.key + 1 if type(self.key) is int else None


class _Walk:
    """Builds the value on a stack of open mappings and lists; the lowest one holds the document itself."""

    def __init__(self, first_line: int) -> None:
        self.first_line = first_line
        self.root: list[Json] = []
        self.frames = [_Frame(self.root, 0)]
        self.faults: list[Fault] = []
        self.unread: set[Path] = set()

    def over(self, events: list[yaml.Event]) -> None:
        steps: dict[type, Callable[..., None]] = {
            yaml.ScalarEvent: self.scalar,
            yaml.MappingStartEvent: self.mapping,
            yaml.SequenceStartEvent: self.sequence,
            yaml.MappingEndEvent: self.end,
            yaml.SequenceEndEvent: self.end,
            yaml.AliasEvent: self.alias,
        }
        for event in events:
            step = steps.get(type(event))
            if step is not None:
                step(event)

    def scalar(self, event: yaml.ScalarEvent) -> None:
        frame = self.frames[-1]
        if frame.key is None:
            frame.key = self.key(event)
        elif len(self.frames) > 1 or _says_something(event):
            frame.put(self.value(event))
            frame.next()

    def mapping(self, event: yaml.MappingStartEvent) -> None:
        self.begin(event, {}, None)

    def sequence(self, event: yaml.SequenceStartEvent) -> None:
        self.begin(event, [], 0)

    def begin(
        self, event: yaml.CollectionStartEvent, container: dict[str, Json] | list[Json], key: int | None
    ) -> None:
        self.refuse_properties(event)
        frame = self.frames[-1]
        if frame.key is None:
            found = "a mapping" if isinstance(container, dict) else "a list"
            self.fault(event, Code.KEY_NOT_TEXT, f"has {found} as a key; keys are text")
        else:
            frame.put(container)
        self.frames.append(_Frame(container, key))

    def end(self, _: yaml.Event) -> None:
        self.frames.pop()
        frame = self.frames[-1]
        if frame.key is None:
            frame.key = _Dropped()
        else:
            frame.next()

    def alias(self, event: yaml.AliasEvent) -> None:
        message = f"uses the alias *{_cut(event.anchor or '')}, which is not read. Write the value out"
        self.fault(event, Code.ALIAS, message)
        frame = self.frames[-1]
        if frame.key is None:
            frame.key = _Dropped()
            return
        self.unread.add(self.path)
        frame.put(None)
        frame.next()

    def key(self, event: yaml.ScalarEvent) -> str | _Dropped:
        """The key, dropped if it cannot be used. The first of two equal keys counts."""
        self.refuse_properties(event)
        text: str = event.value
        refusal = self.key_refusal(event)
        if refusal is not None:
            self.fault(event, *refusal)
            return _Dropped(None if refusal[0] in _UNSHOWN else text)
        first_marks = self.frames[-1].first_marks
        if text in first_marks:
            first_line, _ = place(first_marks[text], self.first_line)
            found = f"has the key {quoted(text)} twice, first on line {first_line}. Keep one of them"
            self.fault(event, Code.DUPLICATE_KEY, found)
            return _Dropped(text)
        first_marks[text] = event.start_mark
        return text

    def key_refusal(self, event: yaml.ScalarEvent) -> tuple[Code, str] | None:
        text: str = event.value
        if len(text) > MAX_KEY:
            return Code.KEY_TOO_LONG, f"has a key of {len(text):,} characters; a key has at most {MAX_KEY:,}"
        if event.style:
            bad = BAD.search(text)
            return (Code.CHARACTER, f"has a key with {_named(bad[0])}. Take it out") if bad else None
        if text == "<<":
            return Code.MERGE_KEY, "has a merge key (<<), which is not read. Write the fields out"
        value = resolve(text)
        if isinstance(value, str):
            return None
        if isinstance(value, Refusal) and value.code is Code.AMBIGUOUS:
            return value.code, f"has the key {_cut(text)}, {value.why}. Write {quoted(text)} in quotes"
        kind = "nothing (null)" if value is None else "a boolean" if isinstance(value, bool) else "a number"
        return (
            Code.KEY_NOT_TEXT,
            f"has the key {_cut(text)}, {kind}; keys are text. Write {quoted(text)} in quotes",
        )

    def value(self, event: yaml.ScalarEvent) -> Json:
        """What the scalar says; for one that is refused its text stands in."""
        if event.tag is not None or event.anchor is not None:
            self.refuse_properties(event)
            self.unread.add(self.path)
        text: str = event.value
        if event.style:
            bad = BAD.search(text) if event.style == '"' else None
            if bad:
                self.refuse(event, Code.CHARACTER, f"contains {_named(bad[0])}. Take it out")
            return text
        value = resolve(text)
        if isinstance(value, Refusal):
            shown = f"is {_cut(text)}, {value.why}. Write {value.write}"
            self.refuse(event, value.code, shown)
            return text
        return value

    def refuse_properties(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        """Anchors and tags: each would make one text mean another thing somewhere else."""
        if event.anchor is not None:
            found = f"has the anchor &{_cut(event.anchor)}, which is not read. Take it out"
            self.fault(event, Code.ANCHOR, found)
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!", 1)
            found = f"has the tag {_cut(tag)}, which is not read. Take it out, and quote what is text"
            self.fault(event, Code.TAG, found)

    def refuse(self, event: yaml.Event, code: Code, found: str) -> None:
        """A fault of a value, which is then not checked further."""
        self.unread.add(self.path)
        self.fault(event, code, found)

    def fault(self, event: yaml.Event, code: Code, found: str) -> None:
        if len(self.faults) >= MAX_FAULTS:
            return
        line, column = self.place(event)
        path = self.path
        self.faults.append(Fault(line, column, path, code, f"{where(path)} {found}"))

    def place(self, event: yaml.Event) -> tuple[int, int]:
        return place(event.start_mark, self.first_line)

    @property
    def path(self) -> Path:
        """Where the next value or key belongs: the steps down to the first that has no name."""
        steps: list[str | int] = []
        for frame in self.frames[1:]:
            step = frame.key.text if isinstance(frame.key, _Dropped) else frame.key
            if step is None:
                break
            steps.append(step)
        return tuple(steps)


class _Survey(_Walk):
    """The same walk, noting where each value and key stands."""

    def __init__(self, first_line: int) -> None:
        super().__init__(first_line)
        self.places: dict[Path, Place] = {}
        self.key_place: tuple[int, int] | None = None

    def scalar(self, event: yaml.ScalarEvent) -> None:
        if self.frames[-1].key is None:
            self.key_place = self.place(event)
        else:
            self.note(event)
        super().scalar(event)

    def begin(
        self, event: yaml.CollectionStartEvent, container: dict[str, Json] | list[Json], key: int | None
    ) -> None:
        self.note(event)
        super().begin(event, container, key)

    def note(self, event: yaml.Event) -> None:
        value = self.place(event)
        self.places.setdefault(self.path, Place(value, self.key_place or value))
        self.key_place = None


def _says_something(event: yaml.ScalarEvent) -> bool:
    """Whether a document that is one scalar has content at all: `---` alone has none."""
    return bool(event.value or event.style or event.tag or event.anchor)


def _named(character: str) -> str:
    kind = "which changes the order of text" if character >= "\u061c" else "a control character"
    return f"U+{ord(character):04X}, {kind}"


def _cut(text: str) -> str:
    return quoted(text)[1:-1] if len(text) <= MAX_SHOWN else quoted(text)
