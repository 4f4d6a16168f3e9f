"""One look at the tree from outside the daemon: what `validate`, `plan` and `doctor` read.

Apart from `planning`, because `validate` needs no state, and starts sooner without what reads one.
"""

from __future__ import annotations

from pathlib import Path

from reconciler.errors import ReconcilerError
from reconciler.source.tree import Missing, PutOff, Reader, Snapshot, Tree

PUT_OFFS = 5
"""How many scans that saw the tree change are followed by another."""


def scan(jobs_dir: Path, read: Reader) -> Snapshot:
    """One consistent snapshot, tried again while the tree changes. Raises ReconcilerError for none."""
    tree = Tree(jobs_dir, read)
    for _ in range(PUT_OFFS):
        match tree.scan():
            case Snapshot() as snapshot:
                return snapshot
            case Missing(detail=detail):
                raise ReconcilerError(f"{jobs_dir}: {detail}")
            case PutOff(detail=detail):
                why = detail
    raise ReconcilerError(f"{jobs_dir} keeps changing: {why}; try again when it is quiet")
