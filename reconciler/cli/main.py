"""The command `reconciler`: its commands, gathered, and how each ends.

One file a group of commands stands beside this; what a program or a person reads is made in `render`. Heavy
modules are imported by the command that needs them, so that `version` and `--help` answer at once.
"""

from __future__ import annotations

import importlib
import io
import sys
from typing import NoReturn

import click

from reconciler import __version__
from reconciler.cli.render import complain
from reconciler.errors import ExitCode, ReconcilerError

COMMANDS = {
    "init": ("reconciler.cli.init", "init"),
    "run": ("reconciler.cli.run", "run"),
    "validate": ("reconciler.cli.validate", "validate"),
    "plan": ("reconciler.cli.plan", "plan"),
    "get": ("reconciler.cli.get", "get"),
    "describe": ("reconciler.cli.describe", "describe"),
    "explain": ("reconciler.cli.explain", "explain"),
    "history": ("reconciler.cli.history", "history"),
    "results": ("reconciler.cli.results", "results"),
    "approve": ("reconciler.cli.operate", "approve"),
    "baseline": ("reconciler.cli.operate", "baseline"),
    "resolve": ("reconciler.cli.resolve", "resolve"),
    "retry": ("reconciler.cli.steer", "retry"),
    "cancel": ("reconciler.cli.steer", "cancel"),
    "pause": ("reconciler.cli.steer", "pause"),
    "resume": ("reconciler.cli.steer", "resume"),
    "backup": ("reconciler.cli.backup", "backup"),
    "doctor": ("reconciler.cli.doctor", "doctor"),
    "schema": ("reconciler.cli.about", "schema"),
    "sandbox": ("reconciler.cli.run", "sandbox"),
    "completion": ("reconciler.cli.completion", "completion"),
    "version": ("reconciler.cli.about", "version"),
}
"""Each command's module and name, in the order in which help lists them: that of a first day's use."""


class Commands(click.Group):
    """Commands that are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All names, in order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """The command of that name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="reconciler")
def cli() -> None:
    """Ask for NebulaGraph Explorer workflow jobs in git.

    Each manifest of a directory is submitted as one job, once, and followed to its end. Settings are
    RECONCILER_… variables, or a TOML file given by --config.
    """


def main() -> NoReturn:
    """Run a command, and end the process with the status that the documentation promises.

    Where whoever reads us has left (EPIPE), click ends the process with 1, and says nothing to anybody.
    """
    try:
        status = cli.main(prog_name="reconciler", standalone_mode=False)
        sys.exit(status if isinstance(status, int) else ExitCode.DONE)
    except click.ClickException as error:
        told = io.StringIO()
        error.show(told)
        complain(told.getvalue().rstrip("\n"))
        sys.exit(ExitCode.USAGE)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(ExitCode.INTERRUPTED)
    except ReconcilerError as error:
        for line in str(error).split("\n"):
            complain(f"error: {line}")
        sys.exit(error.exit_code)
    except Exception as error:
        from reconciler.cli.crash import tell_crash

        tell_crash(error)
        sys.exit(ExitCode.FAILED)
