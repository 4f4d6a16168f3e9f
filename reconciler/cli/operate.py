"""Commands that change something: a running daemon performs them, or without one the command itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.holder import holder
from reconciler.core.model import JobId, Name, WorkflowId
from reconciler.core.plan import Plan
from reconciler.engine.operator import Answer, release
from reconciler.engine.operator import approve as perform_approve
from reconciler.engine.operator import baseline as perform_baseline
from reconciler.engine.operator import resolve as perform_resolve
from reconciler.engine.planning import plan_tree
from reconciler.errors import ExitCode, ReconcilerError, StateInUse
from reconciler.explorer.jobs import is_workflow_id
from reconciler.settings import Settings
from reconciler.store.reading import Reader, answer_to, ask
from reconciler.store.sqlite import SqliteStore

ANSWER_S = 15.0
"""How long a running daemon may take to answer."""

Perform = Callable[[SqliteStore, Plan], Awaitable[Answer]]


@click.command()
@click.argument("plan_hash")
@options.config
@options.jobs_dir
@options.state
@options.sandbox
def approve(
    plan_hash: str, config: Path | None, jobs_dir: str | None, state: str | None, sandbox: bool
) -> int:
    """Release the new runs of the plan with this hash, as `reconciler plan` shows it."""
    settings = options.settings_of(config, sandbox, jobs_dir=jobs_dir, state=state)
    return _tell(
        settings,
        "approve",
        {"hash": plan_hash},
        lambda store, plan: perform_approve(store, plan, plan_hash, _now_ms()),
    )


@click.command()
@click.argument("names", nargs=-1)
@options.config
@options.jobs_dir
@options.state
@options.sandbox
def baseline(
    names: Sequence[str], config: Path | None, jobs_dir: str | None, state: str | None, sandbox: bool
) -> int:
    """Record new manifests, all or these, as already done: they run when they change."""
    settings = options.settings_of(config, sandbox, jobs_dir=jobs_dir, state=state)
    return _tell(
        settings,
        "baseline",
        {"names": list(names)},
        lambda store, plan: perform_baseline(store, plan, names, _now_ms()),
    )


@click.command()
@click.argument("name", required=False)
@click.option("--generation", type=click.IntRange(1), metavar="N", help="Which, if several are held.")
@click.option("--adopt", type=click.IntRange(1), metavar="ID", help="This job, a candidate, is its own.")
@click.option("--not-created", is_flag=True, help="No job was made: it is sent again if still wanted.")
@click.option("--workflow", metavar="ID", help="A workflow of a restored state that is held.")
@click.option("--not-ours", is_flag=True, help="The workflow's unknown jobs are not ours: use it again.")
@options.config
@options.jobs_dir
@options.state
@options.sandbox
def resolve(
    name: str | None,
    generation: int | None,
    adopt: int | None,
    not_created: bool,
    workflow: str | None,
    not_ours: bool,
    config: Path | None,
    jobs_dir: str | None,
    state: str | None,
    sandbox: bool,
) -> int:
    """End a hold: say whether the held run NAME has a job, or that a workflow's jobs are not ours.

    `reconciler describe NAME` shows the candidates, and what Explorer tells of them.
    """
    settings = options.settings_of(config, sandbox, jobs_dir=jobs_dir, state=state)
    if workflow is not None and not_ours and name is None and adopt is None and not not_created:
        if not is_workflow_id(workflow):
            raise click.UsageError(f"{workflow!r} is not a workflow ID")
        workflow_id = WorkflowId(workflow)
        return _tell(
            settings,
            "release",
            {"workflow": workflow},
            lambda store, _: release(store, workflow_id, _now_ms()),
        )
    if name is None or workflow is not None or not_ours or (adopt is None) is not not_created:
        raise click.UsageError(
            "say NAME and either --adopt ID or --not-created; or --workflow ID --not-ours, without NAME"
        )
    manifest_name, adopted = Name(name), None if adopt is None else JobId(adopt)

    async def perform(store: SqliteStore, plan: Plan) -> Answer:
        done = await perform_resolve(store, plan, manifest_name, generation, adopted, _now_ms())
        return done.answer

    return _tell(settings, "resolve", {"name": name, "generation": generation, "adopt": adopt}, perform)


def _tell(settings: Settings, kind: str, arguments: dict[str, object], perform: Perform) -> int:
    """Have it performed, by the daemon if one runs, and print what came of it."""
    try:
        answer = asyncio.run(_perform_alone(settings, perform))
    except StateInUse:
        answer = _ask_daemon(settings.state, kind, arguments)
    click.echo(answer.text, err=not answer.is_done)
    return ExitCode.DONE if answer.is_done else ExitCode.FAILED


async def _perform_alone(settings: Settings, perform: Perform) -> Answer:
    store = await SqliteStore.open(settings.state, None, holder(), lambda *_: None)
    try:
        with closing(Reader.open(settings.state)) as reader:
            planning = plan_tree(settings.jobs_dir, reader, _now_ms(), settings.max_new)
        return await perform(store, planning.plan)
    finally:
        await store.close()


def _ask_daemon(state: Path, kind: str, arguments: dict[str, object]) -> Answer:
    number = ask(state, kind, arguments, _now_ms())
    deadline_s = time.monotonic() + ANSWER_S
    while time.monotonic() < deadline_s:
        answer = answer_to(state, number)
        if answer is not None:
            return Answer(*answer)
        time.sleep(0.05)
    raise ReconcilerError(
        f"the daemon has not answered within {ANSWER_S:g} s; the wish to {kind} stays in the state, and is"
        " performed when it can be. `reconciler get` shows what became of it"
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
