"""What is wrong with a document's fields, in sentences for the person who wrote them.

Each sentence says where, what was found, what is expected and, where that is known, what to write. Facts come
from the schema; the document was refused already (see `schema.is_valid`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from typing import Any

from reconciler.core.fault import Code, Json, Path, quoted, where
from reconciler.core.schema import Objection, objections, schema

_MOST = 100
"""Errors that are looked at; a document has no use for more sentences."""

_LONGEST_GUESS = 40
"""A longer key is not compared with field names: it is no misspelling of one."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with one value, or with its key."""

    path: Path
    code: Code
    message: str
    is_about_key: bool = False


def explain(value: Json) -> list[Finding]:
    """What the schema has against a document, at most about a hundred things; one for each value."""
    found: dict[tuple[Path, Code, str], Finding] = {}
    for objection in islice(objections(value), _MOST):
        for finding in _findings(objection):
            about = finding.message if finding.code is Code.MISSING_FIELD else ""
            found.setdefault((finding.path, finding.code, about), finding)
    return list(found.values())


def _findings(objection: Objection) -> Iterator[Finding]:
    path = objection.path
    match objection.keyword:
        case "additionalProperties":
            yield from _unknown(objection)
        case "required":
            yield from _missing(objection)
        case "type":
            yield Finding(path, Code.WRONG_TYPE, _wrong_type(objection))
        case _ if objection.is_about_key:
            yield Finding(path, Code.WRONG_VALUE, _wrong_key(objection), is_about_key=True)
        case _:
            yield Finding(path, Code.WRONG_VALUE, f"{where(path)} {_wrong_value(objection)}")


def _wrong_key(objection: Objection) -> str:
    found = f"{where(objection.path[:-1])} has the key {quoted(objection.found)}"
    if objection.keyword == "pattern":
        return f"{found}; {objection.rules['patternErrorMessage']}"
    return f"{found}, which {_wrong_value(objection)}"


def _unknown(objection: Objection) -> Iterator[Finding]:
    path, fields = objection.path, objection.rules["properties"]
    for key in islice((key for key in objection.found if key not in fields), _MOST):
        message = f"{where((*path, key))} is not a field{_nearest(key, fields)}. "
        message += f"{where(path) if path else 'A manifest'} takes {', '.join(fields)}"
        yield Finding((*path, key), Code.UNKNOWN_FIELD, message, is_about_key=True)


def _nearest(key: str, fields: Mapping[str, Any]) -> str:
    """The field that was probably meant: one spelt alike, or the same one at its own place."""
    if len(key) > _LONGEST_GUESS:
        return ""
    spelling = {field.lower(): field for field in fields}
    near = get_close_matches(key.lower(), spelling, n=1)
    if near:
        return f"; the nearest is {spelling[near[0]]}"
    homes = [where(home) for home, inside in _homes() if key in inside]
    return f"; it belongs in {homes[0]}" if homes else ""


def _homes() -> Iterator[tuple[Path, Mapping[str, Any]]]:
    top = schema()["properties"]
    yield (), top
    for name, inside in top.items():
        if "properties" in inside:
            yield (name,), inside["properties"]


def _missing(objection: Objection) -> Iterator[Finding]:
    """Each missing field is an objection of its own that does not name it, so each yields them all."""
    for field in objection.bound:
        if field not in objection.found:
            example = json.dumps(objection.rules["properties"][field]["examples"][0], ensure_ascii=False)
            message = f"{where(objection.path)} has no {field}. Add it, for example {field}: {example}"
            yield Finding(objection.path, Code.MISSING_FIELD, message)


_TYPE_WORDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "a string",
    "boolean": "true or false",
    "integer": "an integer",
    "number": "a number",
}


def _wrong_type(objection: Objection) -> str:
    words = objection.bound if isinstance(objection.bound, list) else [objection.bound]
    expected = " or ".join(_TYPE_WORDS[word] for word in words)
    title = objection.rules.get("title", "")
    noun = f"{'an' if title[:1] in 'AEIOU' else 'a'} {title.lower()} is" if title else "it takes"
    advice = _advice(objection.path, words, objection.found)
    return f"{where(objection.path)} is {_found(objection.found)}; {noun} {expected}{advice}"


def _found(value: Json) -> str:
    match value:
        case None:
            return "empty (null)"
        case bool():
            return f"the boolean {str(value).lower()}"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the string {quoted(value)}"
        case list():
            return "a list"
        case dict():
            return "a mapping"


def _advice(path: Path, expected: list[str], value: Json) -> str:
    """What to write instead, as sentences of its own; nothing where that cannot be known."""
    if path[:2] == ("spec", "input"):
        return _input_advice(path, value)
    match value:
        case bool() | int() | float() if "string" in expected:
            return ". Put it in quotes"
        case str() if "boolean" in expected:
            return ". Write true or false, without quotes"
        case str() if {"integer", "number"} & set(expected):
            return ". Write digits without quotes"
        case str() if "array" in expected:
            return f". Write [{quoted(value)}]"
    return ""


def _input_advice(path: Path, value: Json) -> str:
    match len(path), value:
        case 2, None | "":
            return ". For a workflow without parameters leave it away, or write {}"
        case 3, None | "":
            return ". For a task without parameters write {}"
        case 4, bool():
            return f'. Explorer takes booleans as text: "{value}"'
        case 4, list():
            return f". Explorer takes lists as text: {_list_as_text(value)}"
        case 4, None:
            return '. For empty text write ""'
        case _:
            return ""


def _list_as_text(values: list[Json]) -> str:
    """A list as Explorer's query templates take it: the text between the first and the last quote."""
    shown = [value for value in values[:4] if isinstance(value, (str, int, float))]
    if len(shown) < len(values) or not all(type(value) is type(shown[0]) for value in shown):
        return '"player101\\", \\"player102"'
    separator = '", "' if isinstance(shown[0] if shown else "", str) else ", "
    return quoted(separator.join(map(str, shown)))


def _wrong_value(objection: Objection) -> str:
    """The predicate: what a value or key is, and what it must be."""
    bound, found = objection.bound, objection.found
    match objection.keyword:
        case "const":
            return f"is {_plain(found)}; it must be {bound}"
        case "enum":
            return f"is {_plain(found)}; it must be one of {', '.join(bound)}"
        case "pattern":
            return f"is {quoted(found)}; {objection.rules['patternErrorMessage']}"
        case "minLength":
            return "is empty; it needs at least one character"
        case "maxLength":
            return f"has {len(found):,} characters; at most {bound:,} are taken"
        case "minimum":
            return f"is {found}; the least is {bound}"
        case "maximum":
            return f"is {found}; the most is {bound}"
        case "exclusiveMinimum":
            return f"is {found}; it must be more than {bound}"
        case "maxItems":
            return f"has {len(found):,} entries; at most {bound:,} are taken"
        case "uniqueItems":
            return "names something twice; each may stand once"
        case keyword:
            return f"does not satisfy {keyword}"


def _plain(value: Json) -> str:
    return quoted(value) if isinstance(value, str) else _found(value)
