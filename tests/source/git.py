"""A real git repository for tests, and a worktree swapped in by a link as git-sync does it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


class Repository:
    """A repository at `path` whose commits hold the given files under `jobs.d/`."""

    def __init__(self, path: Path, home: Path) -> None:
        self.path = path
        self._env = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "A",
            "GIT_AUTHOR_EMAIL": "a@example.com",
            "GIT_COMMITTER_NAME": "A",
            "GIT_COMMITTER_EMAIL": "a@example.com",
        }
        path.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch", "main")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", "-c", "core.fsmonitor=false", *arguments],
            cwd=self.path,
            env=self._env,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def commit(self, files: dict[str, str]) -> str:
        """One commit in which `jobs.d` holds exactly these files; gives its ID."""
        directory = self.path / "jobs.d"
        for old in directory.glob("*"):
            old.unlink()
        directory.mkdir(exist_ok=True)
        for name, text in files.items():
            (directory / name).write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "x")
        return self.git("rev-parse", "HEAD")

    def publish(self, commit: str, root: Path) -> None:
        """What git-sync does: a worktree named by its commit, then a link to it, exchanged atomically."""
        worktree = root / ".worktrees" / commit
        if not worktree.exists():
            self.git("worktree", "add", "--quiet", "--detach", str(worktree), commit)
        swap_link(root / "current", f".worktrees/{commit}")

    def withdraw(self, commit: str, root: Path) -> None:
        """Remove the worktree of a commit that no link leads to any more."""
        self.git("worktree", "remove", "--force", str(root / ".worktrees" / commit))


def swap_link(link: Path, target: str) -> None:
    """Make `link` lead to `target` at one stroke."""
    temporary = link.with_name(f".{link.name}.new")
    temporary.symlink_to(target)
    temporary.rename(link)
