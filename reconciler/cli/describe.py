"""`describe`: everything that is known of one name, without asking Explorer."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import click

from reconciler.cli import options
from reconciler.cli.description import lines_of
from reconciler.cli.history import event_as_json
from reconciler.cli.naming import unknown
from reconciler.cli.render import say_json, show
from reconciler.core.item import as_json, rfc3339
from reconciler.core.model import Accepted, Name, Policies, Task
from reconciler.core.record import Candidate, Dossier, RunRecord
from reconciler.core.wording import run_link
from reconciler.errors import ExitCode
from reconciler.store.dossier import dossier_of
from reconciler.store.reading import Reader


@click.command()
@options.name
@options.output("text", "json")
@options.config
@options.state
@options.sandbox
def describe(name: str, output: str, config: Path | None, state: str | None, sandbox: bool) -> int:
    """Show all that is known of NAME: what was sent, when, what came back, and the candidates of a hold."""
    settings = options.settings_of(config, sandbox, state=state)
    known = _known(settings.state, Name(name))
    if output == "json":
        say_json(_json(known, settings.job_url))
    else:
        show("\n".join(lines_of(known, settings.job_url)))
    return ExitCode.DONE


def _known(state: Path, name: Name) -> Dossier:
    """Raises NameUnknown."""
    if not state.exists():
        raise unknown([name], [])
    with closing(Reader.open(state)) as reader:
        found = dossier_of(reader, name)
        if found is None:
            raise unknown([name], reader.sightings())
        return found


def _json(known: Dossier, job_url: str | None) -> dict[str, Any]:
    workflow = known.workflow
    return {
        "item": as_json(known.item),
        "workflow": workflow
        and {
            "workflowId": workflow.workflow_id,
            "highestJobId": None if workflow.highest is None else str(workflow.highest),
            "isShared": workflow.is_shared,
            "strangers": [_json_of_candidate(it) for it in workflow.strangers],
        },
        "labels": dict(known.item.labels),
        "policies": _json_of_policies(known.policies),
        "waitsFor": [
            {"name": name, "state": str(item.state) if item else None} for name, item in known.dependencies
        ],
        "runs": [_json_of_run(record, job_url) for record in known.runs],
        "events": [event_as_json(event) for event in known.events],
    }


def _json_of_run(record: RunRecord, job_url: str | None) -> dict[str, Any]:
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
        "jobStatus": str(run.state.status) if isinstance(run.state, Accepted) else None,
        "jobUrl": run_link(run, job_url),
        "endedAt": _time(run.state.ended_ms) if isinstance(run.state, Accepted) else None,
        "claimedAt": rfc3339(run.claimed_ms),
        "requests": [
            {
                "intent": it.number,
                "try": it.try_number,
                "traceId": it.trace_id,
                "baseline": str(it.baseline),
                "notedAt": rfc3339(it.noted_ms),
                "endedAt": _time(it.ended_ms),
                "outcome": it.outcome,
                "detail": it.detail,
            }
            for it in record.requests
        ],
        "candidates": [_json_of_candidate(it) for it in record.candidates],
        "tasks": [_json_of_task(task) for task in record.tasks],
    }


def _json_of_policies(policies: Policies) -> dict[str, Any]:
    return {
        "onUnknown": str(policies.on_unknown),
        "onChange": str(policies.on_change),
        "onDelete": str(policies.on_delete),
        "backoffLimit": policies.backoff_limit,
        "activeDeadlineSeconds": policies.active_deadline_s,
        "dependsOn": list(policies.depends_on),
    }


def _json_of_task(task: Task) -> dict[str, Any]:
    return {
        "id": task.task_id,
        "name": task.name,
        "status": str(task.status) if task.status else None,
        "beganAt": _time(task.began_ms),
        "endedAt": _time(task.ended_ms),
    }


def _time(ms: int | None) -> str | None:
    return None if ms is None else rfc3339(ms)


def _json_of_candidate(candidate: Candidate) -> dict[str, Any]:
    job = candidate.shown
    return {
        "jobId": str(candidate.job_id),
        "name": job.name if job else None,
        "status": str(job.status) if job and job.status else None,
        "createdAt": _time(job.created_ms if job else None),
        "beganAt": _time(job.began_ms if job else None),
        "endedAt": _time(job.ended_ms if job else None),
        "seenAt": _time(candidate.seen_ms),
    }
