"""What is wrong with a document, and how a place in it is named: path, pointer, and words for a person.

The finding itself is made elsewhere: bytes and characters in `documents`, syntax and limits in `yaml`, values
in `compose`, fields in `explain`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

Path = tuple[str | int, ...]
"""Keys and list indices from the document's root to a value; empty for the whole document."""

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
"""What a manifest's YAML may say: JSON's types."""

MAX_SHOWN = 60
"""Characters of somebody's text that a message repeats."""

MAX_STEPS = 8
"""Steps of a path that a message repeats; a manifest has no field below the fourth."""

MAX_POINTER = 2_048
"""Characters of a JSON pointer. Without a limit a file of keys inside each other has problems a hundred times
its size."""

_BARE_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class Code(StrEnum):
    """The stable word of each problem, for programs."""

    TOO_LARGE = "too_large"
    TOO_MANY_DOCUMENTS = "too_many_documents"
    TOO_DEEP = "too_deep"
    TOO_MANY_EVENTS = "too_many_events"
    TOO_MANY_PROBLEMS = "too_many_problems"
    ENCODING = "encoding"
    CHARACTER = "character"
    DIRECTIVE = "directive"
    SYNTAX = "syntax"
    ANCHOR = "anchor"
    ALIAS = "alias"
    MERGE_KEY = "merge_key"
    TAG = "tag"
    DUPLICATE_KEY = "duplicate_key"
    KEY_NOT_TEXT = "key_not_text"
    KEY_TOO_LONG = "key_too_long"
    AMBIGUOUS = "ambiguous"
    NUMBER = "number"
    WRONG_TYPE = "wrong_type"
    WRONG_VALUE = "wrong_value"
    MISSING_FIELD = "missing_field"
    UNKNOWN_FIELD = "unknown_field"
    NOT_ALLOWED = "not_allowed"
    TOO_MANY_MANIFESTS = "too_many_manifests"
    DUPLICATE_NAME = "duplicate_name"
    DEPENDENCY_CIRCLE = "dependency_circle"


MEANING: Mapping[Code, str] = {
    Code.TOO_LARGE: "The file has more than 256 KiB.",
    Code.TOO_MANY_DOCUMENTS: "The file has more than 1,000 documents.",
    Code.TOO_DEEP: "More than 32 mappings and lists stand inside each other.",
    Code.TOO_MANY_EVENTS: "The document has more than 20,000 keys, values, beginnings and ends.",
    Code.TOO_MANY_PROBLEMS: "The document, or its file, has more problems than are told at once.",
    Code.ENCODING: "The file, or a byte of it, is not UTF-8.",
    Code.CHARACTER: "A character that a person does not see, or that changes how others are shown.",
    Code.DIRECTIVE: "A line that begins with % and is not %YAML 1.1 or %YAML 1.2.",
    Code.SYNTAX: "This is not YAML.",
    Code.ANCHOR: "An anchor (&name).",
    Code.ALIAS: "An alias (*name).",
    Code.MERGE_KEY: "A merge key (<<).",
    Code.TAG: "A tag (!name).",
    Code.DUPLICATE_KEY: "A key stands twice in one mapping.",
    Code.KEY_NOT_TEXT: "A key is a number, true, null, a list or a mapping.",
    Code.KEY_TOO_LONG: "A key has more than 1,024 characters.",
    Code.AMBIGUOUS: "A word or number that YAML versions, or YAML and JSON, read differently.",
    Code.NUMBER: "A number that not every program can keep as it is.",
    Code.WRONG_TYPE: "A field holds another kind of value than it takes.",
    Code.WRONG_VALUE: "A field's value is not one that it takes.",
    Code.MISSING_FIELD: "A field that every manifest has is not there.",
    Code.UNKNOWN_FIELD: "There is no such field.",
    Code.NOT_ALLOWED: "The operator's policy does not allow this here.",
    Code.TOO_MANY_MANIFESTS: "The operator's policy allows fewer manifests here.",
    Code.DUPLICATE_NAME: "Another document of the tree has the same name; neither of them acts.",
    Code.DEPENDENCY_CIRCLE: "Manifests wait for each other in a circle, so that none could start.",
}
"""One sentence for each code, for the reference page."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with one document. `line` and `column` count from 1, within the file."""

    line: int
    column: int
    path: Path
    code: Code
    message: str


def pointer(path: Path) -> str:
    """The RFC 6901 JSON pointer for a path; for one that is very long, that of what is around it."""
    written = ""
    for step in path:
        longer = written + "/" + str(step).replace("~", "~0").replace("/", "~1")
        if len(longer) > MAX_POINTER:
            break
        written = longer
    return written


def where(path: Path) -> str:
    """A path as a person writes it: `spec.input.query_1.limit`, `spec.dependsOn[0]`, `spec."a b"`."""
    if not path:
        return "the document"
    more = "…" if len(path) > MAX_STEPS else ""
    return "".join(map(_step, path[:MAX_STEPS])).removeprefix(".") + more


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step if _BARE_KEY.fullmatch(step) and len(step) <= MAX_SHOWN else quoted(step)}"


def quoted(text: str) -> str:
    """Text in double quotes as YAML and JSON read it, at most 60 characters, nothing invisible in it."""
    cut = text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
    return "".join(map(_visible, json.dumps(cut, ensure_ascii=False)))


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
