"""Trees of manifests: the same at every run, twenty manifests of fifteen lines in a directory."""

from __future__ import annotations

import time
from pathlib import Path

IN_A_DIRECTORY = 20
DIRECTORIES_IN_A_TEAM = 100


def path_of(number: int) -> str:
    """Where a manifest lies, relative to the jobs directory."""
    directory = number // IN_A_DIRECTORY
    return f"team-{directory // DIRECTORIES_IN_A_TEAM:03d}/d{directory:05d}/job-{number:06d}.yaml"


def manifest(number: int, workflows: int, version: int = 0) -> str:
    """A manifest of fifteen lines; another version asks for another job."""
    return f"""\
# The neighbours of one player, as the team wants them.
apiVersion: reconciler/v1
kind: WorkflowJob
metadata:
  name: job-{number:06d}
  labels:
    team: graph
    tier: "{number % 7}"
spec:
  workflowId: "{1000 + number % workflows}"
  input:
    query_1:
      name: Tim Duncan {number}
      limit: {version}
      ratio: 0.5
"""


def grow(jobs_dir: Path, count: int, workflows: int) -> None:
    """Write `count` manifests that ask for jobs of so many workflows."""
    jobs_dir.mkdir(parents=True)
    for number in range(count):
        file = jobs_dir / path_of(number)
        if number % IN_A_DIRECTORY == 0:
            file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(manifest(number, workflows))


def replace(jobs_dir: Path, number: int, text: str) -> int:
    """Exchange a manifest as a careful writer does: written beside it, then renamed over it.

    Gives the moment of that on the machine's monotonic clock, in nanoseconds.
    """
    target = jobs_dir / path_of(number)
    fresh = target.with_name(f".{target.name}.fresh")
    fresh.write_text(text)
    began_ns = time.monotonic_ns()
    fresh.replace(target)
    return began_ns
