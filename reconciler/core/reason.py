"""Why the plan acts, waits or does nothing: the whole list, each a sentence for a person."""

from __future__ import annotations

from enum import StrEnum

from reconciler.core.model import (
    Accepted,
    Baselined,
    Cancel,
    Held,
    JobStatus,
    Rejected,
    RunState,
    Submitting,
    Unknown,
)


class Reason(StrEnum):
    """One reason of the plan. The name is for programs and tests, the text for people."""

    FIRST = "a new manifest"
    CHANGED = "the manifest changed"
    WANTED_AGAIN = "wanted again; its last run was given up before anything was sent"
    TAKEN_BACK = "wanted again; its job was cancelled for a change that was taken back"
    SEND = "claimed, and nothing stands in its way"
    RESUBMIT = "its job failed, and is submitted again (backoffLimit)"
    RETRY = "an operator asked for another attempt"

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
    QUEUED = "waits for the job before it to end (onChange: queue)"
    REPLACING = "waits until the job before it is cancelled (onChange: replace)"
    EARLIER_UNKNOWN = "waits: nobody knows yet what came of the run before it"
    DEPENDENCY = "waits for a manifest that it depends on to succeed"
    DEPENDENCY_FAILED = "waits: a manifest that it depends on has failed"
    DEPENDENCY_MISSING = "waits: a manifest that it depends on cannot run"
    PAUSED = "waits for `resume`: submissions are paused"
    FULL = "waits for room: as many jobs run as RECONCILER_MAX_RUNNING allows"
    WORKFLOW_FULL = "waits for room in its workflow: RECONCILER_MAX_RUNNING_PER_WORKFLOW jobs run there"
    TOO_MANY_CANCELS = "waits for `approve`: the plan cancels more jobs than RECONCILER_MAX_NEW"
    ABSENT_ONCE = "absent from one complete pass; a second one confirms that it was deleted"

    DELETED = "the manifest was deleted"
    SUSPENDED = "the manifest is suspended"
    INVALID = "the manifest is invalid"
    UNREADABLE = "the manifest's file cannot be read; what ran before stays as it is"

    SUBMITTING = "its request is under way"
    UNKNOWN = "nobody knows yet whether its job was made; its workflow is being looked at"
    HELD = "nobody can tell whether its job exists; `reconciler resolve` ends it"
    RUNNING = "its job is followed to its end"
    CANCELLING = "its job is being cancelled"
    MISSING = "Explorer does not show its job; `reconciler cancel` gives it up"
    FAILED = "its job failed; change the manifest, or `reconciler retry`"
    INTERRUPTED = "its job was interrupted; change the manifest, or `reconciler retry`"
    OVERDUE = "its job ran longer than activeDeadlineSeconds, and was cancelled"
    DONE = "done; nothing changed since"
    REJECTED = "refused for good; change the manifest"

    CANCEL_REPLACED = "cancelled for a changed manifest (onChange: replace)"
    CANCEL_DELETED = "cancelled for a deleted manifest (onDelete: cancel)"
    CANCEL_OVERDUE = "cancelled for running longer than activeDeadlineSeconds"


def settled(state: Submitting | Unknown | Held | Accepted | Baselined | Rejected) -> Reason:
    """Why nothing is left to do for a run in this state."""
    match state:
        case Submitting():
            return Reason.SUBMITTING
        case Unknown():
            return Reason.UNKNOWN
        case Held():
            return Reason.HELD
        case Accepted():
            return _settled_job(state)
        case Baselined():
            return Reason.DONE
        case Rejected():
            return Reason.REJECTED


def why_stopped(state: RunState) -> str:
    """Why a run's job is being stopped, or was, and who wanted it; nothing where its reason says that."""
    match state:
        case Accepted(status=JobStatus.SUCCESS) | Accepted(is_overdue=True):
            return ""
        case Accepted(cancel=Cancel(why=why)):
            return why
        case _:
            return ""


def _settled_job(job: Accepted) -> Reason:
    match job:
        case Accepted(ended_ms=None, missing_ms=int()):
            return Reason.MISSING
        case Accepted(ended_ms=None, cancel=Cancel()):
            return Reason.CANCELLING
        case Accepted(ended_ms=None):
            return Reason.RUNNING
        case Accepted(is_overdue=True):
            return Reason.OVERDUE
        case Accepted(status=JobStatus.FAILED):
            return Reason.FAILED
        case Accepted(status=JobStatus.INTERRUPTED):
            return Reason.INTERRUPTED
        case _:
            return Reason.DONE
