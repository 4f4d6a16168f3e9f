"""The manifest's JSON Schema: where it lies, what it says, and two readers of it that agree.

`is_valid` answers fast; `objections` has `jsonschema` (Draft 2020-12) look for everything that is wrong, for
documents that failed. What is said about it is written in `explain`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from reconciler.core.check import Check, Schema, check_for
from reconciler.core.fault import Json, Path

if TYPE_CHECKING:  # they take as long to import as all else that `validate` needs, and few trees need them
    from importlib.resources.abc import Traversable

    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

FILE = "workflowjob.schema.json"


@cache
def schema_text() -> str:
    """The schema as it is published: JSON, with its own layout."""
    return _place().read_text(encoding="utf-8")


@cache
def schema() -> Schema:
    """The schema as a value; not to be changed."""
    loaded: Schema = json.loads(schema_text())
    return loaded


@dataclass(frozen=True, slots=True)
class Objection:
    """One keyword of the schema that a value does not satisfy.

    `keyword` and `bound` are the keyword and what it asks for, `found` the value, or the key where
    `is_about_key`, and `rules` the part of the schema that both stand in. `path` leads to the value.
    """

    path: Path
    keyword: str
    bound: Any
    found: Any
    rules: Schema
    is_about_key: bool


def is_valid(value: object) -> bool:
    """Whether a document's value is a manifest's."""
    return _check()(value)


def objections(value: Json) -> Iterator[Objection]:
    """Everything that the schema has against a value, in the schema's order."""
    for error in _validator().iter_errors(value):
        is_about_key = "propertyNames" in error.absolute_schema_path
        path = tuple(error.absolute_path)
        yield Objection(
            path=(*path, str(error.instance)) if is_about_key else path,
            keyword=str(error.validator),
            bound=error.validator_value,
            found=error.instance,
            rules=error.schema,  # type: ignore[arg-type]  # never true, false or unset here
            is_about_key=is_about_key,
        )


def _place() -> Traversable:
    """Inside the package in a wheel; beside the package in a checkout."""
    from importlib.resources import files

    package = files("reconciler")
    shipped = package / "schemas" / FILE
    return shipped if shipped.is_file() else package / ".." / "schemas" / FILE


@cache
def _check() -> Check:
    return check_for(schema())


@cache
def _validator() -> Validator:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    # Its own uniqueItems compares each pair of items where they cannot be sorted: minutes for a long list.
    strict = extend(Draft202012Validator, {"uniqueItems": _unique_items})  # type: ignore[no-untyped-call]
    validator: Validator = strict(schema())
    return validator


def _unique_items(_: Any, wanted: bool, instance: Any, __: Any) -> Iterator[ValidationError]:
    from jsonschema import ValidationError

    if not wanted or not isinstance(instance, list):
        return
    texts = [item for item in instance if isinstance(item, str)]
    if len(set(texts)) != len(texts):
        yield ValidationError("an item stands twice")
