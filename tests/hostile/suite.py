"""The official YAML test suite's cases (its `src` directory), and what the reader's first steps make of them.

The data belongs to others and is not kept here. It is looked for where `YAML_TEST_SUITE` says, and in a
directory `yaml-test-suite` beside the checkout, in `shared` or on its own.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from reconciler.core.compose import NOTHING, compose
from reconciler.core.documents import Text, texts
from reconciler.core.yaml import parse

BESIDE = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class SuiteCase:
    """One case: its ID, its text, whether it is no YAML at all, and its values where JSON can say them."""

    name: str
    text: str
    is_wrong: bool
    values: list[Any] | None


def suite_directory() -> Path | None:
    """Where the cases lie, if they are there."""
    said = os.environ.get("YAML_TEST_SUITE")
    places = [Path(said)] if said else [BESIDE / "shared" / "yaml-test-suite", BESIDE / "yaml-test-suite"]
    return next((place / "src" for place in places if (place / "src").is_dir()), None)


def suite_cases(directory: Path) -> Iterator[SuiteCase]:
    """All cases, in order; the parts of one file go by its name and a number."""
    for path in sorted(directory.glob("*.yaml")):
        before: dict[str, Any] = {}
        for number, part in enumerate(yaml.safe_load(path.read_text("utf-8"))):
            before = before | part if "yaml" not in part else {"name": before.get("name"), **part}
            values = None if before.get("json") is None else list(_json_values(before["json"]))
            name = f"{path.stem}-{number:02}"
            yield SuiteCase(name, _written_out(before["yaml"]), bool(before.get("fail")), values)


def _written_out(text: str) -> str:
    """The text, in which the suite's signs for what nobody sees (its ReadMe lists them) stand for that."""
    text = re.sub("—*»", "\t", text.replace("␣", " ").replace("↵", "").replace("⇔", "\ufeff"))
    return text.replace("←", "\r").replace("∎\n", "").replace("∎", "")


def _json_values(text: str) -> Iterator[Any]:
    decoder, rest = json.JSONDecoder(), text.strip()
    while rest:
        value, end = decoder.raw_decode(rest)
        yield value
        rest = rest[end:].strip()


def values_read(text: str) -> list[Any] | None:
    """The value of each document that says something; None if anything in the file is refused."""
    values = []
    for document in texts(text.encode()):
        if not isinstance(document, Text):
            return None
        events = parse(document.text, document.line)
        composed = compose(events.events, document.line)
        if document.faults or events.fault or composed.faults:
            return None
        if composed.value is not NOTHING:
            values.append(composed.value)
    return values
