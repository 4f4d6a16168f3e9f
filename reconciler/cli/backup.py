"""`backup`: a copy of the state, also while a daemon runs."""

from __future__ import annotations

import os
from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.render import say
from reconciler.errors import ExitCode
from reconciler.store.backup import back_up


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@options.config
@options.state
@options.sandbox
def backup(file: Path, config: Path | None, state: str | None, sandbox: bool) -> int:
    """Copy the state into FILE, a new file, and verify the copy. A daemon may go on meanwhile."""
    settings = options.settings_of(config, sandbox, state=state)
    os.umask(0o077)
    copied = back_up(settings.state, file)
    place = settings.state
    say(f"{file} holds the state: {copied.runs} runs, {copied.intents} intents. It was verified.")
    say(
        f"To restore it: stop the daemon, move {place}, {place}-wal and {place}-shm aside but leave"
        f" {place}.intents, copy {file} to {place}, and start with `reconciler run --restored`."
    )
    return ExitCode.DONE
