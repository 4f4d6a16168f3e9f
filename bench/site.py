"""A place to measure at: a tree of manifests, a state in which all of them are done, and settings."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from bench import trees
from bench.daemon import Daemon

ROOT = Path(__file__).parent.parent


@dataclass
class Site:
    """A directory with `jobs.d`, a state, and the settings (without their prefix) of what runs there."""

    directory: Path
    explorer_url: str
    count: int
    workflows: int
    settings: dict[str, str] = field(default_factory=dict)
    jobs_dir: Path = field(init=False)

    def __post_init__(self) -> None:
        self.jobs_dir = self.directory / "jobs.d"
        self.state = self.directory / "state" / "state.db"
        self._known = self.directory / "state-is-whole"
        self._password = self.directory / "password"

    def grow(self) -> None:
        """Write the tree, unless an earlier run has left it whole."""
        whole = self.directory / "tree-is-whole"
        if whole.exists():
            return
        shutil.rmtree(self.directory, ignore_errors=True)
        trees.grow(self.jobs_dir, self.count, self.workflows)
        whole.touch()

    def record_as_done(self) -> None:
        """Have a state in which each manifest is already done, unless one is there and at rest."""
        if self._known.exists() and self._known.read_text() == self.explorer_url:
            return
        self.forget()
        self.command("baseline")
        self._known.write_text(self.explorer_url)

    def forget(self) -> None:
        """Have no state."""
        self._known.unlink(missing_ok=True)
        shutil.rmtree(self.state.parent, ignore_errors=True)

    def daemon(self, wrapped_in: tuple[str, ...] = (), **settings: str) -> Daemon:
        """The daemon with these settings besides the site's own; `wrapped_in` stands before its command."""
        arguments = [*wrapped_in, sys.executable, "-m", "reconciler", "run"]
        return Daemon(arguments, self.environ(**settings), self.directory, self._known)

    def command(self, *arguments: str, **settings: str) -> str:
        """Run a command to its end; what it printed. Raises if it failed."""
        done = subprocess.run(
            [sys.executable, "-m", "reconciler", *arguments],
            cwd=self.directory,
            env=self.environ(**settings),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"reconciler {' '.join(arguments)}: {done.returncode}\n{done.stderr[-4000:]}")
        return done.stdout

    def environ(self, **settings: str) -> dict[str, str]:
        """The environment of what runs here: nothing of the caller's but its PATH."""
        self._password.write_text("nebula")
        self._password.chmod(0o600)
        usual = {
            "EXPLORER_URL": self.explorer_url,
            "USERNAME": "root",
            "PASSWORD_FILE": str(self._password),
            "GRAPHD_ADDRESS": "graphd:9669",
            "JOBS_DIR": str(self.jobs_dir),
            "STATE": str(self.state),
            "LISTEN": "127.0.0.1:0",
            "RATE": "0",
            "MAX_NEW": "0",
            "LOG_FORMAT": "json",
        }
        given = {f"RECONCILER_{name}": value for name, value in (usual | self.settings | settings).items()}
        return {"PATH": os.environ["PATH"], "HOME": str(self.directory), "PYTHONPATH": str(ROOT), **given}
