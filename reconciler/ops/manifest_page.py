"""The page of one manifest: where it stands and why, its runs, what a hold waits for, and its history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.account import Account
from reconciler.core.item import state_of
from reconciler.core.model import Accepted, Held, Run, State, Unknown, Waiting
from reconciler.core.record import Candidate, Dossier, Event, RunRecord
from reconciler.core.sighting import Presence
from reconciler.core.wording import job_link, policies_told, run_link
from reconciler.ops.head import Head
from reconciler.ops.page import TONES, row_of
from reconciler.ops.templating import page_from

EVENTS = 100
"""How many events are shown: the newest."""


@dataclass(frozen=True, slots=True)
class _ShownRun:
    record: RunRecord
    state: State
    tone: str
    job: Accepted | None
    job_link: str | None
    why: str


@dataclass(frozen=True, slots=True)
class _ShownEvent:
    event: Event
    job_link: str | None


@dataclass(frozen=True, slots=True)
class _Doubt:
    """A run whose job is not known: its candidates, and the commands by which a person ends a hold."""

    run: Run
    why: str
    candidates: Sequence[Candidate]
    commands: tuple[tuple[str, str], ...]


def manifest_page(
    head: Head,
    dossier: Dossier,
    account: Account | None,
    now_ms: int,
    *,
    job_url: str | None,
    version: str,
) -> str:
    """The page for what is known of one manifest; without an account, that it cannot be given now."""
    return page_from(
        "manifest.html",
        now_ms,
        version=version,
        head=head,
        row=row_of(dossier.item, job_url),
        dossier=dossier,
        account=account,
        policies=list(policies_told(dossier.policies)),
        labels=sorted(dossier.item.labels.items()),
        tones=TONES,
        doubts=[_doubt(it) for it in dossier.runs if isinstance(it.run.state, Unknown | Held)],
        runs=[_run(it, job_url) for it in dossier.runs],
        events=[_event(it, job_url) for it in reversed(dossier.events)],
        most_events=EVENTS,
    )


def _run(record: RunRecord, job_url: str | None) -> _ShownRun:
    run = record.run
    job = run.state if isinstance(run.state, Accepted) else None
    state = state_of(Presence.WANTED, run.state)
    return _ShownRun(record, state, TONES[state], job, run_link(run, job_url), _why(run))


def _why(run: Run) -> str:
    match run.state:
        case Waiting(why=why) | Unknown(why=why) | Held(why=why):
            return why
        case _:
            return getattr(run.state, "message", "") or getattr(run.state, "why", "")


def _event(event: Event, job_url: str | None) -> _ShownEvent:
    job_id = None if event.job_id is None else str(event.job_id)
    return _ShownEvent(event, job_link(job_id, event.workflow_id, job_url) if event.workflow_id else None)


def _doubt(record: RunRecord) -> _Doubt:
    run = record.run
    if not isinstance(run.state, Held):
        return _Doubt(run, _why(run), record.candidates, ())
    resolve = f"reconciler resolve {run.key.name} --generation {run.key.generation}"
    adopt = [(f"Job {it.job_id} is its own", f"{resolve} --adopt {it.job_id}") for it in record.candidates]
    unknown = [("Another job is its own", f"{resolve} --adopt ID")] if not adopt else []
    return _Doubt(
        run,
        _why(run),
        record.candidates,
        (*adopt, *unknown, ("No job was made", f"{resolve} --not-created")),
    )
