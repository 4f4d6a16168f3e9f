"""The operations, against the sandbox: what they give, what they raise, and what they never do."""

from __future__ import annotations

import asyncio
import base64
import json
import time
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from reconciler.core.model import JobId, JobStatus, WorkflowId
from reconciler.core.outcome import (
    Created,
    Failure,
    Faulty,
    LoginFailed,
    NotCreated,
    Receipt,
    Refused,
    SessionLost,
    Throttled,
    Unclear,
    Unreachable,
    WorkflowMissing,
)
from reconciler.explorer.client import Explorer, ExplorerError, Login, Secret, explorer_at
from reconciler.sandbox.faults import (
    Answer,
    Cut,
    Drip,
    Drop,
    FallingId,
    Fault,
    Pad,
    TextId,
    error,
    html_page,
    throttled,
)
from reconciler.sandbox.server import PASSWORD, USER, Sandbox, serve
from tests.explorer.raw import TOKEN, TRACE_ID, WORKFLOW, client_of, http, saying, serving

BODY = b'{"input":{"query_1":{"name":"Tim Duncan"}}}'


async def submit(explorer: Explorer, baseline: int = 0, workflow_id: str = WORKFLOW) -> Receipt:
    return await explorer.submit(WorkflowId(workflow_id), BODY, trace_id=TRACE_ID, baseline=JobId(baseline))


def with_sandbox(
    directory: Path, check: Callable[[Explorer, Sandbox], Awaitable[None]], timeout_s: float = 60.0
) -> None:
    async def main() -> None:
        async with serve(directory) as sandbox:
            login = Login(USER, Secret(PASSWORD), "127.0.0.1", 9669)
            await check(explorer_at(sandbox.base_url, login, timeout_s=timeout_s), sandbox)

    asyncio.run(main())


def test_a_submission_makes_one_job_with_exactly_this_body(tmp_path: Path) -> None:
    async def check(explorer: Explorer, sandbox: Sandbox) -> None:
        came_of_it = await submit(explorer)
        [job] = sandbox.ledger.jobs_of(WORKFLOW)
        assert came_of_it == Created(JobId(job.id))
        assert job.body.encode() == BODY
        assert job.traceparent is not None
        assert job.traceparent.split("-")[1] == TRACE_ID
        assert "idempotency-key" not in dict(sandbox.traffic.of("submit")[0].request.headers)

    with_sandbox(tmp_path, check)


@pytest.mark.parametrize(
    ("fault", "expected", "jobs"),
    [
        (TextId(), Created, 1),
        (Pad(padding=10_000), Created, 1),
        (Pad(padding=100_000), Unclear, 1),
        (Pad(padding=1_000_000, encoding="gzip"), Unclear, 1),
        (Cut(), Unclear, 1),
        (Cut(announced="sent"), Unclear, 1),
        (Drip(interval_s=0.1), Unclear, 1),
        (Drop(moment="before"), Unclear, 0),
        (Drop(moment="after"), Unclear, 1),
        (Drop(moment="after", by="close"), Unclear, 1),
        (html_page(502), Unclear, 0),
        (Answer(moment="after", status=200, body="<html>"), Unclear, 1),
        (error(50004000), Unclear, 0),
        (error(40004000), NotCreated, 0),
        (throttled(2), NotCreated, 0),
    ],
)
def test_whatever_becomes_of_the_reply_a_submission_is_sent_once(
    fault: Fault, expected: type[Receipt], jobs: int, tmp_path: Path
) -> None:
    async def check(explorer: Explorer, sandbox: Sandbox) -> None:
        await explorer.jobs(None)
        sandbox.faults.switch_on(_for_submissions(fault))
        assert isinstance(await submit(explorer), expected)
        assert len(sandbox.traffic.of("submit")) == 1
        assert len(sandbox.ledger.jobs_of(None)) == jobs

    with_sandbox(tmp_path, check, timeout_s=1.5 if isinstance(fault, Drip) else 60.0)


def _for_submissions(fault: Fault) -> Fault:
    return msgspec.structs.replace(fault, operation="submit")


def test_an_id_below_the_baseline_is_said(tmp_path: Path) -> None:
    async def check(explorer: Explorer, sandbox: Sandbox) -> None:
        first = await submit(explorer)
        assert isinstance(first, Created)
        sandbox.faults.switch_on(FallingId())
        came_of_it = await submit(explorer, baseline=first.job_id)
        assert isinstance(came_of_it, Unclear)
        assert f"not above {first.job_id}" in came_of_it.why

    with_sandbox(tmp_path, check)


def test_a_workflow_that_does_not_exist_is_told_apart(tmp_path: Path) -> None:
    async def check(explorer: Explorer, _: Sandbox) -> None:
        came_of_it = await submit(explorer, workflow_id="9999999")
        assert isinstance(came_of_it, NotCreated)
        assert isinstance(came_of_it.cause, WorkflowMissing)

    with_sandbox(tmp_path, check)


@pytest.mark.parametrize(
    "workflow_id",
    ["", "0", "01", "-1", "1.0", "../../connect", "1/../2", "1?x", "1#", "1 ", "1\n", "１", "9" * 41],
)
def test_only_digits_become_part_of_a_path(workflow_id: str, tmp_path: Path) -> None:
    async def check(explorer: Explorer, sandbox: Sandbox) -> None:
        with pytest.raises(ValueError, match="is not a workflow ID"):
            await submit(explorer, workflow_id=workflow_id)
        with pytest.raises(ValueError, match="is not a workflow ID"):
            await explorer.jobs(WorkflowId(workflow_id))
        assert sandbox.traffic.of("any") == ()

    with_sandbox(tmp_path, check)


def test_a_submission_that_could_not_log_in_was_not_sent(tmp_path: Path) -> None:
    async def main() -> tuple[Receipt, int]:
        async with serving(saying(http(403, b'{"code":40304000,"message":"ErrForbidden"}'))) as raw:
            explorer = explorer_at(raw.url, Login(USER, Secret(PASSWORD), "127.0.0.1", 9669))
            return await submit(explorer), len(raw.heard)

    came_of_it, heard = asyncio.run(main())
    assert came_of_it == NotCreated(
        LoginFailed(40304000, "Explorer refused the login: 40304000 ErrForbidden")
    )
    assert heard == 1


def test_jobs_are_listed_page_by_page_newest_first(tmp_path: Path) -> None:
    async def check(explorer: Explorer, sandbox: Sandbox) -> None:
        ids = [(await sandbox.add_foreign_job(WORKFLOW)).id for _ in range(5)]
        await sandbox.add_foreign_job("3992429968")
        first = await explorer.jobs(WORKFLOW, page_size=3)
        second = await explorer.jobs(WORKFLOW, page=2, page_size=3)
        assert [job.job_id for job in first.jobs + second.jobs] == ids[::-1]
        assert (first.total, first.page, first.page_size, second.page) == (5, 1, 3, 2)
        assert (await explorer.jobs(None)).total == 6

    with_sandbox(tmp_path, check)


def test_a_job_is_shown_and_can_be_stopped(tmp_path: Path) -> None:
    async def check(explorer: Explorer, sandbox: Sandbox) -> None:
        came_of_it = await submit(explorer)
        assert isinstance(came_of_it, Created)
        shown = await explorer.job(came_of_it.job_id)
        assert shown.job.workflow_id == WORKFLOW
        assert [task.task_id for task in shown.tasks] == ["query_1"]
        assert await explorer.cancel(came_of_it.job_id)
        stopped = (await explorer.job(came_of_it.job_id)).job.status
        assert stopped in (JobStatus.STOPPING, JobStatus.INTERRUPTED)

    with_sandbox(tmp_path, check)


def test_a_job_that_does_not_exist_raises_with_explorers_code(tmp_path: Path) -> None:
    async def check(explorer: Explorer, _: Sandbox) -> None:
        with pytest.raises(ExplorerError, match="50004001") as caught:
            await explorer.job(JobId(99))
        assert isinstance(caught.value.failure, Faulty)
        assert caught.value.failure.code == 50004001

    with_sandbox(tmp_path, check)


@pytest.mark.parametrize("data", [b"null", b'{"items":[{"id":1.5}],"total":1}'])
def test_a_listing_of_another_shape_raises(data: bytes, tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(saying(http(200, b'{"code":0,"data":' + data + b"}"))) as raw:
            with pytest.raises(ExplorerError, match="another shape than the API's") as caught:
                await client_of(raw.url, tmp_path).jobs(None)
            assert isinstance(caught.value.failure, Faulty)

    asyncio.run(main())


def test_a_read_is_repeated_once_after_a_lost_session_and_not_more(tmp_path: Path) -> None:
    async def main() -> int:
        async with serving(saying(http(401, b'{"code":40104001,"message":"ErrSession"}'))) as raw:
            with pytest.raises(ExplorerError) as caught:
                await client_of(raw.url, tmp_path).jobs(None)
            assert isinstance(caught.value.failure, SessionLost)
            return len(raw.heard)

    assert asyncio.run(main()) == 1, "there is no other token to repeat it with"


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        (Unreachable("refused"), "Explorer cannot be reached: refused"),
        (LoginFailed(None, "no file"), "there is no session with Explorer: no file"),
        (SessionLost(40104001, "Err"), "Explorer does not know the session: 40104001 Err"),
        (Throttled(None), "Explorer asks for fewer requests"),
        (Throttled(2.5), "Explorer asks to wait 2.5 s"),
        (WorkflowMissing(40404000, "Err"), "the workflow does not exist: 40404000 Err"),
        (Refused(40004001, "Err"), "Explorer refused: 40004001 Err"),
        (Faulty(None, "HTTP 502"), "Explorer gave no usable answer: HTTP 502"),
    ],
)
def test_an_error_says_what_happened_in_words(failure: Failure, text: str) -> None:
    assert str(ExplorerError(failure)) == text


def test_every_operation_is_counted_by_its_name(tmp_path: Path) -> None:
    seen: list[tuple[str, str]] = []

    async def main() -> None:
        async with serve(tmp_path) as sandbox:
            login = Login(USER, Secret(PASSWORD), "127.0.0.1", 9669)
            explorer = explorer_at(
                sandbox.base_url, login, observe=lambda operation, code, _: seen.append((operation, code))
            )
            came_of_it = await submit(explorer)
            assert isinstance(came_of_it, Created)
            await explorer.jobs(None)
            await explorer.job(came_of_it.job_id)
            await explorer.cancel(came_of_it.job_id)

    asyncio.run(main())
    assert seen == [(operation, "0") for operation in ("connect", "submit", "list", "detail", "cancel")]


CANARY = "canary-of-the-password"
CREDENTIALS = [base64.b64encode(text.encode()).decode() for text in (f'["u","{CANARY}"]', f"u:{CANARY}")]


@pytest.mark.parametrize(
    ("is_own_token", "secrets"), [(False, [CANARY, *CREDENTIALS]), (True, [TOKEN])], ids=["login", "token"]
)
def test_no_secret_is_in_anything_that_comes_out(
    is_own_token: bool, secrets: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(1)
    (tmp_path / "password").write_text(CANARY)
    login = Login("u", tmp_path / "password", "127.0.0.1", 9669)

    async def main() -> list[object]:
        async with serving(saying(_repeating(secrets))) as raw:
            explorer = client_of(raw.url, tmp_path) if is_own_token else explorer_at(raw.url, login)
            return [
                await submit(explorer),
                await _traceback(explorer.jobs(None)),
                await _traceback(explorer.cancel(JobId(1))),
                vars(explorer),
                vars(explorer._session),
                login,
            ]

    told = asyncio.run(main(), debug=True)
    everything = caplog.text + "".join(map(repr, told)) + "".join(map(str, told))
    assert "***" in everything
    assert [secret for secret in secrets if secret in everything] == []


def _repeating(secrets: list[str]) -> bytes:
    """A refusal that tells all it was told, everywhere."""
    said = " ".join(secrets)
    body = json.dumps({"code": 40004001, "message": said, "debugInfo": said}).encode()
    return http(400, body, f"Set-Cookie: explorer_token={secrets[0]}", f"X-{secrets[0]}: {said}")


async def _traceback(reading: Awaitable[object]) -> str:
    with pytest.raises(ExplorerError) as caught:
        await reading
    return "".join(traceback.format_exception(caught.value)) + repr(caught.value)


def test_the_rows_of_a_task_are_read_and_the_limit_is_kept(tmp_path: Path) -> None:
    async def check(explorer: Explorer, sandbox: Sandbox) -> None:
        job = await sandbox.add_foreign_job(WORKFLOW, BODY)
        assert await explorer.sample_result(JobId(job.id), "query_1", 10) == ()  # it runs still
        with pytest.raises(ExplorerError) as caught:
            await explorer.sample_result(JobId(job.id), "no/such task?", 10)
        assert isinstance(caught.value.failure, WorkflowMissing)
        last = sandbox.traffic.of("results")[-1].request
        assert last.path.endswith("/tasks/no%2Fsuch%20task%3F/sample_result")
        assert last.query == "limit=10"

    with_sandbox(tmp_path, check)


def test_more_rows_than_were_asked_for_are_left_out(tmp_path: Path) -> None:
    async def main() -> None:
        rows = json.dumps({"code": 0, "data": {"items": [["a"], ["b"], ["c"]]}}).encode()
        async with serving(saying(http(200, rows))) as raw:
            explorer = client_of(raw.url, tmp_path)
            assert await explorer.sample_result(JobId(1), "t", 2) == (("a",), ("b",))

    asyncio.run(main())


def test_the_servers_clock_is_read_with_a_session(tmp_path: Path) -> None:
    async def check(explorer: Explorer, sandbox: Sandbox) -> None:
        found = await explorer.clock_ms()
        assert found is not None
        assert abs(found / 1000 - time.time()) < 60
        sandbox.sessions.forget_all()
        with pytest.raises(ExplorerError) as caught:
            await explorer.clock_ms()
        assert isinstance(caught.value.failure, SessionLost)

    with_sandbox(tmp_path, check)


def test_where_there_is_no_session_there_is_no_clock() -> None:
    async def main() -> None:
        login = Login("root", Secret("x"), "127.0.0.1", 9669)
        with pytest.raises(ExplorerError) as caught:
            await explorer_at("http://127.0.0.1:1", login).clock_ms()
        assert isinstance(caught.value.failure, Unreachable)

    asyncio.run(main())
