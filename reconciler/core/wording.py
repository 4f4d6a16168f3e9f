"""What is decided, and by which policies, in words for people: what is done, why, and when. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from reconciler.core.action import Action, Claim, GiveUp, Nothing, Submit, Wait
from reconciler.core.model import DEFAULTS, Accepted, Policies, Run
from reconciler.core.reason import Reason


def word_of(action: Action) -> str:
    """What is going to be done, in a word. What only waits for its first listing will be submitted."""
    match action:
        case Claim(then=Wait()):
            return "wait"
        case Claim() | Submit() | Wait(why=Reason.NOT_LISTED):
            return "submit"
        case GiveUp():
            return "give up"
        case Wait():
            return "wait"
        case Nothing(why=why):
            return _WORD_OF_REASON.get(why, "nothing")
        case _:
            assert_never(action)


def reason_of(action: Action) -> str:
    """Why, with what follows the reason."""
    match action:
        case Claim(then=Wait() as wait):
            return reason_of(wait)
        case GiveUp(why=why):
            return str(why)
        case _:
            return f"{action.why}: {action.detail}" if action.detail else str(action.why)


def until_of(action: Action) -> int | None:
    """When it happens at the earliest, if that is known and not now."""
    match action:
        case Claim(then=Wait(until_ms=until_ms)) | Wait(until_ms=until_ms) | Nothing(until_ms=until_ms):
            return until_ms
        case Claim(not_before_ms=not_before_ms) | Submit(not_before_ms=not_before_ms):
            return not_before_ms or None
        case GiveUp():
            return None
        case _:
            assert_never(action)


def policies_told(policies: Policies) -> Iterator[str]:
    """Those that are not as they are by default."""
    for title, value, default in (
        ("onUnknown", policies.on_unknown, DEFAULTS.on_unknown),
        ("onChange", policies.on_change, DEFAULTS.on_change),
        ("onDelete", policies.on_delete, DEFAULTS.on_delete),
        ("backoffLimit", policies.backoff_limit, DEFAULTS.backoff_limit),
        ("activeDeadlineSeconds", policies.active_deadline_s, DEFAULTS.active_deadline_s),
        ("dependsOn", " ".join(policies.depends_on), ""),
    ):
        if value != default:
            yield f"{title} {value:g}" if isinstance(value, float) else f"{title} {value}"


def job_link(job_id: str | None, workflow_id: str | None, job_url: str | None) -> str | None:
    """The link to a job in Explorer's own page, if there is a job and a template for links."""
    if job_url is None or job_id is None:
        return None
    return job_url.replace("{job_id}", job_id).replace("{workflow_id}", workflow_id or "")


def run_link(run: Run, job_url: str | None) -> str | None:
    """The link to a run's job in Explorer's own page, if there is a job and a template for links."""
    job_id = str(run.state.job_id) if isinstance(run.state, Accepted) else None
    return job_link(job_id, run.workflow_id, job_url)


_WORD_OF_REASON = {
    Reason.INVALID: "invalid",
    Reason.UNREADABLE: "invalid",
    Reason.UNKNOWN: "unknown",
    Reason.HELD: "held",
    Reason.MISSING: "missing",
    Reason.CANCELLING: "cancelling",
}
