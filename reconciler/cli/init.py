"""`init`: a directory to begin in. What is there already stays as it is."""

from __future__ import annotations

import os
from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.render import say
from reconciler.errors import ExitCode, ReconcilerError

MANIFEST = """\
# One job that somebody wants. Its fields: `reconciler schema`, and docs/manifest.md.
apiVersion: reconciler/v1
kind: WorkflowJob
metadata:
  name: first-job
spec:
  workflowId: "4216617528"   # the workflow's ID in Explorer
  suspend: true              # nothing is submitted until this is gone
  input:
    query_1:                 # a task of the workflow, with its parameters
      name: Tim Duncan
"""

SETTINGS = """\
# Settings, for `reconciler run --config reconciler.toml`. RECONCILER_... variables are the same, and win.
# All of them: docs/settings.md.

# explorer_url = "https://explorer.example.com"
# username = "root"
# password_file = "/run/secrets/explorer/password"
# graphd_address = "graphd.example.com:9669"

jobs_dir = "{jobs_dir}"
state = ".reconciler/state.db"
"""

IGNORED = "# What the daemon remembers: of this machine, and never to be committed.\n.reconciler/\n"


@click.command()
@click.argument("directory", default=".", type=click.Path(path_type=Path, file_okay=False))
@options.jobs_dir
def init(directory: Path, jobs_dir: str | None) -> int:
    """Write a first manifest and a file of settings into DIRECTORY (this one). Overwrites nothing."""
    place = jobs_dir or "jobs.d"
    if any((directory / place).rglob("*.y*ml")):
        say(f"left {directory / place} as it is: it has manifests")
    else:
        _write(directory / place / "first-job.yaml", MANIFEST)
    _write(directory / "reconciler.toml", SETTINGS.format(jobs_dir=_in_toml(place)))
    _write(directory / ".gitignore", IGNORED)
    say(_NEXT)
    return ExitCode.DONE


_NEXT = """\
next:
  reconciler validate       checks the manifests
  reconciler run --sandbox  runs them on a stand-in for Explorer
  reconciler doctor         says what is missing for the real one"""


def _write(file: Path, text: str) -> None:
    """Write a file that is not there, whatever comes between; says what became of it."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w") as opened:
            opened.write(text)
    except FileExistsError:
        say(f"left {file} as it is")
    except OSError as error:
        raise ReconcilerError(f"{file} cannot be written: {error.strerror}") from error
    else:
        say(f"wrote {file}")


def _in_toml(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
