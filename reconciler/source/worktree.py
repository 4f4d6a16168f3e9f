"""Whether git is at work in the directory: the state of the repository around it, as one comparable value.

Nothing is written, and no git process is started: the files are read as gitrepository-layout(5) describes
them. That no checkout ran during a pass follows from two equal stands around it; `tree` compares them.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass

_COMMIT = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_REF = re.compile(r"refs/[^\x00-\x20\x7f~^:?*\[\\]+\Z")
_MAX_REF_HOPS = 5
_MAX_SMALL = 4096
_MAX_PACKED = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Worktree:
    """Where git keeps what is this worktree's own (`git_dir`) and what all worktrees share (`common_dir`)."""

    git_dir: str
    common_dir: str


@dataclass(frozen=True, slots=True)
class Stand:
    """What can be seen of git's work at one moment.

    `is_locked`: `index.lock` is there, so a checkout may be under way. `index` is that file's inode, size,
    mtime and ctime (git replaces the index as a checkout's last step), `head` the text of HEAD, `commit` what
    it resolves to; each None where it cannot be read.
    """

    is_locked: bool
    index: tuple[int, int, int, int] | None
    head: str | None
    commit: str | None


def worktree_around(directory: str) -> Worktree | None:
    """The git worktree that `directory` (a path without links) lies in, or None.

    None also where a file `.git` points to a place that is not there: a worktree mounted without its
    repository, as a git-sync sidecar may give it, has nothing to look at; one further up is not its own.
    """
    here = directory
    while True:
        dot_git = os.path.join(here, ".git")  # noqa: PTH118
        git_dir = _git_dir(dot_git)
        if git_dir is not None:
            return Worktree(git_dir, _common_dir(git_dir))
        if here == "/" or os.path.isfile(dot_git):  # noqa: PTH113
            return None
        here = here.rpartition("/")[0] or "/"


def stand(worktree: Worktree) -> Stand:
    """Look once. The order matters: the lock is looked at before the index.

    A checkout takes the lock, writes files, and ends by renaming the lock to the index. Had it ended between
    the two looks, the index is a new one; looked at the other way round, neither would have shown it.
    """
    is_locked = os.path.lexists(f"{worktree.git_dir}/index.lock")
    index = _index(worktree)
    head = read_small(f"{worktree.git_dir}/HEAD")
    return Stand(is_locked, index, head, commit_of(worktree, head))


def commit_of(worktree: Worktree, head: str | None) -> str | None:
    """The commit that HEAD's text resolves to: 40 or 64 hex digits, or None (an unborn branch, reftable)."""
    value = head
    for _ in range(_MAX_REF_HOPS):
        if value is None or _COMMIT.match(value):
            return value
        ref = value.removeprefix("ref: ")
        if not _REF.match(ref) or ".." in ref:
            return None
        value = _loose(worktree, ref) or _packed(worktree, ref)
    return None


def read_small(path: str) -> str | None:
    """The stripped text of a small regular file, or None. Never blocks on what is not a regular file."""
    return _read(path, _MAX_SMALL)


def _git_dir(dot_git: str) -> str | None:
    """What `.git` stands for: itself, or the place that a file `gitdir: <path>` names."""
    if os.path.isfile(f"{dot_git}/HEAD"):  # noqa: PTH113
        return dot_git
    text = read_small(dot_git)
    if text is None or not text.startswith("gitdir: "):
        return None
    named = os.path.join(dot_git.rpartition("/")[0], text.removeprefix("gitdir: "))  # noqa: PTH118
    resolved = os.path.realpath(named)
    return resolved if os.path.isfile(f"{resolved}/HEAD") else None  # noqa: PTH113


def _common_dir(git_dir: str) -> str:
    text = read_small(f"{git_dir}/commondir")
    return os.path.realpath(os.path.join(git_dir, text)) if text else git_dir  # noqa: PTH118


def _index(worktree: Worktree) -> tuple[int, int, int, int] | None:
    try:
        status = os.lstat(f"{worktree.git_dir}/index")
    except OSError:
        return None
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _loose(worktree: Worktree, ref: str) -> str | None:
    return read_small(f"{worktree.git_dir}/{ref}") or read_small(f"{worktree.common_dir}/{ref}")


def _packed(worktree: Worktree, ref: str) -> str | None:
    text = _read(f"{worktree.common_dir}/packed-refs", _MAX_PACKED) or ""
    end = f" {ref}"
    return next((line.partition(" ")[0] for line in text.splitlines() if line.endswith(end)), None)


def _read(path: str, limit: int) -> str | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
            return None
        return os.read(fd, status.st_size).decode("utf-8", "surrogateescape").strip()
    except OSError:
        return None
    finally:
        os.close(fd)
