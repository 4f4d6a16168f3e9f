"""`resolve`: what an operator says of a held run, or of a restored state's workflow."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.asking import have_performed, now_ms
from reconciler.core.model import JobId, Name, WorkflowId
from reconciler.core.plan import Plan
from reconciler.engine.operator import Answer, release
from reconciler.engine.operator import resolve as perform_resolve
from reconciler.explorer.jobs import is_workflow_id
from reconciler.store.sqlite import SqliteStore


@click.command()
@click.argument("name", required=False, type=options.NAME, shell_complete=options.complete_names)
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
        return have_performed(
            settings,
            "release",
            {"workflow": workflow},
            lambda store, _: release(store, workflow_id, now_ms()),
        )
    if name is None or workflow is not None or not_ours or (adopt is None) is not not_created:
        raise click.UsageError(
            "say NAME and either --adopt ID or --not-created; or --workflow ID --not-ours, without NAME"
        )
    manifest_name, adopted = Name(name), None if adopt is None else JobId(adopt)

    async def perform(store: SqliteStore, plan: Plan) -> Answer:
        done = await perform_resolve(store, plan, manifest_name, generation, adopted, now_ms())
        return done.answer

    arguments: dict[str, object] = {"name": name, "generation": generation, "adopt": adopt}
    return have_performed(settings, "resolve", arguments, perform)
