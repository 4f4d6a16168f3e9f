"""Why the plan acts, waits or does nothing: the whole list, each a sentence for a person."""

from __future__ import annotations

from enum import StrEnum

from reconciler.core.model import Accepted, Baselined, Held, Rejected, Submitting, Unknown


class Reason(StrEnum):
    """One reason of the plan. The name is for programs and tests, the text for people."""

    FIRST = "a new manifest"
    CHANGED = "the manifest changed"
    WANTED_AGAIN = "wanted again; its last run was given up before anything was sent"
    SEND = "claimed, and nothing stands in its way"

    NOT_LISTED = "waits until Explorer has listed the workflow's jobs once"
    WORKFLOW_HAS_JOBS = (
        "waits for `approve` or `baseline`: the workflow already had jobs when this state was new"
    )
    QUARANTINE = "waits: the state was restored, and the workflow was not listed since"
    STRANGERS = (
        "waits for `resolve`: the state was restored, and the workflow has jobs that this state does not know"
    )
    TOO_MANY_NEW = "waits for `approve`: the plan has more new runs than RECONCILER_MAX_NEW"
    BACKOFF = "waits before it is sent again"
    BEHIND = "waits behind a run of its workflow whose outcome is not known yet"
    ABSENT_ONCE = "absent from one complete pass; a second one confirms that it was deleted"

    DELETED = "the manifest was deleted"
    SUSPENDED = "the manifest is suspended"
    INVALID = "the manifest is invalid"
    UNREADABLE = "the manifest's file cannot be read; what ran before stays as it is"

    SUBMITTING = "its request is under way"
    UNKNOWN = "nobody knows yet whether its job was made; its workflow is being looked at"
    HELD = "nobody can tell whether its job exists; `reconciler resolve` ends it"
    RUNNING = "its job is followed to its end"
    DONE = "done; nothing changed since"
    REJECTED = "refused for good; change the manifest"


def settled(state: Submitting | Unknown | Held | Accepted | Baselined | Rejected) -> Reason:
    """Why nothing is left to do for a run in this state."""
    match state:
        case Submitting():
            return Reason.SUBMITTING
        case Unknown():
            return Reason.UNKNOWN
        case Held():
            return Reason.HELD
        case Accepted(ended_ms=None):
            return Reason.RUNNING
        case Accepted() | Baselined():
            return Reason.DONE
        case Rejected():
            return Reason.REJECTED
