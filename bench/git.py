"""Git beside the daemon: the rival of a pass, and what lays out worktrees as git-sync does."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

IDENTITY = ("-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "gc.auto=0")


class Repository:
    """A git repository at `git_dir` whose files are those of `worktree`."""

    def __init__(self, git_dir: Path, worktree: Path) -> None:
        self.git_dir = git_dir
        self.worktree = worktree

    def record(self) -> None:
        """Make the repository, unless it is there, and commit every file."""
        if not (self.git_dir / "HEAD").exists():
            self.git_dir.parent.mkdir(parents=True, exist_ok=True)
            self.git("init", "--quiet")
        self.git("add", "--all")
        if self.git("status", "--porcelain"):
            self.git("commit", "--quiet", "--message", "bench")

    def git(self, *arguments: str, text: str = "") -> str:
        """Run git on this repository, with this to read; what it printed."""
        command = ["git", f"--git-dir={self.git_dir}", f"--work-tree={self.worktree}", *IDENTITY, *arguments]
        done = subprocess.run(
            command, env=environ(), input=text, stdout=subprocess.PIPE, text=True, check=True
        )
        return done.stdout

    def status_s(self) -> float:
        """How long `git status --porcelain` takes; everything is as committed."""
        began = time.perf_counter()
        said = self.git("status", "--porcelain")
        took_s = time.perf_counter() - began
        assert not said, f"not as committed: {said[:200]}"
        return took_s


def environ() -> dict[str, str]:
    """Git as it is by default, whatever the caller has configured."""
    return {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
