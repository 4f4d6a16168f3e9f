"""A path, followed one component at a time: each symbolic link on the way, and where the way ends.

Only the way to the jobs directory is followed here. Links inside the tree are `reading`'s, what a link's
name says about the commit is `revision`'s.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

MAX_LINKS = 40
"""As many as Linux follows before it says ELOOP (path_resolution(7))."""


@dataclass(frozen=True, slots=True)
class Link:
    """One symbolic link on the way: the directory that holds it, its name, what it says.

    `identity` is its inode and ctime in nanoseconds: a link that was replaced by one with the same text is
    another link.
    """

    parent: str
    name: str
    target: str
    identity: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Reached:
    """The way ends at this existing directory, whose path has no links; `identity` is (device, inode)."""

    path: str
    identity: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Broken:
    """The way ends early: `name` in the directory `parent` is not there, or is not a directory."""

    parent: str
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Trail:
    """The links passed, in their order, and the end. Two equal trails lead through the same links."""

    links: tuple[Link, ...]
    end: Reached | Broken


def follow(path: str) -> Trail:
    """Walk `path` (absolute; `..` is taken as the kernel takes it) to the directory that it names.

    One loop, as in the kernel: each component says where the next one is looked up, and a link adds more.
    """
    pending = _components(path)[::-1]
    here, links = "/", list[Link]()
    while pending:
        name = pending.pop()
        if name == "..":
            here = _parent(here)
            continue
        try:
            link = _read_link(here, name)
        except OSError as error:
            return Trail(tuple(links), Broken(here, name, error.strerror or str(error)))
        if link is None:
            here = _join(here, name)
            continue
        links.append(link)
        if len(links) > MAX_LINKS:
            return Trail(tuple(links), Broken(here, name, "too many levels of symbolic links"))
        here = "/" if link.target.startswith("/") else here
        pending.extend(_components(link.target)[::-1])
    return Trail(tuple(links), _end(here))


def _end(path: str) -> Reached | Broken:
    try:
        status = os.lstat(path)
    except OSError as error:
        return Broken(_parent(path), _name(path), error.strerror or str(error))
    if not stat.S_ISDIR(status.st_mode):
        return Broken(_parent(path), _name(path), "not a directory")
    return Reached(path, (status.st_dev, status.st_ino))


def _read_link(parent: str, name: str) -> Link | None:
    path = _join(parent, name)
    status = os.lstat(path)
    if not stat.S_ISLNK(status.st_mode):
        return None
    return Link(parent, name, os.readlink(path), (status.st_ino, status.st_ctime_ns))  # noqa: PTH115


def _components(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _join(parent: str, name: str) -> str:
    return parent + name if parent == "/" else f"{parent}/{name}"


def _parent(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def _name(path: str) -> str:
    return path.rpartition("/")[2]
