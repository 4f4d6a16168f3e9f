"""What the server does wrong with the first submission of each workflow; what it remembers is the truth."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.crash.labels import Gives
from tests.walk.other_explorer import HTML, Answer, Cut, Job, OtherExplorer, Reply, refusal

HELD_BACK_S = 8.0
"""The longest that a reply is held back: longer than every time-out."""

LATE_S = 0.3
"""How long after its request a late job appears, and how far behind a listing lags; both together < S."""


@dataclass(frozen=True)
class Fault:
    """What happens to one submission. `is_made` says whether, and when, its job is made."""

    name: str
    gives: Gives
    is_made: str = "now"
    answer: Answer | None = None
    """None for what Explorer says of a job that was made."""

    is_held_back: bool = False
    lag_s: float = 0.0
    page_size: int = 1000
    strangers: int = 0
    """How many jobs others have made in the workflow by the time the request is answered."""

    loses_sessions: bool = False

    @property
    def is_clear(self) -> bool:
        """Whether the client is told all: a job's ID, or that none was made."""
        return (self.answer is None and not self.is_held_back) or self.loses_sessions

    def __str__(self) -> str:
        return self.name


CUT = Cut()
HALF = Reply(200, b'{"code":0,"data":{"id":50')
BAD_GATEWAY = Reply(502, HTML.body, HTML.headers)
BROKEN = refusal(50004001, "ErrInternalDatabase")

FAULTS = (
    Fault("none", Gives.JOB),
    Fault("reply lost", Gives.CLOSE, answer=CUT),
    Fault("reply held back", Gives.NOTHING, is_held_back=True),
    Fault("job made late", Gives.CLOSE, is_made="late", answer=CUT),
    Fault("500, made", Gives.REPLY, answer=BROKEN),
    Fault("500, not made", Gives.REPLY, is_made="never", answer=BROKEN),
    Fault("502 HTML, made", Gives.REPLY, answer=BAD_GATEWAY),
    Fault("half a JSON, made", Gives.REPLY, answer=HALF),
    Fault("session lost", Gives.JOB, is_made="never", answer=refusal(40104001), loses_sessions=True),
    Fault("listing lags", Gives.JOB, lag_s=LATE_S),
    Fault("reply lost, made late, listing lags", Gives.CLOSE, is_made="late", answer=CUT, lag_s=LATE_S),
    Fault("pages of three", Gives.JOB, page_size=3, strangers=5),
    Fault(
        "reply lost, not made, but a stranger's job", Gives.CLOSE, is_made="never", answer=CUT, strangers=1
    ),
)


@dataclass(frozen=True)
class Arrival:
    """A whole submission as it arrived."""

    workflow: str
    body: bytes
    at_s: float


@dataclass
class FaultyExplorer(OtherExplorer):
    """Answers the first submission of a workflow as its fault says, and all others well."""

    faults: dict[str, Fault] = field(default_factory=dict)
    lag_s: float = 0.0
    """How far the listings of all workflows lag; a workflow's fault may add to that."""

    pick: Callable[[str, int], Fault | None] | None = None
    """The fault of the n-th submission of a workflow; by default that in `faults`, for the first."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.arrivals: list[Arrival] = []
        self.latest_s = 0.0
        """The longest that a job took, from its request to its place in a listing."""

        self._counts: Counter[str] = Counter()
        self._closing = threading.Event()
        self._late: list[threading.Timer] = []
        self._strange = itertools.count(1)
        self.instead_of_job = self._instead
        self.before_reply = self._before_reply
        self._current: dict[bytes, Fault] = {}

    def __exit__(self, *args: object) -> None:
        self.settle()
        super().__exit__(*args)

    def settle(self) -> None:
        """Let go of what is held back, and return once every job that will be made is there."""
        self._closing.set()
        for timer in list(self._late):
            timer.join()

    def listed(self, workflow: str | None) -> list[Job]:
        now_s = time.time()
        jobs = list(self.jobs) if workflow is None else self.jobs_of(workflow)
        lag_s = {workflow: fault.lag_s for workflow, fault in self.faults.items()}
        return [job for job in jobs if now_s >= job.made_s + self.lag_s + lag_s.get(job.workflow, 0.0)]

    def page_size(self, workflow: str | None, asked: int) -> int:
        fault = self.faults.get(workflow or "")
        return min(asked, fault.page_size) if fault else asked

    def _fault_of(self, workflow: str, number: int) -> Fault | None:
        if self.pick is not None:
            return self.pick(workflow, number)
        return self.faults.get(workflow) if number == 1 else None

    def _instead(self, workflow: str, body: bytes) -> Answer | None:
        arrival = Arrival(workflow, body, time.time())
        with self._news:
            self.arrivals.append(arrival)
            self._counts[workflow] += 1
            fault = self._fault_of(workflow, self._counts[workflow])
            self._news.notify_all()
        if fault is None:
            return None
        for _ in range(fault.strangers):
            self.add_job(workflow, b'{"input":{"stranger":{"n":%d}}}' % next(self._strange))
        if fault.loses_sessions:
            self.forget_sessions()
        if fault.is_made == "late":
            timer = threading.Timer(LATE_S, self._add_late, (arrival, fault))
            self._late.append(timer)
            timer.start()
        if fault.is_made != "now":
            return fault.answer
        self._current[body] = fault
        return None

    def _before_reply(self, job: Job) -> Answer | None:
        fault = self._current.pop(job.body, None)
        if fault is None:
            return None
        self.latest_s = max(self.latest_s, fault.lag_s + self.lag_s)
        if fault.is_held_back:
            self._closing.wait(HELD_BACK_S)
            return CUT
        return fault.answer

    def _add_late(self, arrival: Arrival, fault: Fault) -> None:
        job = self.add_job(arrival.workflow, arrival.body)
        self.latest_s = max(self.latest_s, job.made_s - arrival.at_s + fault.lag_s + self.lag_s)
