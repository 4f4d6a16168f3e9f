"""A pass that does not count, because somebody was changing the tree: the reasons, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PutOffReason(StrEnum):
    """Why a pass did not count; the label of `passes_put_off_total`."""

    INDEX_LOCK = "index_lock"
    """git holds the index: a checkout or a commit is under way, or one died and left its lock."""
    TREE_CHANGED = "tree_changed"
    """git's HEAD or index is another one than when the pass began."""
    FILE_CHANGED = "file_changed"
    """A file was written to, replaced or removed between being listed and being read."""
    LINK_SWAPPED = "link_swapped"
    """A link on the way to the manifests, or the directory itself, was exchanged for another."""


@dataclass(frozen=True, slots=True)
class PutOff:
    """A pass that does not count; a later one will. `detail` is a sentence that says what was seen."""

    reason: PutOffReason
    detail: str


class Unsettled(Exception):  # noqa: N818 - not an error: it ends a pass that would not count
    """Raised while the tree is read, where somebody is seen to change it."""

    def __init__(self, put_off: PutOff) -> None:
        super().__init__(put_off.detail)
        self.put_off = put_off

    @classmethod
    def file(cls, path: str, what: str) -> Unsettled:
        """A file that did not stand still."""
        return cls(PutOff(PutOffReason.FILE_CHANGED, f"{path} {what} while it was read"))
