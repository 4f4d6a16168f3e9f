"""The command `reconciler`: its commands, gathered, and how each ends.

One file a group of commands stands beside this; what a program or a person reads is made in `render`. Heavy
modules are imported by the command that needs them, so that `version` and `--help` answer at once.
"""

from __future__ import annotations

import importlib
import sys
from typing import NoReturn

import click
from click.shell_completion import CompletionItem

from reconciler import __version__
from reconciler.cli.render import complain
from reconciler.errors import ExitCode, ReconcilerError

COMMANDS = {
    "init": ("init", "Write a first manifest and a file of settings."),
    "run": ("run", "Watch the jobs directory, and submit one job for each manifest."),
    "validate": ("validate", "Check manifests, without state or server."),
    "plan": ("plan", "Show what would be submitted and cancelled, and why."),
    "get": ("get", "Show each manifest's newest run."),
    "describe": ("describe", "Show all that is known of one manifest."),
    "explain": ("explain", "Say what happens next to one manifest, and why not sooner."),
    "history": ("history", "Show what was decided and seen."),
    "results": ("results", "Show what the tasks of a finished job found."),
    "approve": ("operate", "Release the new runs of a plan."),
    "baseline": ("operate", "Record new manifests as already done."),
    "resolve": ("resolve", "End a hold: say which job is a run's own."),
    "retry": ("steer", "Submit a manifest again, as it is."),
    "cancel": ("steer", "Stop a running job."),
    "pause": ("steer", "Submit nothing until `resume`."),
    "resume": ("steer", "Submit again what waited since `pause`."),
    "backup": ("backup", "Copy the state, also while a daemon runs."),
    "doctor": ("doctor", "Look at all that a daemon needs, and say what to do."),
    "schema": ("about", "Print the JSON Schema of manifests."),
    "sandbox": ("run", "Run a stand-in for Explorer on its own."),
    "completion": ("completion", "Print what your shell needs to complete commands."),
    "version": ("about", "Print the version."),
}
"""Each command's module, and what a list of commands says of it, in the order of a first day's use.

It is said here, so that a list imports none of them.
"""


class Commands(click.Group):
    """Commands that are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All names, in order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """The command of that name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(f"reconciler.cli.{module}"), cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is meant; one that does not exist is told with the nearest that does."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            import difflib

            near = difflib.get_close_matches(args[0][:40], COMMANDS, n=1)
            hint = f"the nearest is {near[0]}" if near else "`reconciler --help` lists all"
            raise click.UsageError(f"there is no command {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        """List them without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, said) for name, (_, said) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete their names in the same way."""
        begun = [
            CompletionItem(name, help=said)
            for name, (_, said) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return [*begun, *click.Command.shell_complete(self, ctx, incomplete)]


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
        import io

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
