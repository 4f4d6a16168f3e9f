"""Data for programs where `say_json` does not serve: JSON on one line, and YAML."""

from __future__ import annotations

import json
from typing import Any

from reconciler.core.plain import plain, plain_json


def json_line(value: Any) -> str:
    """The value as JSON on one line. What a terminal would obey is escaped, and means the same."""
    return plain_json(json.dumps(value, ensure_ascii=False))


def yaml_text(value: Any) -> str:
    """The value as one YAML document, without its last line break; harmless in the same way."""
    import yaml

    value = json.loads(json.dumps(value))  # a text with a class of its own is a text
    text: str = yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=10_000)
    if any(plain(line) != line for line in text.split("\n")):
        text = yaml.safe_dump(value, allow_unicode=False, sort_keys=False, width=10_000)
    return text.rstrip("\n")
