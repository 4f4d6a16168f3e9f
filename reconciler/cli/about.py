"""What the program says of itself: its version, and the schema of its manifests."""

from __future__ import annotations

import click

from reconciler import __version__
from reconciler.cli.render import say


@click.command()
def version() -> None:
    """Print the version."""
    say(f"reconciler {__version__}")


@click.command()
def schema() -> None:
    """Print the JSON Schema of manifests, for editors and other validators."""
    from reconciler.core.schema import schema_text

    say(schema_text().rstrip("\n"))
