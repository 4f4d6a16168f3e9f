"""What really happened, kept by the world: which request made which job, and what breaks the promise.

The daemon's word is compared with it, at once where that is cheap, and at the end.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.core.model import CancelCause, JobId, JobStatus, Name, RunKey, WorkflowId
from reconciler.core.reason import Reason
from reconciler.errors import StateDamaged
from reconciler.explorer.transport import Request
from reconciler.store.integrity import verify
from tests.simulation.memory import Disk

if TYPE_CHECKING:
    from tests.simulation.server import Job

GIVEN_UP = ("Waiting", "Rejected", "Superseded", "Baselined")
"""In these phases the state says that the run has no job."""

QUARANTINED = "SELECT workflow_id FROM workflows WHERE quarantine IS NOT NULL"
HELD_WORKFLOWS = "SELECT workflow_id FROM workflows WHERE quarantine = 'Held'"
"""Those of a restored state, and those of which it is known that it has forgotten jobs."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One POST: for which run, by which intent."""

    key: RunKey
    intent: int
    try_number: int
    workflow_id: WorkflowId
    digest: str
    trace_id: str

    def __str__(self) -> str:
        return f"the POST for {self.key} (try {self.try_number})"


@dataclass(frozen=True, slots=True)
class Breach:
    """One way in which the promise was broken: its kind, and what happened."""

    kind: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.what}"


@dataclass(slots=True)
class Truth:
    """All requests and all jobs. `may_repeat` says of a run that it may have several jobs (`resubmit`)."""

    disk: Disk
    may_repeat: Callable[[Name, str], bool]
    asked: Mapping[tuple[str, str], int]
    breaches: list[Breach] = field(default_factory=list)
    jobs: dict[JobId, Job] = field(default_factory=dict)
    jobs_of: dict[tuple[RunKey, str], list[Job]] = field(default_factory=lambda: defaultdict(list))
    submissions: int = 0
    repeats: int = 0
    travelling: Counter[RunKey] = field(default_factory=Counter)
    """How many requests of a run are on their way to the server."""

    forgotten: int = 0
    cancels: int = 0
    stopped: int = 0
    """How many requests to stop a job left, and how many jobs were stopped."""

    most_resubmissions: Mapping[str, int] = field(default_factory=Counter)
    _attempts: dict[tuple[str, str], set[RunKey]] = field(default_factory=lambda: defaultdict(set))
    """Later attempts of the runs that ask for this: each may have one job more."""

    _jobs_asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    _traces: set[str] = field(default_factory=set)
    _under_way: dict[WorkflowId, Sent] = field(default_factory=dict)

    def breach(self, kind: str, what: str) -> None:
        self.breaches.append(Breach(kind, what))

    def sent(self, request: Request, workflow_id: WorkflowId) -> Sent:
        """A POST leaves: its intent has to be on disk, and to be the only one that is open there."""
        self.submissions += 1
        rows = self.disk.rows(_INTENT, request.trace_id)
        if not rows:
            self.breach(
                "protocol", f"a request of trace {request.trace_id} is sent, and no intent is on disk"
            )
            nobody = RunKey(Name("nobody"), 0, 0)
            return Sent(nobody, 0, 0, workflow_id, "", request.trace_id or "")
        row = rows[0]
        key = RunKey(Name(row["name"]), row["generation"], row["attempt"])
        sent = Sent(key, row["number"], row["try_number"], workflow_id, row["digest"], row["trace_id"])
        if (row["phase"], row["intent"]) != ("Submitting", sent.intent):
            self.breach("protocol", f"{sent} leaves while its run is {row['phase']}")
        if (row["body"], row["workflow_id"]) != (request.body, workflow_id):
            self.breach("protocol", f"{sent} carries something else than what was claimed")
        if sent.trace_id in self._traces:
            self.breach("protocol", f"{sent} leaves a second time")
        if workflow_id in self._under_way:
            self.breach("protocol", f"{sent} leaves while {self._under_way[workflow_id]} is under way")
        others = self.disk.rows(_OPEN, workflow_id)[0][0]
        if others > 1:
            self.breach("protocol", f"{sent} leaves while another run of its workflow is open")
        if key.attempt > 1:
            self._attempts[key.name, sent.digest].add(key)
        self._traces.add(sent.trace_id)
        self._under_way[workflow_id] = sent
        return sent

    def cancelled(self, job_id: JobId) -> None:
        """A request to stop a job leaves: the job is ours, and the intent to stop it is on disk."""
        self.cancels += 1
        job = self.jobs.get(job_id)
        rows = self.disk.rows("SELECT * FROM runs WHERE job_id = ?", job_id)
        if not rows or rows[0]["cancel_cause"] is None:
            self.breach("protocol", f"a cancel of job {job_id} is sent, and no intent is on disk")
        if job is None or job.sent is None:
            self.breach("wrong cancel", f"a cancel is sent for job {job_id}, which is not ours")

    def ended(self, sent: Sent) -> None:
        """Nobody waits for its answer any more."""
        if self._under_way.get(sent.workflow_id) is sent:
            del self._under_way[sent.workflow_id]

    def nobody_waits(self) -> None:
        """The daemon has died."""
        self._under_way.clear()

    def made(self, job: Job) -> None:
        """The server made a job."""
        self.jobs[job.job_id] = job
        if job.sent is None:
            return
        jobs = self.jobs_of[job.sent.key, job.sent.digest]
        jobs.append(job)
        request = (job.sent.key.name, job.sent.digest)
        self._jobs_asked[request] += 1
        is_repeat = len(jobs) > 1
        is_too_many = self._jobs_asked[request] > self.asked[request] + len(self._attempts[request])
        if (is_repeat or is_too_many) and self.may_repeat(*request):
            self.repeats += 1
        elif is_repeat:
            ids = ", ".join(str(job.job_id) for job in jobs)
            self.breach("duplicate", f"{job.sent.key} has the jobs {ids}")
        elif is_too_many:
            times = f"{self._jobs_asked[request]} jobs of it, and was asked for {self.asked[request]}"
            self.breach("duplicate", f"{job.sent.key} has job {job.job_id}: its name has {times}")

    def compare(self) -> None:
        """Whether what the state says of each run is so."""
        quarantined = {row[0] for row in self.disk.rows(QUARANTINED)}
        for row in self.disk.rows("SELECT * FROM runs"):
            key = RunKey(Name(row["name"]), row["generation"], row["attempt"])
            made = [job.job_id for job in self.jobs_of.get((key, row["digest"]), ())]
            if row["job_id"] is not None:
                self._compare_owned(key, JobId(row["job_id"]))
            elif made and row["workflow_id"] in quarantined:
                self.forgotten += 1  # the state says itself that it knows too little of this workflow
            elif made and row["phase"] in GIVEN_UP and not self.may_repeat(key.name, row["digest"]):
                self.breach("lost", f"{key} is {row['phase']} ({row['why']}), and has the job {made[0]}")
        self._compare_generations()
        self._compare_attempts()
        try:
            verify(self.disk.connection, Path("state"))
        except StateDamaged as damaged:
            self.breach("protocol", str(damaged))

    def _compare_attempts(self) -> None:
        """A later attempt follows a job that failed by itself, as often as allowed, or an operator's word."""
        rows = self.disk.rows("SELECT * FROM runs ORDER BY name, generation, attempt")
        for before, after in pairwise(rows):
            key = (after["name"], after["generation"])
            if after["attempt"] == 1 or (before["name"], before["generation"]) != key:
                continue
            what = f"{after['name']}#{after['generation']}.{after['attempt']}"
            if after["claimed_for"] == Reason.RESUBMIT:
                if (before["job_status"], before["cancel_cause"]) != (JobStatus.FAILED, None):
                    self.breach("protocol", f"{what} follows a job that did not fail by itself")
                if after["resubmissions"] > self.most_resubmissions[after["name"]]:
                    self.breach("protocol", f"{what} is one resubmission too many")
            elif after["claimed_for"] == Reason.TAKEN_BACK:
                if (
                    before["cancel_cause"] != CancelCause.REPLACED
                    or before["job_status"] == JobStatus.SUCCESS
                ):
                    self.breach("protocol", f"{what} follows a job that no change has stopped")
            elif after["claimed_for"] not in (Reason.RETRY, Reason.WANTED_AGAIN):
                self.breach("protocol", f"{what} is there for no reason: {after['claimed_for']}")

    def _is_same_request(self, key: RunKey, job: Job) -> bool:
        """Whether a state that was put back counts generations anew, and this job is what the run asks."""
        if not self.disk.rows("SELECT 1 FROM meta WHERE key = 'quarantine'") or job.sent is None:
            return False
        asked = self.disk.rows(
            "SELECT digest FROM runs WHERE name = ? AND generation = ? AND attempt = ?",
            key.name,
            key.generation,
            key.attempt,
        )
        return job.sent.key.name == key.name and asked[0]["digest"] == job.sent.digest

    def _compare_owned(self, key: RunKey, job_id: JobId) -> None:
        job = self.jobs.get(job_id)
        if job is None:
            self.breach("wrong adoption", f"{key} owns job {job_id}, which does not exist")
        elif job.sent is None:
            self.breach("wrong adoption", f"{key} owns job {job_id}, which is somebody else's")
        elif job.sent.key != key and not self._is_same_request(key, job):
            self.breach("wrong adoption", f"{key} owns job {job_id}, which is that of {job.sent.key}")

    def _compare_generations(self) -> None:
        """A new generation starts when the digest changes, or when the one before was given up."""
        rows = self.disk.rows("SELECT * FROM runs WHERE attempt = 1 ORDER BY name, generation")
        for before, after in pairwise(rows):
            if before["name"] != after["name"] or before["digest"] != after["digest"]:
                continue
            if before["phase"] != "Superseded":
                what = f"{after['name']}#{after['generation']} asks for the same as the one before"
                self.breach("protocol", f"{what}, which is {before['phase']}")


_INTENT = (
    "SELECT intents.*, runs.phase, runs.intent, runs.body, runs.digest, runs.workflow_id"
    " FROM intents JOIN runs USING (name, generation, attempt) WHERE intents.trace_id = ?"
)
_OPEN = "SELECT count(*) FROM runs WHERE workflow_id = ? AND phase IN ('Submitting', 'Unknown')"
