"""`completion`: what a shell needs to complete commands, options and names. It is click's own."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from reconciler.cli.render import pour

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS), required=False)
@click.pass_context
def completion(context: click.Context, shell: str | None) -> None:
    """Print what SHELL (by default yours) needs to complete commands, options and names.

    \b
    To try it:        eval "$(reconciler completion bash)"
    To keep it, bash: put it into ~/.local/share/bash-completion/completions/reconciler
                zsh:  put it into a directory of $fpath, as _reconciler
                fish: put it into ~/.config/fish/completions/reconciler.fish
    """  # noqa: D301 - click's mark for lines that it leaves as they are
    chosen = shell or Path(os.environ.get("SHELL", "")).name
    if chosen not in SHELLS:
        raise click.UsageError(f"say which shell: one of {', '.join(SHELLS)}")
    made = get_completion_class(chosen)
    assert made  # noqa: S101 - click knows these three
    root = context.find_root()
    complete = made(root.command, {}, "reconciler", "_RECONCILER_COMPLETE")
    pour(complete.source_template % complete.source_vars() + "\n")
