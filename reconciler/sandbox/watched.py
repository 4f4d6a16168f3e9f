"""A file in the sandbox's directory that is read again whenever it changed.

What it says is its reader's matter.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")

_log = logging.getLogger("reconciler.sandbox")


class Watched(Generic[T]):
    """The value of a file as of now; `absent` while there is no such file.

    `read` turns the file's bytes into the value and raises ValueError for what it cannot read. A file that is
    wrong when it is first looked at raises; one that goes wrong later keeps the value it had, with a warning,
    because an editor may be halfway through writing it.
    """

    def __init__(self, path: Path, read: Callable[[bytes], T], absent: T) -> None:
        self._path = path
        self._read = read
        self._absent = absent
        self._seen = self._signature()
        self._value = self._fresh()

    def value(self) -> T:
        """What the file says now. Costs one `stat` while it does not change."""
        signature = self._signature()
        if signature != self._seen:
            self._seen = signature
            self._refresh()
        return self._value

    def _refresh(self) -> None:
        try:
            self._value = self._fresh()
        except ValueError as error:
            _log.warning("%s was not taken over: %s", self._path, error)

    def _fresh(self) -> T:
        try:
            return self._read(self._path.read_bytes())
        except FileNotFoundError:
            return self._absent

    def _signature(self) -> tuple[int, int, int] | None:
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return None
        return stat.st_ino, stat.st_size, stat.st_mtime_ns
