"""Manifests and trees as somebody would write them who looks for a way in, made by hypothesis."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.targets import YAML_WORDS

NASTY_CHARACTERS = "\x00\x07\x1b\x7f\x85\x9b\u061c\u200b\u200f\u202e\u2028\u2066\ufeff\ufffe\uffff\U0010ffff"
TEXTS = st.text(st.sampled_from("ab1.-_/~[]{}<>&*!?|%@`'\"\\:#, \t\né起😀" + NASTY_CHARACTERS), max_size=12)
NUMBERS = st.integers() | st.floats() | st.sampled_from([2**53, -(2**63), 1e308, 5e-324, -0.0])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
FIELDS = ("workflowId", "input", "rerun", "suspend", "onChange", "onDelete", "onUnknown", "backoffLimit")
WORDS = st.sampled_from(["submit", "queue", "replace", "orphan", "cancel", "auto", "hold", "resubmit"])


@st.composite
def manifests(draw: st.DrawFn) -> bytes:
    """One document that is nearly right, in JSON's form or in lines, with pieces of YAML thrown in."""
    spec: dict[str, Any] = {"workflowId": draw(st.just(42) | VALUES)}
    spec |= draw(st.dictionaries(st.sampled_from(FIELDS) | TEXTS, WORDS | VALUES, max_size=4))
    whole: dict[str, Any] = {
        "apiVersion": draw(st.just("reconciler/v1") | VALUES),
        "kind": draw(st.just("WorkflowJob") | VALUES),
        "metadata": draw(st.just({"name": "a"}) | st.fixed_dictionaries({"name": TEXTS}) | VALUES),
        "spec": draw(st.just(spec) | VALUES),
    }
    indent = draw(st.sampled_from([None, 1, "\t"]))
    text = json.dumps(whole, ensure_ascii=draw(st.booleans()), indent=indent)
    if draw(st.booleans()):
        text = "\n".join(f"{key}: {json.dumps(value)}" for key, value in whole.items()) + "\n"
    data = text.encode("utf-8", "surrogatepass")
    for word in draw(st.lists(st.sampled_from(YAML_WORDS), max_size=3)):
        at = draw(st.integers(0, len(data)))
        data = data[:at] + word + data[at:]
    return data


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a tree: its path, what it is, and its bytes or where it leads."""

    path: bytes
    kind: str
    data: bytes


NAMES = st.sampled_from(
    [b"a", b"b.yaml", b"c.json", b".d.yaml", b"..data", b".reconcilerignore", b"\xff.yaml", b"e\n.yml"]
)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(b"/".join)
RULES = st.lists(
    st.sampled_from([b"*", b"**", b"/", b"a", b"!", b"[", b"]", b"?", b"\\", b"#", b"\n", b".yaml"])
)
TARGETS = st.sampled_from(
    [b".", b"..", b"a", b"b.yaml", b"/etc/passwd", b"/dev/zero", b"..data/b.yaml", b"x" * 300]
)
CONTENTS = manifests() | RULES.map(b"".join) | st.sampled_from([b"", b"\0", b"x" * 262_145])
ENTRIES = st.one_of(
    st.builds(Entry, PATHS, st.just("file"), CONTENTS),
    st.builds(Entry, PATHS, st.just("link"), TARGETS),
    st.builds(Entry, PATHS, st.sampled_from(["directory", "fifo"]), st.just(b"")),
)
TREES = st.lists(ENTRIES, max_size=8)


def plant(root: Path, entries: list[Entry]) -> None:
    """Put the entries there, as far as each finds its place free and its directory above it, below `root`."""
    for entry in entries:
        path = root / os.fsdecode(entry.path)
        with suppress(OSError):
            if not Path(os.path.realpath(path.parent)).is_relative_to(os.path.realpath(root)):
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            match entry.kind:
                case "file":
                    with path.open("xb") as file:
                        file.write(entry.data)
                case "link":
                    path.symlink_to(os.fsdecode(entry.data))
                case "fifo":
                    os.mkfifo(path)
                case _:
                    path.mkdir()
