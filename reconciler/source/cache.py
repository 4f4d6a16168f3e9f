"""What was read before, and when that may still be believed: the stat cache. It may be thrown away any time.

Two rules live here. A signature is believed only if the file's times lay two seconds before the pass that
read it, since two writes within one tick of a file system's clock look the same (git's "racy" problem). And
the same bytes at the same path give the same documents, without being parsed again, however they came there:
by a `touch`, or in a new worktree.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256

from reconciler.core.model import Document, Invalid, Problem
from reconciler.core.packed import Packed, packed, unpacked
from reconciler.source.reading import Signature, Unusable, signature

SETTLED_NS = 2_000_000_000
"""How far back (nanoseconds) a file's times must lie; two seconds are the coarsest tick in use (FAT)."""

Reader = Callable[[str, bytes], tuple[Document, ...]]
"""From a path relative to the tree and a file's bytes to its documents: `reconciler.core.manifest.read`."""

Mark = bytes
"""A signature as bytes."""

_MARK = struct.Struct("<QQqq")
MARK_BYTES = _MARK.size
_pack = _MARK.pack
_TIMES = (-(2**63), 2**63 - 1)

NO_MARK: Mark = bytes(MARK_BYTES)
"""Stands for a signature that may not be believed: no file has it."""

_HASH_BYTES = 16
_HEAD_BYTES = _HASH_BYTES + 1
_NO_HASH = bytes(_HASH_BYTES)
_NO_DOCUMENTS = packed(())


class SourceFile(bytes):
    """One file's content as it was last read: a hash of it, and its documents.

    All in one string of bytes, because a tree has a hundred thousand: as an object with fields it would take
    twice the memory, and each collection of garbage would look at it.
    """

    __slots__ = ()

    @classmethod
    def of(cls, content_hash: bytes, documents: tuple[Document, ...]) -> SourceFile:
        """Put together what was read."""
        hides = any(isinstance(document, Invalid) and not document.name for document in documents)
        return cls(b"".join((content_hash, b"\1" if hides else b"\0", packed(documents))))

    def is_of(self, data: bytes) -> bool:
        """Whether these bytes are its content, as far as a hash of 128 bits tells."""
        return self.startswith(_hash(data))

    @property
    def was_read(self) -> bool:
        """Whether this is of the file's own bytes, and not of why it could not be read."""
        return not self.startswith(_NO_HASH)

    @property
    def hides_names(self) -> bool:
        """Whether some document has no name that could be read: nobody can say then that a name is gone."""
        return self[_HEAD_BYTES - 1] == 1

    def has_documents_of(self, other: SourceFile) -> bool:
        """Whether the same stands in both."""
        return self.endswith(other.packed) and len(self) == len(other)

    @property
    def has_documents(self) -> bool:
        """Whether anything stands in it."""
        return self.packed != _NO_DOCUMENTS

    @property
    def packed(self) -> Packed:
        """Its documents as `core.packed` packs them."""
        return self[_HEAD_BYTES:]

    @property
    def documents(self) -> tuple[Document, ...]:
        """What stands in it, each time anew."""
        return unpacked(self.packed)


@dataclass(frozen=True, slots=True)
class Cache:
    """What one pass, which began at `started_ns` (wall clock), makes of the files that it reads."""

    read: Reader
    started_ns: int

    @property
    def settled_ns(self) -> int:
        """The latest time that is settled: a change after it would show, if it came in this pass or later."""
        return self.started_ns - SETTLED_NS

    def believed(self, found: Signature) -> Mark:
        """The mark of what was found in this pass, if a change of it would show."""
        return _mark(found) if max(found[2:]) <= self.settled_ns else NO_MARK

    def understood(self, path: str, data: bytes) -> SourceFile:
        """The file with these bytes, parsed."""
        return SourceFile.of(_hash(data), self.read(path, data))

    def unusable(self, path: str, why: Unusable) -> SourceFile:
        """A file that is not read, as one invalid document."""
        document = Invalid(None, path, why.line, (Problem(path, why.line, 1, "", why.code, why.message),))
        return SourceFile.of(_NO_HASH, (document,))


def _hash(data: bytes) -> bytes:
    return sha256(data).digest()[:_HASH_BYTES]


def mark_of(status: os.stat_result) -> Mark:
    """What a file or directory is recognised by: where it is believed, an equal mark means equal content."""
    try:
        return _pack(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    except struct.error:
        return _mark(signature(status))


def inode_of(mark: Mark) -> int:
    """The inode of what has this mark."""
    return int.from_bytes(mark[:8], "little")


def marks_of(names: Iterable[str], directory: int) -> bytes:
    """The marks of these entries of the open directory, one after the other. Raises OSError.

    A pass without a change is hardly more than this, so it is one expression: from an open directory, which
    is cheaper than by paths wherever the tree lies deep.
    """
    stat, pack = os.stat, _pack
    try:
        return b"".join(
            [
                pack(
                    (it := stat(name, dir_fd=directory, follow_symlinks=False)).st_ino,
                    it.st_size,
                    it.st_mtime_ns,
                    it.st_ctime_ns,
                )
                for name in names
            ]
        )
    except struct.error:
        looks = (stat(name, dir_fd=directory, follow_symlinks=False) for name in names)
        return b"".join(map(mark_of, looks))


def _mark(found: Signature) -> Mark:
    inode, size, mtime_ns, ctime_ns = found
    try:
        return _MARK.pack(inode, size, mtime_ns, ctime_ns)
    except struct.error:  # a time some three hundred years from 1970: the nearest that a mark can hold
        least, most = _TIMES
        return _MARK.pack(inode, size, min(max(mtime_ns, least), most), min(max(ctime_ns, least), most))
