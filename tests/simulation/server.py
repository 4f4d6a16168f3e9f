"""The simulated Explorer: jobs, sessions and answers, as bytes. It knows for each job who asked for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from urllib.parse import parse_qs, urlsplit

import msgspec

from reconciler.core.model import JobId, JobStatus, WorkflowId
from reconciler.core.outcome import Reply
from reconciler.explorer.transport import Request
from tests.simulation.truth import Sent, Truth
from tests.simulation.weather import Weather

BAD, INCOMPLETE = b'"bad"', b'"incomplete"'
"""In a body: a parameter that Explorer refuses, and one that it misses, which it answers with a 5xx."""

STOPS_S = 3.0
"""How long a job that is cancelled is `Stopping`."""

_NUMBERS = {status: number for number, status in enumerate(JobStatus)}


@dataclass(slots=True)
class Job:
    """`sent` is the request that made it; None: somebody else did. It is listed from `listed_s` on."""

    job_id: JobId
    workflow_id: WorkflowId
    sent: Sent | None
    made_s: float
    listed_s: float
    runs_s: float
    end: JobStatus
    cancelled_s: float | None = None

    def status(self, now_s: float) -> JobStatus:
        if self.cancelled_s is not None:
            return JobStatus.STOPPING if now_s < self.cancelled_s + STOPS_S else JobStatus.INTERRUPTED
        if now_s >= self.made_s + self.runs_s:
            return self.end
        return JobStatus.RUNNING if now_s > self.made_s + self.runs_s / 3 else JobStatus.PREPARING


class Server:
    """One Explorer. Its IDs grow; an ID now and then is skipped, as a database does."""

    def __init__(
        self, dice: Random, weather: Weather, truth: Truth, now_s: Callable[[], float], workflows: list[str]
    ) -> None:
        self._dice = dice
        self._weather = weather
        self._truth = truth
        self._now_s = now_s
        self.workflows = {WorkflowId(it) for it in workflows}
        self.jobs: list[Job] = []
        self._highest = 100
        self._sessions: set[str] = set()
        self._logins = 0

    def log_in(self) -> tuple[Reply, str]:
        self._logins += 1
        token = f"session-{self._logins}"
        self._sessions.add(token)
        return self._success({"success": True}), token

    def forget_sessions(self) -> None:
        self._sessions.clear()

    def make(self, workflow_id: WorkflowId, sent: Sent | None = None) -> Job:
        now_s, dice = self._now_s(), self._dice
        self._highest += dice.choice((1, 1, 1, 2, 7))
        end = dice.choice((JobStatus.SUCCESS, JobStatus.SUCCESS, JobStatus.FAILED, JobStatus.INTERRUPTED))
        job = Job(
            JobId(self._highest),
            workflow_id,
            sent,
            now_s,
            now_s + self._weather.lag_s * dice.random(),
            dice.uniform(0.1, 40),
            end,
        )
        self.jobs.append(job)
        self._truth.made(job)
        return job

    def answer(self, request: Request, token: str, sent: Sent | None) -> Reply:
        if token not in self._sessions:
            return refusal(401, 40104001, "ErrSession")
        parts = urlsplit(request.path)
        match parts.path.split("/"):
            case ["workflows", workflow, "jobs"] if workflow not in self.workflows:
                return refusal(404, 40404000, "ErrNotFound")
            case ["workflows", workflow, "jobs"] if sent is not None:
                return self._submit(WorkflowId(workflow), request.body or b"", sent)
            case ["workflows", workflow, "jobs"]:
                return self._list([it for it in self.jobs if it.workflow_id == workflow], parts.query)
            case ["jobs", job_id, "cancel"]:
                return self._cancel(int(job_id))
            case ["jobs"]:
                return self._list(self.jobs, parts.query)
            case ["jobs", job_id]:
                return self._detail(int(job_id))
            case path:
                raise AssertionError(f"the simulated Explorer does not know {path}")

    def _submit(self, workflow_id: WorkflowId, body: bytes, sent: Sent) -> Reply:
        if BAD in body:
            return refusal(400, 40004001, "ErrParam")
        if INCOMPLETE in body:
            return refusal(500, 50004002, "ErrInternalController")
        job_id = self.make(workflow_id, sent).job_id
        return self._success({"id": str(job_id) if self._weather.has_old_codes else job_id})

    def _list(self, jobs: list[Job], query: str) -> Reply:
        now_s = self._now_s()
        asked = parse_qs(query)
        page, size = int(asked["page"][0]), min(int(asked["pageSize"][0]), self._weather.page_size)
        shown = [job for job in reversed(jobs) if job.listed_s <= now_s]
        items = [_item(job, now_s) for job in shown[(page - 1) * size : page * size]]
        return self._success({"items": items, "total": len(shown), "Page": page, "PageSize": size})

    def _detail(self, job_id: int) -> Reply:
        for job in self.jobs:
            if job.job_id == job_id:
                return self._success(_item(job, self._now_s()) | {"tasks": []})
        return refusal(500, 50004001, "ErrInternalDatabase")

    def _cancel(self, job_id: int) -> Reply:
        for job in self.jobs:
            if job.job_id == job_id:
                is_running = not job.status(self._now_s()).is_final
                if is_running and job.cancelled_s is None:
                    job.cancelled_s = self._now_s()
                    self._truth.stopped += 1
                return self._success({"success": is_running})
        return refusal(500, 50004001, "ErrInternalDatabase")

    def _success(self, data: dict[str, object]) -> Reply:
        code = 200 if self._weather.has_old_codes else 0
        return Reply(200, msgspec.json.encode({"code": code, "data": data, "message": "Success"}))


def refusal(status: int, code: int, message: str) -> Reply:
    return Reply(status, msgspec.json.encode({"code": code, "message": message}))


def _item(job: Job, now_s: float) -> dict[str, object]:
    return {
        "id": job.job_id,
        "name": "",
        "workflowId": job.workflow_id,
        "status": _NUMBERS[job.status(now_s)],
        "createTime": int(job.made_s * 1000) + 1,
    }
