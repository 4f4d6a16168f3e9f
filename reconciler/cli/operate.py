"""`approve` and `baseline`: what an operator says of new runs that wait."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.asking import have_performed, now_ms
from reconciler.engine.operator import approve as perform_approve
from reconciler.engine.operator import baseline as perform_baseline


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
    return have_performed(
        settings,
        "approve",
        {"hash": plan_hash},
        lambda store, plan: perform_approve(store, plan, plan_hash, now_ms()),
    )


@click.command()
@options.names
@options.config
@options.jobs_dir
@options.state
@options.sandbox
def baseline(
    names: Sequence[str], config: Path | None, jobs_dir: str | None, state: str | None, sandbox: bool
) -> int:
    """Record new manifests, all or these, as already done: they run when they change."""
    settings = options.settings_of(config, sandbox, jobs_dir=jobs_dir, state=state)
    return have_performed(
        settings,
        "baseline",
        {"names": list(names)},
        lambda store, plan: perform_baseline(store, plan, names, now_ms()),
    )
