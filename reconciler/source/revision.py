"""The commit that the tree stands at: from the name of the worktree that a link points to, else from git.

How the repository's own files are read is `worktree`'s; here is only which of the two is believed.
"""

from __future__ import annotations

import re

from reconciler.source.links import Trail
from reconciler.source.worktree import Stand

_COMMIT = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")


def revision_of(trail: Trail, stand: Stand | None) -> str | None:
    """The commit as 40 or 64 hex digits, or None where nothing tells.

    A link's word comes first: git-sync names each worktree by its commit and swaps the link to it, while the
    repository behind it may not be mounted at all (its documentation, "--link").
    """
    return named_by_links(trail) or (stand.commit if stand else None)


def named_by_links(trail: Trail) -> str | None:
    """The last component of a link's target that is a commit's name; the directory may lie below it."""
    names = [part for link in trail.links for part in link.target.split("/") if _COMMIT.match(part)]
    return names[-1] if names else None
