"""`retry`, `cancel`, `pause` and `resume`: what an operator asks of runs and of the daemon as a whole."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.asking import have_recorded, leave_to_daemon, now_ms
from reconciler.engine.operator import Answer, Speaker
from reconciler.engine.operator import pause as perform_pause
from reconciler.engine.operator import resume as perform_resume
from reconciler.settings import Settings
from reconciler.store.port import Store

_why = click.option("--why", metavar="TEXT", default="", help="Kept in the history, for whoever looks later.")


@click.command()
@options.name
@_why
@options.config
@options.state
@options.sandbox
def retry(name: str, why: str, config: Path | None, state: str | None, sandbox: bool) -> int:
    """Submit NAME again, as it is: another attempt of its newest run, which has ended.

    Without a running daemon the wish is kept, and performed by the next one.
    """
    settings = options.settings_of(config, sandbox, state=state)
    return leave_to_daemon(settings, "retry", {"name": name, **_said(why)})


@click.command()
@options.name
@click.option("--generation", type=click.IntRange(1), metavar="N", help="Which, if several jobs run.")
@_why
@options.config
@options.state
@options.sandbox
def cancel(
    name: str, generation: int | None, why: str, config: Path | None, state: str | None, sandbox: bool
) -> int:
    """Have the running job of NAME stopped. Its manifest is not submitted again by that.

    Without a running daemon the wish is kept, and performed by the next one.
    """
    settings = options.settings_of(config, sandbox, state=state)
    return leave_to_daemon(settings, "cancel", {"name": name, "generation": generation, **_said(why)})


@click.command()
@_why
@options.config
@options.state
@options.sandbox
def pause(why: str, config: Path | None, state: str | None, sandbox: bool) -> int:
    """Submit nothing from now on, until `resume`. Running jobs go on, and are followed."""
    return _recorded("pause", perform_pause, why, options.settings_of(config, sandbox, state=state))


@click.command()
@_why
@options.config
@options.state
@options.sandbox
def resume(why: str, config: Path | None, state: str | None, sandbox: bool) -> int:
    """Submit again what waited since `pause`."""
    return _recorded("resume", perform_resume, why, options.settings_of(config, sandbox, state=state))


def _recorded(
    kind: str,
    perform: Callable[[Store, Speaker, int], Awaitable[Answer]],
    why: str,
    settings: Settings,
) -> int:
    said = _said(why)
    speaker = Speaker(str(said["who"]), why)
    return have_recorded(settings, kind, said, lambda store: perform(store, speaker, now_ms()))


def _said(why: str) -> dict[str, object]:
    """Who asks, as the history will name them, and what they say."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in many containers
        user = str(os.getuid())
    return {"who": f"{user}@{socket.gethostname()}", "why": why}
