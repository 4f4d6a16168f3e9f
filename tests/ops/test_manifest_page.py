"""The page of one manifest: everything that `describe`, `explain` and `history` say of it, and no input."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.account import Account
from reconciler.core.model import (
    Accepted,
    Cancel,
    CancelCause,
    Held,
    Intent,
    Job,
    JobId,
    JobStatus,
    Name,
    OnChange,
    Pause,
    Policies,
    Rejected,
    RunKey,
    State,
    Task,
    Unknown,
    WorkflowId,
)
from reconciler.core.record import Candidate, Dossier, Event, RunRecord, Sent, WorkflowRecord
from reconciler.engine.standing import Standing
from reconciler.ops.head import head_of
from reconciler.ops.manifest_page import manifest_page
from tests.core.builders import run
from tests.ops.fakes import NOW_MS, REVISION, dossier, item
from tests.ops.test_page import LAST, reading

ACCOUNT = Account("a is wanted.", "It has job 107.", "Nothing is to be submitted.")
INTENT = Intent(3, 1, "ab" * 16, JobId(100), JobId(100), NOW_MS - 9_000)
SENT = Sent(3, 1, "ab" * 16, JobId(100), JobId(100), NOW_MS - 9_000, NOW_MS - 8_000, "Created", "job 107")
DONE = Accepted(JobId(107), JobStatus.SUCCESS, NOW_MS - 8_000, NOW_MS - 2_000)


def record(state: object = DONE, **known: object) -> RunRecord:
    of = replace(run("a", state=state), workflow_id=WorkflowId("42"), revision=REVISION)  # type: ignore[arg-type]
    return RunRecord(of, **{"body": b"", "requests": (SENT,), "candidates": (), **known})  # type: ignore[arg-type]


def page_of(found: Dossier, account: Account | None = ACCOUNT, job_url: str | None = None) -> str:
    head = head_of(Standing(last_pass=LAST), NOW_MS, found)
    page = manifest_page(head, found, account, NOW_MS, job_url=job_url, version="1")
    reading(page)
    return page


def test_it_says_where_the_manifest_stands_and_what_happens() -> None:
    texts = reading(page_of(dossier(item("a")))).texts
    assert {"a", "Running", "42s", "team-a/a.yaml", "4216617528", REVISION, "d" * 64} <= set(texts)
    assert str(ACCOUNT) in texts


def test_without_an_account_it_says_that_there_is_none() -> None:
    assert "What happens next cannot be said" in page_of(dossier(item("a")), None)


def test_a_run_is_shown_with_its_requests_its_job_and_its_tasks() -> None:
    tasks = (
        Task("query_1", "Query", JobStatus.SUCCESS, NOW_MS - 7_000, NOW_MS - 4_000),
        Task("pagerank_1", "", None, None, None),
    )
    page = page_of(dossier(item("a"), runs=[record(tasks=tasks)], older=3), job_url="http://ex/{job_id}")
    texts = reading(page).texts
    assert {"Generation 1, attempt 1", "Succeeded", "ab" * 16, "Created: job 107", "query_1", "3s"} <= set(
        texts
    )
    assert '<a href="http://ex/107" rel="noreferrer">107</a> (Success)' in page
    assert "2025-11-24 15:59:52Z" in texts
    assert "after 6s" in page
    assert "3 older runs are not shown here" in page


def test_what_was_sent_is_never_shown() -> None:
    assert "SECRET" not in page_of(dossier(item("a"), runs=[record(body=b'{"input":{"q":"SECRET"}}')]))


def test_a_hold_shows_its_candidates_and_the_commands_that_end_it() -> None:
    job = Job(JobId(108), WorkflowId("42"), "run of <b>", JobStatus.RUNNING, NOW_MS, None, None)
    held = record(
        Held(INTENT, "two jobs may be its own", (JobId(108), JobId(109))),
        candidates=(Candidate(JobId(108), job, NOW_MS), Candidate(JobId(109), None, None)),
    )
    page = page_of(dossier(item("a", State.HELD), runs=[held]))
    assert "Held: a person decides" in page
    assert "two jobs may be its own. Jobs above 100 that no run has:" in page
    assert "run of &lt;b&gt;" in page
    for command in ("--adopt 108", "--adopt 109", "--not-created"):
        assert f'<code class="command">reconciler resolve a --generation 1 {command}</code>' in page


def test_a_hold_without_candidates_says_how_a_job_is_named() -> None:
    page = page_of(dossier(item("a", State.HELD), runs=[record(Held(INTENT, "nothing is listed", ()))]))
    assert "No job above 100 was seen that no run has." in page
    assert "--adopt ID" in page


def test_an_unknown_run_is_looked_for_and_offers_no_command() -> None:
    page = page_of(dossier(item("a", State.UNKNOWN), runs=[record(Unknown(INTENT, "reset", NOW_MS))]))
    assert "Its job is looked for" in page
    assert "reconciler resolve" not in page


def test_what_it_waits_for_its_labels_and_policies_are_told() -> None:
    found = dossier(
        replace(item("a"), labels={"team": "graph & co"}),
        policies=Policies(on_change=OnChange.QUEUE, backoff_limit=3),
        dependencies=[(Name("b"), item("b", State.FAILED)), (Name("c"), None)],
        workflow=WorkflowRecord(WorkflowId("42"), JobId(9), True, (Candidate(JobId(7), None, None),)),
    )
    page = page_of(found)
    assert "onChange queue, backoffLimit 3" in page
    assert '<a href="/?q=team%3Dgraph%20%26%20co">team=graph &amp; co</a>' in page
    assert '<a href="/manifests/b">b</a> <span class="state bad">Failed</span>' in page
    assert '<a href="/manifests/c">c</a> (unknown)' in page
    assert "others make jobs there" in page
    assert "reconciler resolve --workflow 42 --not-ours" in page


def test_the_timeline_tells_what_happened_the_newest_first() -> None:
    events = [
        Event(NOW_MS - 9_000, "Claimed", "a new manifest", Name("a"), RunKey(Name("a"), 1, 1)),
        Event(
            NOW_MS - 8_000,
            "Accepted",
            "<i>",
            Name("a"),
            RunKey(Name("a"), 1, 1),
            WorkflowId("42"),
            JobId(107),
            REVISION,
        ),
    ]
    page = page_of(dossier(item("a"), events=events), job_url="http://ex/{workflow_id}/{job_id}")
    assert page.index("Accepted</td>") < page.index("Claimed</td>")
    assert '<a href="http://ex/42/107" rel="noreferrer">107</a>' in page
    assert "&lt;i&gt;" in page


def test_how_a_run_ended_otherwise_is_told() -> None:
    cancel = Cancel(CancelCause.OPERATOR, "ann asked", NOW_MS, 2, "not now")
    asked = Accepted(JobId(107), JobStatus.RUNNING, NOW_MS - 8_000, None, cancel, NOW_MS - 1_000)
    page = page_of(dossier(item("a"), runs=[record(asked), record(Rejected(40004001, "no such <workflow>"))]))
    assert "ann asked; 2 requests; last answer: not now" in page
    assert "Explorer does not show it since" in page
    assert "no such &lt;workflow&gt;" in page
    assert "Its tasks are read when the job has ended." in page


def test_a_pause_is_told_on_every_page() -> None:
    assert "Nothing is submitted until" in page_of(dossier(item("a"), pause=Pause("ann", "", NOW_MS)))
