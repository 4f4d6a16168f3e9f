"""Named bad inputs, read from tables beside this: each with what it is told, to the letter.

A table is a text file of blocks, with a blank line between two. The first line names the case; what follows
makes the input, and the lines with `<` are what is told, as `line:column code: sentence`:

    # a tab as indentation         the case's name
    > a:                           a line of the file, with Python's escapes (\\t, \\u202e, \\\\)
    >- x                           the same, without a newline
    >b \\xff                       bytes, each as an escape
    >*500 [                        a text that repeats
    + suspend: maybe               a line in `spec` of a manifest that is good otherwise
    +b rerun: \xff                 the same in bytes, without a newline
    >g                             a manifest that is good, or with a name, in that encoding
    >m {name: A}                   a manifest that is good but for its metadata
    >w 0                           a manifest that is good but for its workflow
    < 2:1 syntax: …                what is told
    < and 30 more                  how much more is told, where it goes on and on
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
TOP = "apiVersion: reconciler/v1\nkind: WorkflowJob\n"
GOOD = TOP + "metadata: {name: good}\nspec:\n  workflowId: 42\n"


@dataclass(frozen=True, slots=True)
class Case:
    """One bad input: what it is called, its bytes, and the lines that are told."""

    name: str
    data: bytes
    told: tuple[str, ...]


def cases(table: str) -> tuple[Case, ...]:
    """The cases of a table, in its order. Raises ValueError for a line that means nothing."""
    blocks = (HERE / f"{table}.txt").read_text("utf-8").split("\n\n")
    return tuple(_case(block.strip("\n").split("\n")) for block in blocks if block.strip())


def _case(lines: list[str]) -> Case:
    name, *rest = lines
    data = b"".join(_data(line) for line in rest if not line.startswith("<"))
    if any(line.startswith("+") for line in rest):
        data = GOOD.encode() + data
    told = tuple(line.removeprefix("< ") for line in rest if line.startswith("<"))
    return Case(name.removeprefix("# "), data, told)


def _data(line: str) -> bytes:
    kind, _, written = line.partition(" ")
    text = written.encode("ascii").decode("unicode_escape")
    match kind:
        case ">":
            return (text + "\n").encode()
        case ">-":
            return text.encode()
        case ">b":
            return text.encode("latin-1")
        case "+":
            return f"  {text}\n".encode()
        case "+b":
            return b"  " + text.encode("latin-1")
        case ">g":
            return GOOD.encode(text or "utf-8")
        case ">m":
            return f"{TOP}metadata: {text}\nspec: {{workflowId: 42}}\n".encode()
        case ">w":
            return f"{TOP}metadata: {{name: good}}\nspec: {{workflowId: {text}}}\n".encode()
        case _ if kind.startswith(">*"):
            return text.encode() * int(kind.removeprefix(">*"))
    raise ValueError(f"no such kind of line: {line}")


def is_told(case: Case, told: list[str]) -> bool:
    """Whether exactly this is told. Asserts, so that what differs is shown."""
    *wanted, last = case.told
    if last.startswith("and "):
        assert told[: len(wanted)] == wanted
        assert last == f"and {len(told) - len(wanted)} more"
    else:
        assert told == list(case.told)
    return True
