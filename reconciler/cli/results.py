"""`results`: the first rows of what a finished job's tasks found, asked of Explorer."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.layout import Column, Cut, grid_text
from reconciler.cli.naming import nearest, unknown
from reconciler.cli.render import is_terminal, pour, say_json, show
from reconciler.core.model import Accepted, Name, Run
from reconciler.core.plain import plain
from reconciler.errors import ExitCode, ReconcilerError
from reconciler.explorer.client import Task
from reconciler.explorer.results import Rows
from reconciler.settings import Settings
from reconciler.store.reading import Reader


@dataclass(frozen=True, slots=True)
class _Found:
    """A job's tasks, each with the rows that Explorer shows of it."""

    run: Run
    job: Accepted
    tasks: Sequence[tuple[Task, Rows]]


@click.command()
@options.name
@click.option("--task", metavar="TASK", help="Only this task's, by its ID.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=10, show_default=True, help="Rows a task.")
@options.output("table", "json", "csv")
@options.config
@options.state
@options.sandbox
def results(
    name: str,
    task: str | None,
    limit: int,
    output: str,
    config: Path | None,
    state: str | None,
    sandbox: bool,
) -> int:
    """Show the first rows that the tasks of NAME's finished job found."""
    settings = options.settings_of(config, sandbox, needs_explorer=not sandbox, state=state)
    run, job = _finished(settings, Name(name))
    found = asyncio.run(_ask(settings, run, job, task, limit, is_sandbox=sandbox))
    match output:
        case "json":
            say_json(_as_json(found))
        case "csv":
            pour(_as_csv(found))
        case _:
            show("\n\n".join(_table(task, rows) for task, rows in found.tasks))
    return ExitCode.DONE


def _finished(settings: Settings, name: Name) -> tuple[Run, Accepted]:
    """The name's newest run and its job, which has ended. Raises ReconcilerError for any other."""
    if not settings.state.exists():
        raise unknown([name], [])
    with closing(Reader.open(settings.state)) as reader:
        item = reader.item(name)
        if item is None:
            raise unknown([name], reader.sightings())
        run = reader.latest_runs([name]).get(name)
    if run is None or not isinstance(run.state, Accepted):
        raise ReconcilerError(
            f"{name} has no job yet: it is {item.state}. `reconciler explain {name}` says why"
        )
    if run.state.ended_ms is None:
        raise ReconcilerError(
            f"job {run.state.job_id} of {name} has not ended: it is {run.state.status}."
            f" `reconciler get {name} --watch` shows when it has"
        )
    return run, run.state


async def _ask(
    settings: Settings, run: Run, job: Accepted, wanted: str | None, limit: int, *, is_sandbox: bool
) -> _Found:
    from reconciler.cli.client import asking

    async with asking(settings, is_sandbox=is_sandbox) as explorer:
        tasks = (await explorer.job(job.job_id)).tasks
        chosen = [task for task in tasks if wanted in (None, task.task_id)]
        if wanted is not None and not chosen:
            raise ReconcilerError(_no_such_task(job, wanted, [task.task_id for task in tasks]))
        rows = [(it, await explorer.sample_result(job.job_id, it.task_id, limit)) for it in chosen]
        return _Found(run, job, rows)


def _no_such_task(job: Accepted, wanted: str, there: Sequence[str]) -> str:
    near = nearest(wanted, there, most=1)
    hint = (
        f"the nearest is {plain(near[0])}"
        if near
        else f"its tasks are {', '.join(map(plain, there)) or 'none'}"
    )
    return f"job {job.job_id} has no task {plain(wanted)}; {hint}"


def _table(task: Task, rows: Rows) -> str:
    """One task: what it is, and its rows. Explorer names no columns, so they are numbered."""
    named = f" ({plain(task.name)})" if task.name and task.name != task.task_id else ""
    status = f": {task.status}" if task.status else ""
    head = f"{plain(task.task_id)}{named}{status}, {_count(len(rows))}"
    if not rows:
        return head
    width = max(map(len, rows))
    columns = [Column(str(number), Cut.END) for number in range(1, width + 1)]
    return head + "\n" + grid_text(columns, [[*row, *[""] * (width - len(row))] for row in rows], indent=2)


def _count(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows or 'no'} rows"


def _as_json(found: _Found) -> dict[str, object]:
    return {
        "name": found.run.key.name,
        "generation": found.run.key.generation,
        "attempt": found.run.key.attempt,
        "jobId": str(found.job.job_id),
        "jobStatus": str(found.job.status),
        "tasks": [
            {
                "id": task.task_id,
                "name": task.name,
                "status": str(task.status) if task.status else None,
                "rows": [list(row) for row in rows],
            }
            for task, rows in found.tasks
        ],
    }


def _as_csv(found: _Found) -> str:
    """The rows of one task. On a terminal nothing in them steers it; elsewhere they are as Explorer has them.

    Raises ReconcilerError for a job with several tasks: their rows have nothing in common.
    """
    if len(found.tasks) > 1:
        tasks = ", ".join(plain(task.task_id) for task, _ in found.tasks)
        raise ReconcilerError(f"job {found.job.job_id} has several tasks ({tasks}); choose one by --task")
    text = io.StringIO()
    shown = plain if is_terminal() else str
    for _, rows in found.tasks:
        csv.writer(text, lineterminator="\n").writerows([map(shown, row) for row in rows])
    return text.getvalue()
