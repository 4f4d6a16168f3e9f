"""`history`: what was decided and seen, of one name or of all, as the state remembers it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from reconciler.cli import options
from reconciler.cli.asking import now_ms
from reconciler.cli.layout import Cell, Column, Cut, terminal_width, wrapped_grid
from reconciler.cli.moments import TAKES, moment_ms
from reconciler.cli.naming import unknown
from reconciler.cli.render import complain, say_json, show
from reconciler.core.item import rfc3339
from reconciler.core.model import Name
from reconciler.core.record import Event
from reconciler.errors import ExitCode
from reconciler.store.reading import Reader

OF_ALL = (Column("TIME"), Column("NAME", Cut.MIDDLE), Column("EVENT"), Column("REASON"))
OF_ONE = (Column("TIME"), Column("RUN"), Column("EVENT"), Column("REASON"))


def _since(_: click.Context, __: click.Parameter, text: str | None) -> int | None:
    try:
        return None if text is None else moment_ms(text, now_ms())
    except ValueError:
        raise click.BadParameter(f"{text!r} is no moment; it takes {TAKES}") from None


@click.command()
@click.argument("name", required=False, type=options.NAME, shell_complete=options.complete_names)
@click.option(
    "--since", metavar="2h|TIME", callback=_since, help="Only what came since: so long ago, or a time."
)
@click.option(
    "--limit", type=click.IntRange(1), default=1000, show_default=True, help="The newest so many events."
)
@options.output("text", "json")
@options.config
@options.state
@options.sandbox
def history(
    name: str | None,
    since: int | None,
    limit: int,
    output: str,
    config: Path | None,
    state: str | None,
    sandbox: bool,
) -> int:
    """Show what was decided and seen of NAME, or of all names, oldest first."""
    settings = options.settings_of(config, sandbox, state=state)
    events = _events(settings.state, None if name is None else Name(name), since or 0, limit)
    if output == "json":
        say_json({"events": [event_as_json(event) for event in events]})
    elif events:
        show("\n".join(events_table(events, is_of_one=name is not None)))
        if len(events) == limit:
            complain(f"these are the newest {limit}; --limit shows more")
    else:
        complain("nothing happened then; `reconciler history` shows what did, as far as it is kept")
    return ExitCode.DONE


def _events(state: Path, name: Name | None, since_ms: int, limit: int) -> list[Event]:
    if not state.exists():
        if name is not None:
            raise unknown([name], [])
        return []
    with closing(Reader.open(state)) as reader:
        if name is None:
            return reader.history_since(since_ms, limit)
        found = reader.history(name)
        if not found and reader.item(name) is None:
            raise unknown([name], reader.sightings())
        return [event for event in found if event.at_ms >= since_ms][-limit:]


def events_table(events: Sequence[Event], *, is_of_one: bool, indent: int = 0) -> list[str]:
    """One event a row, with its whole reason; the titles first."""
    columns = OF_ONE if is_of_one else OF_ALL
    return wrapped_grid(columns, [_row(event, is_of_one=is_of_one) for event in events], indent=indent)


def event_as_json(event: Event) -> dict[str, Any]:
    """The event for programs."""
    return {
        "at": rfc3339(event.at_ms),
        "event": event.event,
        "reason": event.reason,
        "name": event.name,
        "generation": event.key.generation if event.key else None,
        "attempt": event.key.attempt if event.key else None,
        "workflowId": event.workflow_id,
        "jobId": None if event.job_id is None else str(event.job_id),
        "revision": event.revision,
        "traceId": event.trace_id,
    }


def _row(event: Event, *, is_of_one: bool) -> tuple[Cell, ...]:
    if is_of_one:
        subject = f"{event.key.generation}.{event.key.attempt}" if event.key else "-"
    else:
        subject = str(event.key or event.name or f"workflow {event.workflow_id or '-'}")
    job = "" if event.job_id is None else f"job {event.job_id}"
    reason = ": ".join(filter(None, (job, event.reason)))
    return (_time(event.at_ms), subject, event.event, reason or "-")


def _time(at_ms: int) -> str:
    """On a terminal to the second: there is no room for more, and nobody who reads it minds."""
    exactly = rfc3339(at_ms)
    return exactly if terminal_width() is None else f"{exactly[:19]}Z"
