"""A file's documents as one short string of bytes, and back: what is kept of each while a daemon runs.

A tree may hold a hundred thousand manifests, and nearly all of them are looked at once and then no more. As
objects they take some 1.4 KiB each, packed a fifth of that. The bytes are only for the process that made
them: nothing stores or sends them, so their form may change at any time.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from reconciler.core.model import (
    Digest,
    Document,
    Invalid,
    Manifest,
    Name,
    OnChange,
    OnDelete,
    OnUnknown,
    Problem,
    WorkflowId,
)

Packed = bytes
"""Documents as `packed` gives them. Equal documents are equal bytes."""


class _Manifest(msgspec.Struct, array_like=True, omit_defaults=True, frozen=True, tag=0, gc=False):
    """A `Manifest`, what is most often left to its default last: an array ends where the rest is that."""

    name: str
    workflow_id: str
    body: bytes
    digest: bytes
    path: str
    line: int
    labels: dict[str, str] = {}
    is_suspended: bool = False
    on_unknown: str = "auto"
    on_change: str = "submit"
    on_delete: str = "orphan"
    backoff_limit: int = 0
    active_deadline_s: int | float | None = None
    depends_on: tuple[str, ...] = ()


class _Invalid(msgspec.Struct, array_like=True, frozen=True, tag=1, gc=False):
    name: str | None
    path: str
    line: int
    problems: tuple[tuple[str, int, int, str, str, str], ...]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[_Manifest | _Invalid])


def packed(documents: Iterable[Document]) -> Packed:
    """The documents of one file, in order, as bytes."""
    return _encoder.encode([_pack(document) for document in documents])


def unpacked(data: Packed) -> tuple[Document, ...]:
    """The documents again, equal to those that were packed."""
    return tuple(_unpack(one) for one in _decoder.decode(data))


def _pack(document: Document) -> _Manifest | _Invalid:
    match document:
        case Manifest():
            return _Manifest(
                document.name,
                document.workflow_id,
                document.body,
                bytes.fromhex(document.digest),
                document.path,
                document.line,
                dict(document.labels),
                document.is_suspended,
                document.on_unknown.value,
                document.on_change.value,
                document.on_delete.value,
                document.backoff_limit,
                document.active_deadline_s,
                document.depends_on,
            )
        case Invalid(name, path, line, problems):
            told = tuple((it.path, it.line, it.column, it.pointer, it.code, it.message) for it in problems)
            return _Invalid(name, path, line, told)


def _unpack(one: _Manifest | _Invalid) -> Document:
    if isinstance(one, _Invalid):
        problems = tuple(Problem(*problem) for problem in one.problems)
        return Invalid(Name(one.name) if one.name is not None else None, one.path, one.line, problems)
    return Manifest(
        name=Name(one.name),
        workflow_id=WorkflowId(one.workflow_id),
        body=one.body,
        digest=Digest(one.digest.hex()),
        path=one.path,
        line=one.line,
        is_suspended=one.is_suspended,
        labels=one.labels,
        on_unknown=OnUnknown(one.on_unknown),
        on_change=OnChange(one.on_change),
        on_delete=OnDelete(one.on_delete),
        backoff_limit=one.backoff_limit,
        active_deadline_s=one.active_deadline_s,
        depends_on=tuple(map(Name, one.depends_on)),
    )
