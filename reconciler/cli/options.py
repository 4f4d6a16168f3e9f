"""Options that several commands share, and the settings that follow from them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from reconciler.settings import Settings, load

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

config = click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar="RECONCILER_CONFIG",
    help="A TOML file of settings; variables win over it.",
)
jobs_dir = click.option("--jobs-dir", metavar="DIR", help="The directory of manifests.")
state = click.option("--state", metavar="FILE", help="The file that remembers every run.")
sandbox = click.option("--sandbox", is_flag=True, help="Use the state of `run --sandbox`.")

SANDBOX_STATE = Path(".reconciler/sandbox/state.db")


def output(*formats: str) -> Decorator:
    """`-o`, with the formats of this command; the first is the default."""
    return click.option(
        "-o", "--output", "output", type=click.Choice(formats), default=formats[0], help="How to print."
    )


def settings_of(
    config_path: Path | None, is_sandbox: bool = False, *, needs_explorer: bool = False, **flags: object
) -> Settings:
    """The settings from flags, environment and file. Raises SettingsWrong with all that is wrong at once.

    The sandbox has a state of its own, unless one is named.
    """
    settings = load(os.environ, config_path, flags, needs_explorer=needs_explorer)
    if is_sandbox and "state" not in settings.written_as:
        return replace(settings, state=SANDBOX_STATE)
    return settings
