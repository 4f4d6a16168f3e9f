"""What can go wrong with watching, as values. None of it is fatal: the resync sees what no event told."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from enum import StrEnum

from reconciler.source.kernel import INSTANCE_LIMIT, WATCH_LIMIT, limit


class TroubleReason(StrEnum):
    """Why the watcher was built anew, or does without; the label of `watch_restarts_total`."""

    DIED = "died"
    """A thread of the watcher ended."""
    OVERFLOW = "overflow"
    """Events were lost, or watchdog complained of something that may mean so."""
    SWAPPED = "swapped"
    """The directory, or a link to it, was exchanged, went, or came. Usual with git-sync."""
    UNWATCHED = "unwatched"
    """Directories exist that are not watched."""
    WATCH_LIMIT = "watch_limit"
    """The system gives no more watches: what is not watched waits for the resync."""
    INSTANCE_LIMIT = "instance_limit"
    """The system gives no watcher at all: everything waits for the resync."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that went wrong: for a counter, and as a sentence for a person."""

    reason: TroubleReason
    detail: str


def refusal(error: OSError) -> Trouble:
    """What it means that the system refused a watch (inotify_init(2), inotify_add_watch(2))."""
    match error.errno:
        case errno.ENOSPC:
            return watch_limit("not all directories are watched")
        case errno.EMFILE | errno.ENFILE:
            reached = f"the limit on inotify instances ({limit(INSTANCE_LIMIT)}) or on open files is reached"
            return Trouble(TroubleReason.INSTANCE_LIMIT, f"{reached}: changes wait for the resync")
        case _:
            return Trouble(TroubleReason.UNWATCHED, f"a directory cannot be watched: {error}")


def watch_limit(what: str) -> Trouble:
    """The limit on watches is reached; `what` says how it shows."""
    told = f"{what}: fs.inotify.max_user_watches is {limit(WATCH_LIMIT)}, and others use it too"
    return Trouble(
        TroubleReason.WATCH_LIMIT, f"{told}. Raise it; until then changes there wait for the resync"
    )
