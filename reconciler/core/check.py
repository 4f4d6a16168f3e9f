"""A JSON Schema as one function that says yes or no, some fifty times faster than explaining why.

A schema becomes a table from the kind of a value to what is asked of that kind, so a value meets only the
keywords that speak of it. It knows those that our schema uses and refuses to be built from others; tests hold
it against `jsonschema`, which explains what this refuses (see `explain`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], bool]
Schema = Mapping[str, Any]
Table = dict[type, Check]
"""What is asked of a value of each kind; one of any other kind is refused."""

ANNOTATIONS = frozenset(
    ("$schema", "$id", "$comment", "title", "description", "examples", "default", "patternErrorMessage")
)
"""Keywords that describe and do not check. `patternErrorMessage` is what editors show for a pattern."""

_TEXT = frozenset(("minLength", "maxLength", "pattern"))
_NUMBER = frozenset(("minimum", "maximum", "exclusiveMinimum"))
_LIST = frozenset(("maxItems", "uniqueItems", "items"))
_OBJECT = frozenset(("required", "properties", "additionalProperties", "propertyNames"))
_KNOWN = ANNOTATIONS | _TEXT | _NUMBER | _LIST | _OBJECT | {"type", "const", "enum"}
_KINDS: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int, float),
    "number": (int, float),
}


def check_for(schema: Schema) -> Check:
    """Whether a value satisfies the schema. Raises KeyError for a keyword that is not known here."""
    table = _table(schema)
    return lambda value: table.get(type(value), _never)(value)


def _never(_: object) -> bool:
    return False


def _always(_: object) -> bool:
    return True


def _table(schema: Schema) -> Table:
    unknown = schema.keys() - _KNOWN
    if unknown:
        raise KeyError(*unknown)
    words = _words(schema)
    if words is not None:  # of text only: whatever else it is, is none of them
        return {str: words.__contains__}
    number = _number(schema)
    table: Table = {
        str: _text(schema),
        int: number,
        float: number,
        bool: _always,
        type(None): _always,
        list: _list(schema),
        dict: _object(schema),
    }
    return _of_types(schema["type"], table) if "type" in schema else table


def _of_types(named: str | list[str], table: Table) -> Table:
    """The part of a table that is for values of these types."""
    named = [named] if isinstance(named, str) else named
    found = {kind: table[kind] for word in named for kind in _KINDS[word]}
    if "integer" in named and "number" not in named:
        number = table[float]
        found[float] = lambda value: value.is_integer() and number(value)
    return found


def _words(schema: Schema) -> frozenset[str] | None:
    """The only words that are taken; None where it is not by words."""
    if "const" in schema:
        return frozenset((schema["const"],))
    return frozenset(schema["enum"]) if "enum" in schema else None


def _text(schema: Schema) -> Check:
    if not schema.keys() & _TEXT:
        return _always
    least, most = schema.get("minLength", 0), schema.get("maxLength", math.inf)
    if "pattern" not in schema:
        return lambda text: least <= len(text) <= most
    search = re.compile(schema["pattern"]).search
    return lambda text: least <= len(text) <= most and search(text) is not None


def _number(schema: Schema) -> Check:
    if not schema.keys() & _NUMBER:
        return _always
    least, most = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    bound = schema.get("exclusiveMinimum", -math.inf)
    return lambda number: least <= number <= most and number > bound


def _list(schema: Schema) -> Check:
    most, is_set = schema.get("maxItems", math.inf), schema.get("uniqueItems", False)
    check = check_for(schema["items"]) if "items" in schema else _always
    return lambda items: len(items) <= most and all(map(check, items)) and not (is_set and _repeats(items))


def _repeats(items: list[Any]) -> bool:
    """Looks at text only: what else stands in a list of ours is refused by its `items`."""
    texts = [item for item in items if type(item) is str]
    return len(set(texts)) < len(texts)


def _object(schema: Schema) -> Check:
    """`required`, `properties`, `additionalProperties` and `propertyNames`, in one pass over the keys."""
    required = frozenset(schema.get("required", ()))
    tables = {key: _table(field) for key, field in schema.get("properties", {}).items()}
    others = _others(schema.get("additionalProperties", True))
    is_key = _table(schema["propertyNames"])[str] if "propertyNames" in schema else None

    def check(value: dict[str, Any]) -> bool:
        for key, item in value.items():
            if is_key is not None and not is_key(key):
                return False
            if not tables.get(key, others).get(type(item), _never)(item):
                return False
        return required <= value.keys()

    return check


def _others(schema: Schema | bool) -> Table:
    if isinstance(schema, bool):
        return dict.fromkeys((str, int, float, bool, type(None), list, dict), _always) if schema else {}
    return _table(schema)
