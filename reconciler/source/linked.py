"""Symbolic links inside the tree: a file read through one, if the way stays inside.

A ConfigMap's directory is made of such links (`x.yaml -> ..data/x.yaml`, `..data -> ..2026_05_01`). The
links that lead to the jobs directory itself are `links`' business.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator

from reconciler.source.putoff import Unsettled
from reconciler.source.reading import Content, Unusable, open_directory, read_entry, unreadable


def read_link(name: str, directory: int, path: str, root: str, root_fd: int) -> Content | Unusable:
    """Read the regular file that the link `name` in the open directory leads to.

    `path` is the link's own, relative to `root`, which is the tree's path without links; `root_fd` is the
    same directory, open. Where the link leads is found by name, and then opened from `root_fd` down without
    following anything: whoever exchanges a component meanwhile puts the pass off, and leads it nowhere.
    """
    try:
        text = os.readlink(name, dir_fd=directory)
        real = os.path.realpath(f"{root}/{path}", strict=True)
        inside = root.rstrip("/") + "/"
        if not real.startswith(inside):
            return Unusable("link_outside", "the link leads out of the tree. Put the file itself here")
        relative = real.removeprefix(inside)
        if _is_hidden(relative):
            return Unusable("link_hidden", "the link leads to what begins with a dot, which is never read")
        with _holder(root_fd, relative, path) as (holder, target):
            content = read_entry(target, holder, path)
        if os.readlink(name, dir_fd=directory) != text:
            raise Unsettled.file(path, "was led elsewhere")
    except FileNotFoundError:
        return Unusable("link_broken", "the link leads nowhere. Remove it, or put its target in place")
    except OSError as error:
        return unreadable("file", error)
    return content


def link_mark(name: str, directory: int) -> tuple[int, int, str]:
    """What tells a link from another one that took its place: inode, ctime in nanoseconds, text.

    Raises OSError where there is no such link (any more).
    """
    status = os.stat(name, dir_fd=directory, follow_symlinks=False)
    text = os.readlink(name, dir_fd=directory) if stat.S_ISLNK(status.st_mode) else ""
    return (status.st_ino, status.st_ctime_ns, text)


def _is_hidden(relative: str) -> bool:
    """Whether the walk would never come there: git's own files say where from, and with whose password.

    A ConfigMap keeps its files in a directory that begins with two dots.
    """
    return any(name.startswith(".") and not name.startswith("..") for name in relative.split("/"))


@contextlib.contextmanager
def _holder(root_fd: int, relative: str, path: str) -> Iterator[tuple[int, str]]:
    """The directory that holds `relative`, opened component by component, and the last component."""
    *above, name = relative.split("/")
    fd = os.dup(root_fd)
    try:
        for component in above:
            try:
                inner = open_directory(component, fd)
            except (FileNotFoundError, NotADirectoryError):
                raise Unsettled.file(path, "was led elsewhere") from None
            os.close(fd)
            fd = inner
        yield fd, name
    finally:
        os.close(fd)
