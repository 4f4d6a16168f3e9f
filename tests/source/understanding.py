"""A stand-in for the manifest reader: one manifest a file, named by its path, its text as body."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

from reconciler.core.model import Digest, Document, Invalid, Manifest, Name, Problem, WorkflowId
from reconciler.source.tree import Missing, PutOff, Snapshot, Tree


class Understanding:
    """Remembers which paths it was asked to understand."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    def __call__(self, path: str, data: bytes) -> tuple[Document, ...]:
        self.paths.append(path)
        if data.startswith(b"broken"):
            return (Invalid(None, path, 1, (Problem(path, 1, 1, "", "broken", "broken"),)),)
        name = Name(path.rpartition(".")[0].replace("/", "."))
        return (Manifest(name, WorkflowId("1"), data, Digest(sha256(data).hexdigest()), path),)


def snapshot(tree: Tree) -> Snapshot:
    """The tree's snapshot, with a copy of its files, which later scans leave alone."""
    seen = tree.scan()
    assert isinstance(seen, Snapshot), seen
    return replace(seen, files=dict(seen.files))


def put_off(tree: Tree) -> PutOff:
    """Why the pass is put off."""
    seen = tree.scan()
    assert isinstance(seen, PutOff), seen
    return seen


def missing(tree: Tree) -> str:
    """Why there is no tree."""
    seen = tree.scan()
    assert isinstance(seen, Missing), seen
    return seen.detail


def texts(seen: Snapshot) -> dict[str, str]:
    """Each manifest's body, by path."""
    return {
        path: document.body.decode()
        for path, file in seen.files.items()
        for document in file.documents
        if isinstance(document, Manifest)
    }


def problem_codes(seen: Snapshot) -> dict[str, str]:
    """What is wrong with each file that is wrong, by path."""
    return {
        path: document.problems[0].code
        for path, file in seen.files.items()
        for document in file.documents
        if isinstance(document, Invalid)
    }
