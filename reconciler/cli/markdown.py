"""A plan as Markdown, fit for a comment below a pull request: short enough, and with nothing in it that acts.

Text from outside becomes neither markup, nor a link, nor a mention of somebody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from reconciler.cli.planned import Row, counts_of, summary
from reconciler.core.plain import plain
from reconciler.engine.planning import Planning

MOST_LETTERS = 60_000
"""GitHub takes 65,536 in a comment, other forges take more."""

LONGEST_CELL = 300
_MOST_LINES_OF_ONE = 40
_ACTING = re.compile(r"[\\`*_\[\]<>|~@&#$]|:(?=//)|(?<=www)\.")


def markdown_of(planning: Planning, rows: Sequence[Row]) -> str:
    """The plan as one text, cut where it would grow too long."""
    plan = planning.plan
    shown = [row for row in rows if row.word != "nothing"]
    lines = [f"### {summary(counts_of(rows, planning.desired.nameless))}", ""]
    if plan.is_guarded:
        lines += [f"**It waits for approval:** `reconciler approve {plan.hash}`", ""]
    left = MOST_LETTERS - sum(map(len, lines))
    lines += _within([*_problems(planning)], left // 4, "problems")
    lines += _within([*_table(shown)], left // 2, "rows")
    lines += _within([*_changes(shown)], MOST_LETTERS - sum(len(line) + 1 for line in lines) - 500, "changes")
    if plan.unapproved or plan.unapproved_cancels:
        lines += ["", f"Hash: `{plan.hash}`"]
    return "\n".join(lines)


def escaped(text: str) -> str:
    """Text that stands in a cell as it is; a long one is cut."""
    shown = plain(text)
    if len(shown) > LONGEST_CELL:
        shown = shown[: LONGEST_CELL - 1] + "…"
    return _ACTING.sub(lambda found: f"&#{ord(found[0])};", shown)


def fenced(lines: Sequence[str], kind: str) -> list[str]:
    """Lines in a fence that is longer than any run of backticks in them."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{kind}", *lines, fence]


def _within(blocks: Sequence[str], letters: int, what: str) -> list[str]:
    """As many of the blocks as so many letters hold, and how many more there are."""
    taken: list[str] = []
    for at, block in enumerate(blocks):
        letters -= len(block) + 1
        if letters < 0:
            return [*taken, "", f"… and {len(blocks) - at} more {what}: `reconciler plan` shows all.", ""]
        taken.append(block)
    return taken


def _problems(planning: Planning) -> Iterator[str]:
    for problem in planning.desired.problems:
        yield f"- {escaped(str(problem))}"
    if planning.desired.problems:
        yield ""


def _table(rows: Sequence[Row]) -> Iterator[str]:
    if rows:
        yield "| action | name | why |\n|---|---|---|"
    for row in rows:
        yield f"| {row.word} | `{row.name}` | {escaped(row.told())} |"


def _changes(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        lines = [plain(line) for change in row.changes for line in change.lines()]
        if lines[_MOST_LINES_OF_ONE:]:
            lines = [*lines[:_MOST_LINES_OF_ONE], f"  … and {len(lines) - _MOST_LINES_OF_ONE} more lines"]
        if lines:
            head = f"\n<details><summary>what <code>{row.name}</code> asks for now</summary>\n"
            yield "\n".join([head, *fenced(lines, "diff"), "\n</details>"])
