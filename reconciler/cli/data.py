"""Output for programs: JSON and YAML in which nothing steers the terminal that happens to show it."""

from __future__ import annotations

import json
from typing import Any

from reconciler.cli.render import plain


def json_text(value: Any, *, indent: int | None = 2) -> str:
    """The value as JSON. What a terminal would obey, or not show, is escaped: it reads as the same."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return "\n".join(map(plain, text.split("\n")))


def yaml_text(value: Any) -> str:
    """The value as one YAML document, without its last line break; harmless in the same way."""
    import yaml

    value = json.loads(json.dumps(value))  # a text with a class of its own is a text
    text: str = yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=10_000)
    if any(plain(line) != line for line in text.split("\n")):
        text = yaml.safe_dump(value, allow_unicode=False, sort_keys=False, width=10_000)
    return text.rstrip("\n")
