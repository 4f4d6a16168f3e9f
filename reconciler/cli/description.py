"""The text of `describe`: all that the state knows of one name, for a person. Nothing is read from here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from reconciler.cli.history import events_table
from reconciler.cli.items import TONES
from reconciler.cli.layout import Column, Cut, grid_text, painted, terminal_width, wrapped
from reconciler.core.item import Item, rfc3339, state_of
from reconciler.core.model import Accepted, Held, Job, Name, Pause, Run, Task, Unknown, Waiting
from reconciler.core.record import Candidate, Dossier, RunRecord, Sent, WorkflowRecord
from reconciler.core.sighting import Presence
from reconciler.core.span import age
from reconciler.core.wording import policies_told, run_link

EVENTS = 20
"""How many events are shown: the newest."""

_WIDE = 150
"""A terminal of so many columns has room for all times of a candidate."""

_TITLE = 12
"""Where the values begin."""


def lines_of(known: Dossier, job_url: str | None) -> Iterator[str]:
    """The whole text, line by line."""
    yield from _lines_of_item(known)
    if known.workflow is not None:
        yield from _lines_of_workflow(known.workflow)
    for record in known.runs:
        yield ""
        yield from _lines_of_run(record, job_url)
    if known.older:
        yield ""
        yield wrapped(f"{_count(known.older, 'older run')} not shown: reconciler history {known.item.name}")
    yield ""
    yield f"Events (the last {EVENTS}; `reconciler history` has more):"
    yield from events_table(known.events[-EVENTS:], is_of_one=True, indent=2)


def _lines_of_item(known: Dossier) -> Iterator[str]:
    item = known.item
    yield from _facts({"Name": item.name, "Path": item.path})
    yield f"{'State:':{_TITLE}}{painted(str(item.state), TONES.get(item.state))}"
    facts = {
        "Reason": item.reason,
        "Waits for": ", ".join(_dependency(name, it) for name, it in known.dependencies),
        "Paused": _paused(known.pause) if known.pause else "",
        "Job": f"{item.job_id} ({item.job_status})" if item.job_id else "-",
        "Labels": ", ".join(f"{key}={value}" for key, value in sorted(item.labels.items())),
        "Policies": ", ".join(policies_told(known.policies)),
        "Workflow": item.workflow_id or "-",
        "Digest": item.digest or "-",
        "Revision": item.revision or "-",
    }
    yield from _facts({title: text for title, text in facts.items() if text})


def _dependency(name: Name, item: Item | None) -> str:
    return f"{name} ({item.state if item else 'unknown'})"


def _paused(pause: Pause) -> str:
    why = f": {pause.why}" if pause.why else ""
    return f"since {rfc3339(pause.since_ms)} by {pause.who}{why}; `reconciler resume` goes on"


def _lines_of_workflow(workflow: WorkflowRecord) -> Iterator[str]:
    known = "never listed" if workflow.highest is None else f"highest job known: {workflow.highest}"
    shared = "; others make jobs there, so no job is adopted" if workflow.is_shared else ""
    yield wrapped(known + shared, first=" " * _TITLE, indent=" " * _TITLE)
    if workflow.strangers:
        yield ""
        yield wrapped(
            f"Workflow {workflow.workflow_id} is held: a restored state does not know these jobs of it"
        )
        yield _candidates(workflow.strangers)
        yield wrapped(
            "If one is this manifest's: reconciler resolve NAME --adopt ID (--generation N says whose, where"
            " several may have made it). If none is anybody's here:"
            f" reconciler resolve --workflow {workflow.workflow_id} --not-ours",
            first="  ",
            indent="  ",
        )


def _lines_of_run(record: RunRecord, job_url: str | None) -> Iterator[str]:
    run = record.run
    state = state_of(Presence.WANTED, run.state)
    head = f"Run: generation {run.key.generation}, attempt {run.key.attempt}: "
    yield head + painted(str(state), TONES.get(state))
    facts = {
        "Request": f"POST api-open/v1/workflows/{run.workflow_id}/jobs",
        "Body": record.body.decode(errors="backslashreplace")
        if record.body is not None
        else "(not kept for so old a run)",
        "Revision": run.revision or "-",
        "Claimed": f"{_time(run.claimed_ms)}{f', {run.claimed_for}' if run.claimed_for else ''}",
        **_facts_of_state(run, job_url),
    }
    yield from _facts(facts, indent=2)
    for sent in record.requests:
        yield from _request(sent)
    yield from _lines_of_tasks(record.tasks)
    yield from _lines_of_doubt(record)


def _facts_of_state(run: Run, job_url: str | None) -> dict[str, str]:
    match run.state:
        case Accepted() as job:
            return _facts_of_job(job, run_link(run, job_url))
        case Unknown(why=why, looks=looks, look_ms=look_ms):
            return {"Why": why, "Looked for": f"{looks} times, next at about {_time(look_ms)}"}
        case Held(why=why):
            return {"Why": why}
        case Waiting(not_before_ms=not_before_ms, why=why) if why:
            return {"Waits": f"{why}; not before {_time(not_before_ms)}"}
        case _:
            return {}


def _facts_of_job(job: Accepted, link: str | None) -> dict[str, str]:
    facts = {"Job": f"{job.job_id} ({job.status})"}
    if link:
        facts["Link"] = link
    facts["Accepted"] = _time(job.accepted_ms)
    if job.ended_ms is not None:
        facts["Ended"] = (
            f"{_time(job.ended_ms)}, {_after(job.accepted_ms, job.ended_ms)} after it was accepted"
        )
    if job.missing_ms is not None:
        facts["Missing"] = f"Explorer does not show it since {_time(job.missing_ms)}"
    if job.cancel is not None:
        answer = f"; last answer: {job.cancel.answer}" if job.cancel.answer else ""
        facts["Cancelled"] = (
            f"{_time(job.cancel.asked_ms)}, {job.cancel.why}; {_count(job.cancel.tries, 'request')}{answer}"
        )
    return facts


def _request(sent: Sent) -> Iterator[str]:
    answered = f", answered {_time(sent.ended_ms)}" if sent.ended_ms is not None else ""
    head = f"try {sent.try_number}: intent {sent.number}, noted {_time(sent.noted_ms)}{answered},"
    yield wrapped(f"{head} trace {sent.trace_id}", first="    ", indent="           ")
    came = f"{sent.outcome or 'not known'}: {sent.detail}" if sent.detail else sent.outcome or "not known"
    yield wrapped(came, first="           ", indent="           ")


def _lines_of_tasks(tasks: Sequence[Task]) -> Iterator[str]:
    if tasks:
        columns = (
            *(Column("TASK", Cut.MIDDLE), Column("NAME", Cut.END), Column("STATUS"), Column("BEGAN")),
            Column("TOOK"),
        )
        rows = [
            (
                *(task.task_id, task.name or "-", str(task.status or "-"), _time(task.began_ms)),
                _after(task.began_ms, task.ended_ms),
            )
            for task in tasks
        ]
        yield grid_text(columns, rows, indent=4)


def _lines_of_doubt(record: RunRecord) -> Iterator[str]:
    run = record.run
    if not isinstance(run.state, Unknown | Held):
        return
    yield f"  Candidates, jobs above {run.state.intent.baseline} that no run has:"
    yield _candidates(record.candidates)
    if isinstance(run.state, Held):
        resolve = f"reconciler resolve {run.key.name} --generation {run.key.generation}"
        yield wrapped(f"To end the hold: {resolve} --adopt ID, or --not-created", first="  ", indent="    ")


def _candidates(candidates: Sequence[Candidate]) -> str:
    if not candidates:
        return "    none was seen"
    titles = [Column("JOB"), Column("NAME", Cut.MIDDLE), Column("STATUS"), Column("CREATED")]
    rows = [[str(it.job_id), *_shown(it.shown)] for it in candidates]
    if (terminal_width() or _WIDE) >= _WIDE:
        titles += [Column("BEGAN"), Column("ENDED"), Column("SEEN")]
        for row, it in zip(rows, candidates, strict=True):
            times = (it.shown.began_ms, it.shown.ended_ms) if it.shown else (None, None)
            row += [*map(_time, times), _time(it.seen_ms)]
    return grid_text(titles, rows, indent=4)


def _shown(job: Job | None) -> list[str]:
    return [job.name, str(job.status or "-"), _time(job.created_ms)] if job else ["-", "-", "-"]


def _facts(facts: Mapping[str, str], indent: int = 0) -> Iterator[str]:
    """A title and its value a line; a long value goes on below itself."""
    for title, text in facts.items():
        head = f"{'':{indent}}{title + ':':{_TITLE}}"
        yield wrapped(text, first=head, indent=" " * len(head))


def _after(began_ms: int | None, ended_ms: int | None) -> str:
    return "-" if began_ms is None or ended_ms is None else age((ended_ms - began_ms) / 1000)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _time(ms: int | None) -> str:
    return "-" if ms is None else rfc3339(ms)
