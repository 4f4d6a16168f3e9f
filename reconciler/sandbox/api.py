"""Explorer itself, without its sockets: from a request to a reply, with the time as a parameter.

State is where it belongs: jobs in the ledger, sessions in `sessions`, workflows in the catalogue. What is
said here about an answer comes from the pages of Explorer's API reference and from what its users saw.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, assert_never

from reconciler.sandbox.catalogue import Catalogue, Workflow, accepted_input
from reconciler.sandbox.faults import Conditions
from reconciler.sandbox.ledger import Job, Ledger
from reconciler.sandbox.life import Status, stage
from reconciler.sandbox.listing import detail, page_of, question, row_limit
from reconciler.sandbox.routes import Cancel, Connect, Detail, ListJobs, Results, Route, Submit
from reconciler.sandbox.sessions import Sessions
from reconciler.sandbox.wire import Code, RefusedError, Reply, Request, parsed, refused, stamped, success

FORM = "application/x-www-form-urlencoded"


class Explorer:
    """The server's answers. A legacy server shows 200 as the code of success."""

    def __init__(
        self, catalogue: Catalogue, ledger: Ledger, sessions: Sessions, *, legacy: bool, page_size_cap: int
    ) -> None:
        self._catalogue = catalogue
        self._ledger = ledger
        self._sessions = sessions
        self._page_size_cap = page_size_cap
        self._success_code = 200 if legacy else 0

    def answer(self, request: Request, route: Route | None, conditions: Conditions, now_s: float) -> Reply:
        """What Explorer answers at this time; jobs that this makes still have to settle in the ledger."""
        if conditions.sessions_are_lost:
            self._sessions.forget_all()
        try:
            reply = self._routed(request, route, conditions, now_s)
        except RefusedError as refusal:
            reply = refused(refusal)
        return stamped(reply, request, now_s + conditions.clock_skew_s)

    def add_foreign_job(self, workflow_id: str, body: bytes, now_s: float) -> Job:
        """Make a job that nobody asked for through this API. Raises RefusedError for an unknown workflow."""
        return self._add(workflow_id, body, None, Conditions(), now_s, is_foreign=True)

    def _routed(self, request: Request, route: Route | None, conditions: Conditions, now_s: float) -> Reply:
        if route is None:
            raise RefusedError(Code.ERR_NOT_FOUND, f"there is no {request.method} {request.path}")
        if isinstance(route, Connect):
            return self._connect(request, now_s)
        self._sessions.check(request.header("cookie"), now_s)
        match route:
            case Submit(workflow_id):
                return self._submit(workflow_id, request, conditions, now_s)
            case ListJobs(workflow_id):
                return self._list(workflow_id, request, conditions, now_s)
            case Detail(job_id):
                return self._success(detail(self._job(job_id), _ms(now_s)))
            case Cancel(job_id):
                return self._cancel(self._job(job_id), request, now_s)
            case Results(job_id, task_id):
                return self._results(self._job(job_id), task_id, request, now_s)
            case _:
                assert_never(route)

    def _connect(self, request: Request, now_s: float) -> Reply:
        graphd = parsed(request.body, "the body")
        match graphd:
            case {"address": str(address), "port": int(port)} if address and 0 < port < 65536:
                token = self._sessions.open(request.header("authorization"), address, port, now_s)
            case _:
                raise RefusedError(Code.ERR_PARAM, "the body has no address and port")
        return self._success({"success": True}).with_headers(("Set-Cookie", self._sessions.set_cookie(token)))

    def _submit(self, workflow_id: str, request: Request, conditions: Conditions, now_s: float) -> Reply:
        workflow = self._catalogue.workflow(workflow_id)
        if request.media_type != "application/json":
            raise RefusedError(Code.ERR_PARAM, "a submission is application/json")
        accepted_input(workflow, request.body)
        traceparent = request.header("traceparent")
        job = self._add(workflow_id, request.body, traceparent, conditions, now_s, is_foreign=False)
        return self._success({"id": str(job.id) if conditions.id_is_text else job.id})

    def _add(
        self,
        workflow_id: str,
        body: bytes,
        traceparent: str | None,
        conditions: Conditions,
        now_s: float,
        *,
        is_foreign: bool,
    ) -> Job:
        """Put a job into the ledger; long because a job's record holds all that its life depends on."""
        workflow = self._catalogue.workflow(workflow_id)
        skew_ms = _ms(conditions.clock_skew_s)
        job = Job(
            id=self._ledger.lower_id() if conditions.id_falls else self._ledger.next_id(),
            workflow_id=workflow_id,
            workflow_name=workflow.name,
            name=_job_name(workflow, now_s + conditions.clock_skew_s),
            body=body.decode(),
            traceparent=traceparent,
            created_ms=_ms(now_s),
            preparing_ms=_ms(workflow.preparing_s),
            running_ms=_ms(workflow.running_s),
            stopping_ms=_ms(workflow.stopping_s),
            ends=workflow.ends,
            tasks=_tasks(workflow, body),
            skew_ms=skew_ms,
            is_foreign=is_foreign,
        )
        self._ledger.add(job)
        return job

    def _list(self, workflow_id: str | None, request: Request, conditions: Conditions, now_s: float) -> Reply:
        asked = question(request.query, self._page_size_cap)
        if workflow_id is not None:
            self._catalogue.workflow(workflow_id)
        newest_ms = _ms(now_s - conditions.listing_lag_s)
        jobs = [job for job in self._ledger.jobs_of(workflow_id) if job.created_ms <= newest_ms]
        return self._success(page_of(jobs, asked, _ms(now_s)))

    def _cancel(self, job: Job, request: Request, now_s: float) -> Reply:
        if request.media_type != FORM:
            raise RefusedError(Code.ERR_BAD_REQUEST, f"a cancel is {FORM}")
        if stage(job, _ms(now_s)).status.is_final:
            return self._success({"success": False})
        self._ledger.cancel(job.id, _ms(now_s))
        return self._success({"success": True})

    def _results(self, job: Job, task_id: str, request: Request, now_s: float) -> Reply:
        limit = row_limit(request.query)
        if task_id not in job.tasks:
            raise RefusedError(Code.ERR_NOT_FOUND, f"job {job.id} has no task {task_id!r}")
        is_there = stage(job, _ms(now_s)).status is Status.SUCCESS
        rows = self._rows(job, task_id) if is_there else ()
        return self._success({"items": rows[:limit]})

    def _rows(self, job: Job, task_id: str) -> tuple[tuple[str, ...], ...]:
        task = self._catalogue.workflow(job.workflow_id).tasks.get(task_id)
        return task.rows if task else ()

    def _job(self, job_id: str) -> Job:
        # 18 digits are plenty, and keep int() away from a text of a megabyte.
        if not (job_id.isascii() and job_id.isdigit() and len(job_id) <= 18):
            raise RefusedError(Code.ERR_PARAM, f"{job_id!r} is not a job ID")
        job = self._ledger.job(int(job_id))
        if job is None:
            raise RefusedError(Code.ERR_INTERNAL_DATABASE, f"there is no job {job_id}")
        return job

    def _success(self, data: dict[str, Any]) -> Reply:
        return success(data, self._success_code)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _job_name(workflow: Workflow, now_s: float) -> str:
    """As Explorer names its jobs: `<workflow>_<year … second>`."""
    return f"{workflow.name}_{datetime.fromtimestamp(now_s, UTC):%Y%m%d%H%M%S}"


def _tasks(workflow: Workflow, body: bytes) -> dict[str, str]:
    """The tasks of a job, ID → name: those of its workflow, or, where anything goes, those of its input."""
    if not workflow.accepts_anything:
        return {task_id: task.name for task_id, task in workflow.tasks.items()}
    return {task_id: task_id for task_id in accepted_input(workflow, body)}
