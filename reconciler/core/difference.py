"""What a changed manifest asks for that the one before did not: value by value. Pure.

Both sides are the canonical bodies that are sent to Explorer, so what is compared is what counts.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core.model import WorkflowId

Value = str | int | float


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs. `path` leads to it within the manifest; None stands for no value there."""

    path: tuple[str, ...]
    before: Value | None
    after: Value | None

    @property
    def place(self) -> str:
        """The path as a person writes it: with dots, and what has dots of its own in quotes."""
        return ".".join(one if _is_plain(one) else _shown(one) for one in self.path)

    def lines(self) -> list[str]:
        """The change as lines of a diff: `- ` before, `+ ` after; long text is compared line by line."""
        if isinstance(self.before, str) and isinstance(self.after, str) and "\n" in self.before + self.after:
            before, after = self.before.split("\n"), self.after.split("\n")
            found = list(difflib.unified_diff(before, after, n=1, lineterm=""))[3:]  # without its headings
            return [f"  {self.place}:", *map(_indented, found)]
        lines = [] if self.before is None else [f"- {self.place}: {_shown(self.before)}"]
        return lines if self.after is None else [*lines, f"+ {self.place}: {_shown(self.after)}"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run asks for: the workflow, and the input of its canonical body."""

    workflow_id: WorkflowId
    body: bytes


def differences(before: Asked, after: Asked) -> tuple[Change, ...]:
    """Every value that differs, in the order of their places.

    Two manifests with different digests and no difference here have another `rerun`.
    """
    found = []
    if before.workflow_id != after.workflow_id:
        found.append(Change(("spec", "workflowId"), before.workflow_id, after.workflow_id))
    old, new = dict(_leaves(before.body)), dict(_leaves(after.body))
    for path in sorted(old.keys() | new.keys()):
        one, other = old.get(path), new.get(path)
        if one != other:
            found.append(Change(("spec", "input", *path), one, other))
    return tuple(found)


def _leaves(body: bytes) -> Iterator[tuple[tuple[str, ...], Value]]:
    """Every parameter's value; a task without parameters stands there as the text `{}`."""
    tasks: Mapping[str, Mapping[str, Any]] = json.loads(body).get("input", {})
    for task, parameters in tasks.items():
        if not parameters:
            yield (task,), "{}"
        for name, value in parameters.items():
            yield (task, name), value


def _indented(line: str) -> str:
    return "      …" if line.startswith("@@") else f"{line[:1]}     {line[1:]}"


def _is_plain(word: str) -> bool:
    return word.replace("_", "a").replace("-", "a").isalnum()


def _shown(value: Value) -> str:
    return json.dumps(value, ensure_ascii=False)
