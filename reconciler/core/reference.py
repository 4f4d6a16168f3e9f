"""The reference page for manifests (docs/manifest.md), made from the JSON Schema so that both say the same.

A test fails when the page in the repository is not what this gives. To write it again:
`python -m reconciler.core.reference > docs/manifest.md`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

from reconciler.core.check import Schema
from reconciler.core.fault import MEANING
from reconciler.core.schema import schema

_INTRODUCTION = """\
# The manifest

<!-- Made from schemas/workflowjob.schema.json by `python -m reconciler.core.reference`. Do not edit. -->

A manifest is one YAML document that asks for one Explorer job. `reconciler validate` checks it; `reconciler
schema` prints the JSON Schema for your editor.

```yaml
apiVersion: reconciler/v1
kind: WorkflowJob
metadata:
  name: tim-duncan-neighbours
  labels: {team: graph}
spec:
  workflowId: "4216617528"
  input:
    query_1: {name: Tim Duncan}
```

## How it is read

- Files are UTF-8, end in `.yaml`, `.yml` or `.json`, and have at most 256 KiB. A file may hold up to 1,000
  documents, separated by a line `---`; documents without content are nothing. One bad document stops nothing
  but itself.
- Values are JSON's: text, numbers, `true`, `false`, lists and mappings with text as keys. A number is what
  JSON calls one (`10`, `-0.5`, `1e3`); an integer beyond ±9007199254740991 needs quotes. A date such as
  `2024-05-01` is text.
- What YAML versions read differently is refused, with what to write instead: `yes`, `no`, `on`, `off`, `y`,
  `n`, `012`, `0x1F`, `1_000`, `1:30`, `+1`, `.5`, `.inf`. Put it in quotes if it is text.
- Anchors, aliases, merge keys, tags and keys that stand twice are refused. So are control characters other
  than tab and newline, and characters that change the order in which text is shown. Long text, a query for
  example, goes into a block: `query: |`.
- At most 32 mappings and lists stand inside each other, and a document has at most 20,000 keys, values,
  beginnings and ends. [Inputs and their limits](security.md#manifests) lists them all.
- An operator may narrow [who may ask for what](policy.md).

## Fields
"""

_CODES = """\
## Problems

Each problem has a place, a sentence, and one of these codes. `validate -o json` also gives the JSON pointer
(RFC 6901).

| code | meaning |
|---|---|
"""

_BOUNDS = {
    "minLength": "not empty",
    "maxLength": "at most {} characters",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "more than {}",
    "maxItems": "at most {} entries",
    "uniqueItems": "no entry twice",
    "pattern": "matches `{}`",
}


def page() -> str:
    """The whole page, as Markdown."""
    codes = "".join(f"| `{code}` | {meaning} |\n" for code, meaning in MEANING.items())
    return _INTRODUCTION + "".join(_fields(schema(), "")) + "\n" + _CODES + codes


def _fields(part: Schema, path: str) -> Iterator[str]:
    """One section for each field below a part of the schema, depth first."""
    required = part.get("required", ())
    for name, field in part.get("properties", {}).items():
        place = f"{path}{name}"
        yield _section(place, field, "required" if name in required else "optional")
        yield from _fields(field, f"{place}.")
    others = part.get("additionalProperties")
    if isinstance(others, dict):
        place = f"{path}<{others.get('title', 'name').lower()}>"
        yield _section(place, others, "any number of times")
        if "propertyNames" in part:
            yield f"\nIts key: {part['propertyNames']['description']}\n"
        yield from _fields(others, f"{place}.")


def _section(place: str, field: Schema, presence: str) -> str:
    facts = [_type(field), presence, *_bounds(field)]
    if "default" in field:
        facts.append(f"default `{json.dumps(field['default'])}`")
    examples = " · ".join(f"`{json.dumps(example, ensure_ascii=False)}`" for example in field["examples"])
    return f"\n### `{place}`\n\n{', '.join(facts)}\n\n{field['description']}\n\nFor example: {examples}\n"


def _type(field: Schema) -> str:
    if "const" in field:
        return f"always `{field['const']}`"
    if "enum" in field:
        return "one of " + ", ".join(f"`{word}`" for word in field["enum"])
    words: str | list[str] = field["type"]
    return words if isinstance(words, str) else " or ".join(words)


def _bounds(field: Schema) -> Iterator[str]:
    for keyword, sentence in _BOUNDS.items():
        if keyword in field:
            yield sentence.format(field[keyword])


if __name__ == "__main__":
    sys.stdout.write(page())
