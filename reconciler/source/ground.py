"""What a pass stands on, and must still stand on afterwards: the links to the directory, and git's state.

`look` is taken before and after a walk. Two equal looks with no lock mean that no link was swapped and no
checkout ran meanwhile, even one that began and ended between them.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.source.links import Broken, Reached, Trail, follow
from reconciler.source.putoff import PutOff, PutOffReason, Unsettled
from reconciler.source.revision import named_by_links, revision_of
from reconciler.source.worktree import Stand, Worktree, stand, worktree_around

WORKTREES = ".worktrees"
"""The directory in which git-sync (version 4) keeps a worktree for each commit."""


@dataclass(frozen=True, slots=True)
class Ground:
    """The directory `root` (a path without links), how it was reached, and git's state if it is git's."""

    root: str
    trail: Trail
    worktree: Worktree | None
    stand: Stand | None

    @property
    def revision(self) -> str | None:
        """The commit that the tree stands at, where one is known."""
        return revision_of(self.trail, self.stand)

    @property
    def is_exchanged_whole(self) -> bool:
        """Whether it is git-sync's: it makes a new worktree for each commit, and swaps the link to it.

        Told by the commit's name in the link, if the worktree stands at that commit, or, where git cannot be
        asked, if it lies where git-sync puts worktrees. Nobody has a reason to write into such a worktree;
        who does so all the same is heard by the watcher, and a worktree that people work in is not reached
        like that.
        """
        named = named_by_links(self.trail)
        if named is None or self.stand is not None:
            return named is not None and self.stand is not None and named == self.stand.commit
        return any(f"{WORKTREES}/{named}" in link.target for link in self.trail.links)

    def obstacle(self) -> PutOff | None:
        """What keeps a pass from counting at this moment: git's lock."""
        if self.worktree is None or self.stand is None or not self.stand.is_locked:
            return None
        where = f"{self.worktree.git_dir}/index.lock"
        told = f"git is at work: {where} exists. If no git runs, it was left behind: remove it"
        return PutOff(PutOffReason.INDEX_LOCK, told)

    def moved(self, after: Ground) -> PutOff | None:
        """What shows that the tree was exchanged or checked out anew between this look and a later one."""
        if self.trail != after.trail:
            return PutOff(PutOffReason.LINK_SWAPPED, f"the path leads to another tree now: {after.root}")
        if self != after:
            return PutOff(PutOffReason.TREE_CHANGED, "git's HEAD or index changed while the tree was read")
        return None


def look(jobs_dir: str) -> Ground | Broken:
    """Look once at the way to the directory, and at git around it.

    Raises Unsettled if the way broke because a link was swapped, and what it led to removed, on the way.
    """
    trail = follow(jobs_dir)
    if isinstance(trail.end, Broken) and follow(jobs_dir) != trail:
        told = f"a link on the way to {jobs_dir} was swapped while it was followed"
        raise Unsettled(PutOff(PutOffReason.LINK_SWAPPED, told))
    match trail.end:
        case Broken() as broken:
            return broken
        case Reached(path=root):
            worktree = worktree_around(root)
            return Ground(root, trail, worktree, stand(worktree) if worktree else None)
