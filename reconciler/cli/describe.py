"""`describe`: everything that is known of one name, without asking Explorer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from reconciler.cli import options
from reconciler.cli.render import say, say_json, table
from reconciler.core.item import Item, as_json, rfc3339
from reconciler.core.model import Accepted, Held, Name, Unknown
from reconciler.core.plain import plain
from reconciler.errors import ReconcilerError
from reconciler.store.describing import Candidate, RunRecord, Sent, WorkflowRecord
from reconciler.store.port import Event
from reconciler.store.reading import Reader

RUNS = 5
"""How many runs are shown, unless more of them are unknown or held."""

EVENTS = 20
"""How many events are shown to a person: the newest."""


@dataclass(frozen=True, slots=True)
class _Described:
    item: Item
    runs: Sequence[RunRecord]
    workflow: WorkflowRecord | None
    events: Sequence[Event]


@click.command()
@options.name
@options.output("text", "json")
@options.config
@options.state
@options.sandbox
def describe(name: str, output: str, config: Path | None, state: str | None, sandbox: bool) -> int:
    """Show all that is known of NAME: what was sent, when, what came back, and the candidates of a hold."""
    settings = options.settings_of(config, sandbox, state=state)
    found = _described(settings.state, Name(name))
    if output == "json":
        say_json(_json(found))
    else:
        say("\n".join(_lines(found)))
    return 0


def _described(state: Path, name: Name) -> _Described:
    if state.exists():
        with closing(Reader.open(state)) as reader:
            item = reader.item(name)
            if item is not None:
                runs = reader.run_records(name)
                workflow_id = runs[0].run.workflow_id if runs else item.workflow_id
                workflow = reader.workflow_record(workflow_id) if workflow_id else None
                return _Described(item, _worth_showing(runs), workflow, reader.history(name))
    raise ReconcilerError(f"no manifest is known under {name}; `reconciler get` lists all")


def _worth_showing(runs: Sequence[RunRecord]) -> list[RunRecord]:
    return [
        record for at, record in enumerate(runs) if at < RUNS or isinstance(record.run.state, Unknown | Held)
    ]


def _lines(found: _Described) -> Iterator[str]:
    item = found.item
    facts = {
        "Name": item.name,
        "Path": item.path,
        "State": str(item.state),
        "Reason": item.reason or "-",
        "Job": f"{item.job_id} ({item.job_status})" if item.job_id else "-",
        "Workflow": item.workflow_id or "-",
        "Digest": item.digest or "-",
        "Revision": item.revision or "-",
    }
    yield from _facts(facts)
    if found.workflow is not None:
        yield from _lines_of_workflow(found.workflow)
    for record in found.runs:
        yield ""
        yield from _lines_of_run(record)
    yield ""
    yield f"Events (the last {EVENTS}):"
    events = [(_time(event.at_ms), event.event, event.reason) for event in found.events[-EVENTS:]]
    yield _indented(table(("TIME", "EVENT", "REASON"), events, flexible=2))


def _lines_of_workflow(workflow: WorkflowRecord) -> Iterator[str]:
    known = "never listed" if workflow.highest is None else f"highest job known: {workflow.highest}"
    shared = "; others make jobs there, so no job is adopted" if workflow.is_shared else ""
    yield f"{'':12}{known}{shared}"
    if workflow.strangers:
        yield ""
        yield f"Workflow {workflow.workflow_id} is held: a restored state does not know these jobs of it"
        yield _candidates(workflow.strangers)
        yield (
            "  If one is this manifest's: reconciler resolve NAME --adopt ID. If none is anybody's here:"
            f" reconciler resolve --workflow {workflow.workflow_id} --not-ours"
        )


def _lines_of_run(record: RunRecord) -> Iterator[str]:
    run = record.run
    yield f"Run: generation {run.key.generation}, attempt {run.key.attempt}: {type(run.state).__name__}"
    facts = {
        "Request": f"POST api-open/v1/workflows/{run.workflow_id}/jobs",
        "Body": record.body.decode(errors="backslashreplace")
        if record.body is not None
        else "(not kept for so old a run)",
        "Revision": run.revision or "-",
        "Claimed": _time(run.claimed_ms),
    }
    if isinstance(run.state, Accepted):
        facts["Job"] = f"{run.state.job_id} ({run.state.status})"
    if isinstance(run.state, Unknown | Held):
        facts["Why"] = run.state.why
    if isinstance(run.state, Unknown):
        facts["Looked for"] = f"{run.state.looks} times, next at about {_time(run.state.look_ms)}"
    yield from (f"  {line}" for line in _facts(facts))
    if record.requests:
        yield _indented(_requests(record.requests))
    if isinstance(run.state, Unknown | Held):
        yield f"  Candidates, jobs above {run.state.intent.baseline} that no run has:"
        yield _candidates(record.candidates)
    if isinstance(run.state, Held):
        yield (
            f"  To end the hold: reconciler resolve {run.key.name} --generation {run.key.generation}"
            " --adopt ID, or --not-created"
        )


def _requests(requests: Sequence[Sent]) -> str:
    rows = [
        (
            str(it.try_number),
            str(it.number),
            it.trace_id,
            _time(it.noted_ms),
            _time(it.ended_ms),
            f"{it.outcome or 'not known'}: {it.detail}" if it.detail else it.outcome or "not known",
        )
        for it in requests
    ]
    return table(("TRY", "INTENT", "TRACE", "NOTED", "ENDED", "WHAT CAME BACK"), rows, flexible=5)


def _candidates(candidates: Sequence[Candidate]) -> str:
    if not candidates:
        return "    none was seen"
    rows = [
        (
            str(it.job_id),
            it.shown.name if it.shown else "-",
            str(it.shown.status or "-") if it.shown else "-",
            _time(it.shown.created_ms if it.shown else None),
            _time(it.shown.began_ms if it.shown else None),
            _time(it.shown.ended_ms if it.shown else None),
            _time(it.seen_ms),
        )
        for it in candidates
    ]
    titles = ("JOB", "NAME", "STATUS", "CREATED", "BEGAN", "ENDED", "SEEN")
    return _indented(table(titles, rows, flexible=1))


def _facts(facts: dict[str, str]) -> Iterator[str]:
    return (f"{title + ':':12}{plain(text)}" for title, text in facts.items())


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


def _time(ms: int | None) -> str:
    return "-" if ms is None else rfc3339(ms)


def _json(found: _Described) -> dict[str, Any]:
    workflow = found.workflow
    return {
        "item": as_json(found.item),
        "workflow": workflow
        and {
            "workflowId": workflow.workflow_id,
            "highestJobId": None if workflow.highest is None else str(workflow.highest),
            "isShared": workflow.is_shared,
            "strangers": [_json_of_candidate(it) for it in workflow.strangers],
        },
        "runs": [_json_of_run(record) for record in found.runs],
        "events": [_json_of_event(event) for event in found.events],
    }


def _json_of_run(record: RunRecord) -> dict[str, Any]:
    run = record.run
    return {
        "generation": run.key.generation,
        "attempt": run.key.attempt,
        "state": type(run.state).__name__,
        "why": getattr(run.state, "why", "") or getattr(run.state, "message", ""),
        "workflowId": run.workflow_id,
        "digest": run.digest,
        "revision": run.revision,
        "body": record.body.decode(errors="backslashreplace") if record.body is not None else None,
        "jobId": str(run.state.job_id) if isinstance(run.state, Accepted) else None,
        "claimedAt": rfc3339(run.claimed_ms),
        "requests": [
            {
                "intent": it.number,
                "try": it.try_number,
                "traceId": it.trace_id,
                "baseline": str(it.baseline),
                "notedAt": rfc3339(it.noted_ms),
                "endedAt": None if it.ended_ms is None else rfc3339(it.ended_ms),
                "outcome": it.outcome,
                "detail": it.detail,
            }
            for it in record.requests
        ],
        "candidates": [_json_of_candidate(it) for it in record.candidates],
    }


def _json_of_candidate(candidate: Candidate) -> dict[str, Any]:
    job = candidate.shown
    times = (job.created_ms, job.began_ms, job.ended_ms) if job else (None, None, None)
    created, began, ended = (None if ms is None else rfc3339(ms) for ms in times)
    return {
        "jobId": str(candidate.job_id),
        "name": job.name if job else None,
        "status": str(job.status) if job and job.status else None,
        "createdAt": created,
        "beganAt": began,
        "endedAt": ended,
        "seenAt": None if candidate.seen_ms is None else rfc3339(candidate.seen_ms),
    }


def _json_of_event(event: Event) -> dict[str, Any]:
    return {
        "at": rfc3339(event.at_ms),
        "event": event.event,
        "reason": event.reason,
        "generation": event.key.generation if event.key else None,
        "attempt": event.key.attempt if event.key else None,
        "jobId": None if event.job_id is None else str(event.job_id),
        "revision": event.revision,
        "traceId": event.trace_id,
    }
