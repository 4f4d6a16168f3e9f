"""Secrets: texts that nothing shows by accident, the files that they are read from, and what looks like one.

What a secret is good for is the business of `session`; how it travels, that of `transport`.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import NoReturn

LARGEST_FILE = 64 * 1024
MASK = "***"


class Secret:
    """A text that only `reveal` gives away. Two secrets are equal only if they are the same object."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that sends it."""
        return self._text

    def masked_in(self, text: str) -> str:
        """The text with every occurrence of this secret covered: a server may repeat what it was sent."""
        return text.replace(self._text, MASK)

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is neither pickled nor copied")


def without_tokens(text: str, mask: str = MASK) -> str:
    """The text with every JSON Web Token in it covered (RFC 7519): a token holds a password, whosever it is.

    A token is base64url of `{"`, and one or two more parts after dots. Each word is looked at once: a
    pattern that began anew at every `eyJ` would take hours for a few megabytes of them.
    """
    if "eyj" not in text.lower():
        return text
    return _DOTTED.sub(lambda found: _covered(found, mask), text)


_DOTTED = re.compile(r"(?<![\w-])(?P<first>[\w-]{7,}+)(?:\.[\w-]*+){1,2}", re.ASCII)
_TOKEN_BEGINS = re.compile(r"eyJ[\w-]{4}", re.ASCII | re.IGNORECASE)


def _covered(found: re.Match[str], mask: str) -> str:
    begin = _TOKEN_BEGINS.search(found["first"])
    return found[0] if begin is None else found["first"][: begin.start()] + mask


Signature = tuple[int, int, int, int, int]
"""Device, inode, size, mtime and ctime: if all are the same, the file was not written in between."""


def signature_of(path: Path) -> Signature | None:
    """What tells one content of a file from the next; None if it cannot be looked at."""
    try:
        seen = path.stat()
    except OSError:
        return None
    return (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)


class SecretFile:
    """A file with one secret in it, which somebody may replace at any time.

    Links are followed: an orchestrator swaps a link to bring in a new secret.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read_at: Signature | None = None

    def read(self) -> Secret | str:
        """The secret without its line's end; or why there is none, as the end of a sentence on the file."""
        self._read_at = signature_of(self.path)
        try:
            text = _content(self.path).decode().rstrip("\r\n")
        except OSError as error:
            return f"cannot be read: {error.strerror}"
        except UnicodeDecodeError:
            return "is not UTF-8"
        return Secret(text) if text else "is empty"

    def has_changed(self) -> bool:
        """Whether there is something to read that was not there at the last `read`.

        A file that has gone has nothing to say: what was read from it stays good.
        """
        now = signature_of(self.path)
        return now is not None and now != self._read_at


def _content(path: Path) -> bytes:
    """Opened without blocking, since a FIFO under that name would stop the whole program. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "it is not a regular file")
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise OSError(0, f"it is larger than {LARGEST_FILE} bytes")
    return content
