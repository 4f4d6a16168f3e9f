"""Everything bad that has a name, in one tree, and twenty good manifests among it: a real daemon's day."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.hostile.cases import cases
from tests.hostile.filesystem import NASTY
from tests.hostile.test_manifests import TABLES
from tests.walk.daemon import Daemon, Installation
from tests.walk.manifests import manifest
from tests.walk.other_explorer import OtherExplorer

GOOD = 20
MOST_KIB = 2 * 1024**2
"""Address space that the daemon may use."""


class Confined(Daemon):
    """A daemon with so much address space and no more."""

    def _start(self) -> subprocess.Popen[str]:
        script = f'ulimit -v {MOST_KIB} && exec "$0" -m reconciler run'
        return subprocess.Popen(
            ["sh", "-c", script, sys.executable],
            cwd=self.installation.directory,
            env=self.installation.environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def everything_bad(jobs_dir: Path) -> dict[str, tuple[str, ...]]:
    """Puts it there, each in a directory of its own, and gives what is told by directory."""
    told = {}
    for table in TABLES:
        for number, case in enumerate(cases(table)):
            here = jobs_dir / f"{table}-{number:03}"
            here.mkdir()
            (here / "a.yaml").write_bytes(case.data)
            told[here.name] = tuple(f"a.yaml:{line}" for line in case.told if not line.startswith("and "))
    for number, nasty in enumerate(NASTY.values()):
        here = jobs_dir / f"nasty-{number:03}"
        here.mkdir()
        nasty.make(here)
        told[here.name] = nasty.told
    return told


def untold(told: dict[str, tuple[str, ...]], problems: list[dict[str, Any]]) -> list[str]:
    """What should have been told and was not, each with its place."""
    found = {f"{it['path']}:{it['line']}:{it['column']} {it['code']}: {it['message']}" for it in problems}
    wanted = [f"{place}/{_anywhere(line, place)}" for place, lines in told.items() for line in lines]
    return [line for line in wanted if line not in found and not _is_too_deep(line, found)]


def _anywhere(line: str, place: str) -> str:
    return line.replace("stands also at ", f"stands also at {place}/")


def _is_too_deep(line: str, found: set[str]) -> bool:
    """One directory further down, 64 are reached one earlier."""
    return " too_deep: directories" in line and any(" too_deep: directories" in it for it in found)


def test_all_that_is_bad_is_told_with_its_place_and_all_that_is_good_is_submitted(
    installation: Installation, explorer: OtherExplorer
) -> None:
    told = everything_bad(installation.jobs_dir)
    for number in range(GOOD):
        installation.write(f"good-{number}/a.yaml", manifest(f"fine-{number}", "43", number=number))
    with Confined(installation) as daemon:
        explorer.wait_for_jobs(GOOD)
        daemon.comes_to_rest()
        for path in ("/livez", "/readyz", "/"):
            daemon.until(lambda path=path: daemon.status_of(path) == 200, path)
        states = daemon.states()
    assert len(explorer.jobs) == GOOD
    assert {states[f"fine-{number}"] for number in range(GOOD)} <= {"Running", "Succeeded"}
    validated = installation.command("validate", "-o", "json")
    assert validated.returncode == 1
    problems = json.loads(validated.stdout)["problems"]
    assert untold(told, problems) == []
    assert all(it["line"] >= 1 and it["column"] >= 1 and it["message"] for it in problems)
    assert len(daemon.says("manifest invalid")) == len(problems)
    assert installation.command("plan").returncode == 1
