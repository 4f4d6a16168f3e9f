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


class _More(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What most manifests leave to its default."""

    labels: dict[str, str]
    is_suspended: bool
    on_unknown: OnUnknown
    on_change: OnChange
    on_delete: OnDelete
    backoff_limit: int
    active_deadline_s: int | float | None
    depends_on: tuple[str, ...]


_NO_MORE = _More({}, False, OnUnknown.AUTO, OnChange.SUBMIT, OnDelete.ORPHAN, 0, None, ())


class _Manifest(msgspec.Struct, array_like=True, frozen=True, tag=0, gc=False):
    """A `Manifest`."""

    name: str
    workflow_id: str
    body: bytes
    digest: bytes
    path: str
    line: int
    more: _More | None


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
                _more_of(document),
            )
        case Invalid(name, path, line, problems):
            told = tuple((it.path, it.line, it.column, it.pointer, it.code, it.message) for it in problems)
            return _Invalid(name, path, line, told)


def _more_of(manifest: Manifest) -> _More | None:
    more = _More(
        dict(manifest.labels),
        manifest.is_suspended,
        manifest.on_unknown,
        manifest.on_change,
        manifest.on_delete,
        manifest.backoff_limit,
        manifest.active_deadline_s,
        manifest.depends_on,
    )
    return more if more != _NO_MORE else None


def _unpack(one: _Manifest | _Invalid) -> Document:
    if isinstance(one, _Invalid):
        problems = tuple(Problem(*problem) for problem in one.problems)
        return Invalid(Name(one.name) if one.name is not None else None, one.path, one.line, problems)
    more = one.more or _NO_MORE
    return Manifest(
        name=Name(one.name),
        workflow_id=WorkflowId(one.workflow_id),
        body=one.body,
        digest=Digest(one.digest.hex()),
        path=one.path,
        line=one.line,
        is_suspended=more.is_suspended,
        labels=more.labels,
        on_unknown=more.on_unknown,
        on_change=more.on_change,
        on_delete=more.on_delete,
        backoff_limit=more.backoff_limit,
        active_deadline_s=more.active_deadline_s,
        depends_on=tuple(map(Name, more.depends_on)),
    )
