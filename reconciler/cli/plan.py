"""`plan`: the walk up to its fourth step, printed instead of performed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from reconciler.cli import options
from reconciler.cli.items import paused
from reconciler.cli.layout import (
    Column,
    Cut,
    Tone,
    Toned,
    cut,
    painted,
    terminal_width,
    wrapped,
    wrapped_grid,
)
from reconciler.cli.markdown import markdown_of
from reconciler.cli.planned import PENDING, Row, changed_names, counts_of, rows_of, summary
from reconciler.cli.render import complain, say, say_json, show
from reconciler.core.item import rfc3339
from reconciler.core.plain import plain
from reconciler.core.span import age
from reconciler.engine.planning import Planning, plan_tree
from reconciler.errors import ExitCode
from reconciler.settings import Settings
from reconciler.store.reading import Reader

_TONES = {
    "submit": Tone.GOOD,
    "cancel": Tone.BAD,
    "give up": Tone.CARE,
    "cancelling": Tone.CARE,
    "unknown": Tone.CARE,
    "held": Tone.CARE,
    "missing": Tone.CARE,
    "invalid": Tone.BAD,
}
_TONE_OF_LINE = {"-": Tone.BAD, "+": Tone.GOOD}


@dataclass(frozen=True, slots=True)
class _Made:
    """A plan, its rows, and when it was made."""

    planning: Planning
    rows: Sequence[Row]
    now_ms: int


@click.command()
@options.output("text", "json", "markdown")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 if anything is pending.")
@options.config
@options.jobs_dir
@options.state
@options.sandbox
def plan(
    output: str,
    detailed_exitcode: bool,
    config: Path | None,
    jobs_dir: str | None,
    state: str | None,
    sandbox: bool,
) -> int:
    """Show what would be submitted and cancelled, what waits, and why. Writes nothing and asks nobody."""
    settings = options.settings_of(config, sandbox, jobs_dir=jobs_dir, state=state)
    made = _made(settings)
    planning = made.planning
    match output:
        case "json":
            say_json(_as_json(made))
        case "markdown":
            say(markdown_of(planning, made.rows))
        case _:
            _print(made)
    if planning.desired.problems:
        return ExitCode.FAILED
    is_pending = any(row.word in PENDING for row in made.rows)
    return ExitCode.PENDING if detailed_exitcode and is_pending else ExitCode.DONE


def _made(settings: Settings) -> _Made:
    now_ms = time.time_ns() // 1_000_000
    if not settings.state.exists():
        planning = plan_tree(
            settings.jobs_dir, None, now_ms, settings.max_new, settings.room, policy=settings.allowed
        )
        return _Made(planning, rows_of(planning, {}), now_ms)
    with closing(Reader.open(settings.state)) as reader:
        planning = plan_tree(
            settings.jobs_dir, reader, now_ms, settings.max_new, settings.room, policy=settings.allowed
        )
        return _Made(planning, rows_of(planning, reader.last_bodies(changed_names(planning))), now_ms)


def _print(made: _Made) -> None:
    shown = [row for row in made.rows if row.word != "nothing"]
    for line in _table(shown, made.now_ms):
        show(line)
    for problem in made.planning.desired.problems:
        complain(plain(str(problem)))
    if shown:
        say("")
    for line in _notes(made.planning):
        show(wrapped(line))
    show(wrapped(summary(counts_of(made.rows, made.planning.desired.nameless))))
    if made.planning.plan.is_guarded:
        show(wrapped(f"{_waiting(made.planning)} for you: reconciler approve {made.planning.plan.hash}"))
    elif made.planning.plan.unapproved or made.planning.plan.unapproved_cancels:
        show(wrapped(f"Hash: {made.planning.plan.hash}"))


def _notes(planning: Planning) -> Iterator[str]:
    """What has to be said of the plan as a whole."""
    made, pause = planning.plan, planning.world.pause
    if pause:
        yield paused(pause)
    if made.to_list:
        which = ", ".join(made.to_list[:5]) + (
            f" and {len(made.to_list) - 5} more" if made.to_list[5:] else ""
        )
        yield (
            f"To be listed first: workflow{'s' if made.to_list[1:] else ''} {which}. Only Explorer knows what"
            " jobs are there; on a state without any run, manifests of a workflow that has some are guarded"
        )


def _waiting(planning: Planning) -> str:
    runs, cancels = len(planning.plan.unapproved), len(planning.plan.unapproved_cancels)
    parts = [_counted(runs, "new run"), _counted(cancels, "cancel")]
    return " and ".join(filter(None, parts)) + (" waits" if runs + cancels == 1 else " wait")


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}" if count else ""


def _table(rows: Sequence[Row], now_ms: int) -> Iterator[str]:
    """Each row with its whole reason, over as many lines as that takes, and with what changed below it."""
    columns = (Column("ACTION"), Column("NAME", Cut.MIDDLE), Column("WHY"))
    cells = [(Toned(row.word, _TONES.get(row.word)), row.name, _why(row, now_ms)) for row in rows]
    titles, *texts = wrapped_grid(columns, cells)
    if rows:
        yield titles
    indent = " " * titles.index("NAME")
    for row, text in zip(rows, texts, strict=True):
        yield text
        yield from _changes(row, indent)


def _why(row: Row, now_ms: int) -> str:
    until = ""
    if row.until_ms is not None and row.until_ms > now_ms:
        until = f" (until {rfc3339(row.until_ms)}, in {age((row.until_ms - now_ms) / 1000)})"
    return row.told() + until


def _changes(row: Row, indent: str) -> Iterator[str]:
    width = terminal_width()
    for change in row.changes:
        for line in change.lines():
            text = plain(line)
            if width is not None:
                text = cut(text, max(8, width - len(indent)))
            yield indent + painted(text, _TONE_OF_LINE.get(line[:1]))


def _as_json(made: _Made) -> dict[str, Any]:
    planning, plan = made.planning, made.planning.plan
    pause = planning.world.pause
    return {
        "hash": plan.hash,
        "isGuarded": plan.is_guarded,
        "unapproved": [{"name": claim.name, "digest": claim.manifest.digest} for claim in plan.unapproved],
        "unapprovedCancels": [
            {"name": it.name, "jobId": str(it.job_id), "reason": str(it.why)}
            for it in plan.unapproved_cancels
        ],
        "toList": list(plan.to_list),
        "paused": pause and {"by": pause.who, "why": pause.why, "since": rfc3339(pause.since_ms)},
        "summary": dict(counts_of(made.rows, planning.desired.nameless)),
        "problems": [str(problem) for problem in planning.desired.problems],
        "actions": [_row_as_json(row) for row in made.rows if row.job_id is None],
        "cancels": [_cancel_as_json(row) for row in made.rows if row.job_id is not None],
    }


def _row_as_json(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "action": row.word,
        "reason": row.reason,
        "until": None if row.until_ms is None else rfc3339(row.until_ms),
        "generation": row.key.generation if row.key else None,
        "attempt": row.key.attempt if row.key else None,
        "workflowId": row.workflow_id,
        "changes": [{"path": it.place, "before": it.before, "after": it.after} for it in row.changes],
        "note": row.note or None,
    }


def _cancel_as_json(row: Row) -> dict[str, Any]:
    """A job that is stopped (`cancel`), or will be once somebody approves it (`wait`)."""
    return {
        "name": row.name,
        "action": row.word,
        "reason": row.reason,
        "generation": row.key.generation if row.key else None,
        "attempt": row.key.attempt if row.key else None,
        "jobId": str(row.job_id),
    }
