"""A repository laid out as git-sync 4 does it: worktrees, and a link that is swapped from one to another."""

from __future__ import annotations

import shutil
from pathlib import Path

from bench.git import Repository


class GitSync:
    """`root/link` leads to `root/.worktrees/<commit>`. `jobs_dir` holds the files of the first commit."""

    def __init__(self, root: Path, jobs_dir: Path) -> None:
        self.root = root
        self.link = root / "link"
        self.repository = Repository(root / ".git", jobs_dir)

    def begin(self) -> None:
        """Lay it out anew, with the link leading to the first commit."""
        shutil.rmtree(self.root, ignore_errors=True)
        self.repository.record()
        commit = self._git("rev-parse", "HEAD").strip()
        self.check_out(commit)
        self.swap(commit)

    def commit(self, path: str, text: str) -> str:
        """A commit on top of HEAD in which one file has this text; its name."""
        blob = self._git("hash-object", "-w", "--stdin", text=text).strip()
        self._git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")
        tree = self._git("write-tree").strip()
        commit = self._git("commit-tree", tree, "-p", "HEAD", "-m", "one change").strip()
        self._git("update-ref", "HEAD", commit)
        return commit

    def check_out(self, commit: str) -> None:
        """A worktree of its own for a commit."""
        self._git("worktree", "add", "--quiet", "--detach", str(self._worktree(commit)), commit)

    def swap(self, commit: str) -> None:
        """Let the link lead to a commit's worktree, atomically."""
        fresh = self.root / "link.fresh"
        fresh.symlink_to(Path(".worktrees") / commit)
        fresh.replace(self.link)

    def remove(self, commit: str) -> None:
        """Remove a worktree that the link led to before."""
        shutil.rmtree(self._worktree(commit))
        self._git("worktree", "prune")

    def current(self) -> str:
        """The commit whose worktree the link leads to."""
        return self.link.readlink().name

    def _worktree(self, commit: str) -> Path:
        return self.root / ".worktrees" / commit

    def _git(self, *arguments: str, text: str = "") -> str:
        return self.repository.git(*arguments, text=text)
