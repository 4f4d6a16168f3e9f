"""One file's bytes, read so that nothing can be blocked, led astray, or caught half-written.

Only opening and reading lives here; which files are read is decided in `walk`, links inside the tree are
`linked`'s, and what the bytes mean is the business of the reader that the engine brings. Every open is
relative to a directory that is open already, and follows no link.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass

from reconciler.source.putoff import Unsettled

MAX_BYTES = 256 * 1024
"""The largest file that is read."""

_USUAL_BYTES = 16 * 1024
"""Below this one read gets a whole manifest."""

Signature = tuple[int, int, int, int]
"""A file's inode, size, mtime and ctime (nanoseconds): another content has another one, but for git's "racy"
case of two writes within one tick of the file system's clock."""

NO_SIGNATURE: Signature = (0, 0, 0, 0)

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Content:
    """A whole file as it stood: nobody changed it between its first byte and its last."""

    signature: Signature
    data: bytes


@dataclass(frozen=True, slots=True)
class Unusable:
    """A file that is not read: a stable word for programs, a sentence for people, a line from 1."""

    code: str
    message: str
    line: int = 1


def signature(status: os.stat_result) -> Signature:
    """What a file is recognised by from pass to pass."""
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def open_directory(name: str, parent: int) -> int:
    """Open a subdirectory of the open directory `parent` without following a link. Raises OSError."""
    return os.open(name, _DIRECTORY, dir_fd=parent)


def read_entry(name: str, directory: int, path: str) -> Content | Unusable:
    """Read the entry `name` of the open directory; `path` is what people call it.

    Looked at before it is opened, since opening a device may already do something. Raises Unsettled if it
    changes, goes, or turns into something else on the way.
    """
    try:
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode):
            return Unusable("not_a_file", f"this is {kind(status)}; a manifest is a regular file")
        content = _open_and_read(name, directory, path)
        # By name, and after the last byte: this shows a file that was replaced and one that was written to.
        now = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        raise Unsettled.file(path, "went") from None
    except OSError as error:
        return unreadable("file", error)
    if isinstance(content, Content) and not signature(status) == content.signature == signature(now):
        raise Unsettled.file(path, "was written to or replaced")
    return content


def read_regular(name: str, directory: int, settled_ns: int) -> tuple[os.stat_result, bytes] | None:
    """Read an entry that a listing shows as a regular file, with half the system calls of `read_entry`.

    To be used only where no entry of the directory can be exchanged unseen. What is left to notice is a file
    that is written to meanwhile: its times would not lie before `settled_ns`. None: whatever this is, it is
    for `read_entry` to say.
    """
    try:
        fd = os.open(name, _FILE, dir_fd=directory)
    except OSError:
        return None
    try:
        data = os.read(fd, _USUAL_BYTES)
        status = os.fstat(fd)  # after the last byte
    except OSError:
        return None
    finally:
        os.close(fd)
    is_whole = status.st_size == len(data) < _USUAL_BYTES and stat.S_ISREG(status.st_mode)
    is_settled = status.st_mtime_ns <= settled_ns >= status.st_ctime_ns
    return (status, data) if is_whole and is_settled else None


def read_file(path: str) -> Content | Unusable:
    """Read a file that a person named: links on the way are theirs. Raises Unsettled as `read_entry` does."""
    directory, name = os.path.split(os.path.realpath(path))
    try:
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        return unreadable("file", error)
    try:
        return read_entry(name, fd, path)
    finally:
        os.close(fd)


def unreadable(what: str, error: OSError) -> Unusable:
    """What a person is told where the system refuses: permissions, an I/O error, no file descriptors left."""
    message = f"the {what} cannot be read: {error.strerror}. What it asked for before stays as it is"
    return Unusable("unreadable", message)


def kind(status: os.stat_result) -> str:
    """The word for what is not a regular file."""
    tests = (
        (stat.S_ISDIR, "a directory"),
        (stat.S_ISFIFO, "a FIFO"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISLNK, "a symbolic link"),
    )
    return next((word for is_it, word in tests if is_it(status.st_mode)), "a device")


def _open_and_read(name: str, directory: int, path: str) -> Content | Unusable:
    try:
        fd = os.open(name, _FILE, dir_fd=directory)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise Unsettled.file(path, "was replaced by a link or a socket") from None
        raise
    try:
        before = os.fstat(fd)
        if before.st_size > MAX_BYTES:
            found = f"the file has {before.st_size:,} bytes; at most {MAX_BYTES:,} are read"
            return Unusable("too_large", f"{found}. Split it into several files")
        data = _read_up_to(fd, MAX_BYTES + 1)
        if len(data) != before.st_size:
            raise Unsettled.file(path, "was written to")
    finally:
        os.close(fd)
    return Content(signature(before), data)


def _read_up_to(fd: int, limit: int) -> bytes:
    parts, left = list[bytes](), limit
    while left and (part := os.read(fd, left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
