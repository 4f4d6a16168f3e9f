"""What was read before, and when that may still be believed: the stat cache. It may be thrown away any time.

Two rules live here. A signature is believed only if the file's times lay two seconds before the pass that
read it, since two writes within one tick of a file system's clock look the same (git's "racy" problem). And
the same bytes at the same path give the same documents, the very object, however they came there: by a
`touch`, or in a new worktree.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from reconciler.core.model import Document, Invalid, Problem
from reconciler.source.reading import NO_SIGNATURE, Content, Signature, Unusable, signature

SETTLED_NS = 2_000_000_000
"""How far back (nanoseconds) a file's times must lie; two seconds are the coarsest tick in use (FAT)."""

Reader = Callable[[str, bytes], tuple[Document, ...]]
"""From a path relative to the tree and a file's bytes to its documents: `reconciler.core.manifest.read`."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file as it was last read. `content_hash` is its SHA-256, empty where nothing could be read.

    `is_settled`: the same signature means the same content. `hides_names`: some document in it has no name
    that could be read, so nobody can say that a name last seen in this file is gone.
    """

    signature: Signature
    is_settled: bool
    content_hash: bytes
    documents: tuple[Document, ...]
    hides_names: bool


@dataclass(frozen=True, slots=True)
class Cache:
    """The files of the passes before, by path, for one pass that began at `started_ns` (wall clock)."""

    known: Mapping[str, SourceFile]
    read: Reader
    started_ns: int

    def unchanged(self, path: str, status: os.stat_result) -> SourceFile | None:
        """The file as it was last read, if its signature says beyond doubt that it is the same."""
        before = self.known.get(path)
        if before is not None and before.is_settled and before.signature == signature(status):
            return before
        return None

    def understood(self, path: str, content: Content) -> SourceFile:
        """The file with these bytes; they are parsed only if they differ from those last read here."""
        content_hash = sha256(content.data).digest()
        before = self.known.get(path)
        if before is not None and before.content_hash == content_hash:
            documents, hides_names = before.documents, before.hides_names
        else:
            documents = self.read(path, content.data)
            hides_names = any(isinstance(document, Invalid) and not document.name for document in documents)
        is_settled = max(content.signature[2:]) <= self.started_ns - SETTLED_NS
        return SourceFile(content.signature, is_settled, content_hash, documents, hides_names)

    def unusable(self, path: str, why: Unusable) -> SourceFile:
        """A file that is not read, as one invalid document: the same object while the reason is the same."""
        documents = (Invalid(None, path, why.line, (Problem(path, why.line, 1, "", why.code, why.message),)),)
        before = self.known.get(path)
        if before is not None and before.documents == documents:
            return before
        return SourceFile(
            NO_SIGNATURE, is_settled=False, content_hash=b"", documents=documents, hides_names=True
        )
