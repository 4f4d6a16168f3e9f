"""Worlds as Prometheus sees them: a daemon that is well, and one fault a scenario. Times are in minutes."""

from __future__ import annotations

from dataclasses import dataclass, field

JOB = 'job="reconciler",namespace="graph",instance="10.0.0.7:9469",pod="reconciler-0"'
HOUR = 60
FOREVER = 10 * HOUR

Series = dict[str, str]


def series(metric: str, **labels: str) -> str:
    own = "".join(f',{name}="{value}"' for name, value in labels.items())
    return f"{metric}{{{JOB}{own}}}"


def steady(value: float, times: int = FOREVER) -> str:
    return f"{value:g}+0x{times}"


def growing(by: float, start: float = 0, times: int = FOREVER) -> str:
    return f"{start:g}+{by:g}x{times}"


def then(*parts: str) -> str:
    """One after the other."""
    return " ".join(parts)


UP = series("up")
LAST = series("reconciler_reconcile_last_success_timestamp_seconds")
PLANNED = series("reconciler_reconcile_total", result="planned")
GUARDED = series("reconciler_reconcile_total", result="guarded")
PUT_OFF = series("reconciler_reconcile_total", result="put_off")
REVISION = series("reconciler_source_revision_info", revision="r0")
RESTARTS = series("reconciler_watch_restarts_total")
WRITE_ERRORS = series("reconciler_state_write_errors_total")
BYTES = series("reconciler_state_bytes")
INVALID = series("reconciler_manifests", state="Invalid")
WAITING = series("reconciler_manifests", state="Waiting")
OLDEST = series("reconciler_queue_oldest_seconds")
ACCEPTED = series("reconciler_submissions_total", result="accepted")
REJECTED = series("reconciler_submissions_total", result="rejected")
UNKNOWN = series("reconciler_submissions_total", result="unknown")
HELD = series("reconciler_held")
UNKNOWNS = series("reconciler_unknown_outcomes")
VIOLATED = series("reconciler_assumption_violations_total", assumption="A7")
CIRCUIT = series("reconciler_circuit_open")
LOGINS = series("reconciler_api_requests_total", operation="connect", code="0")
REFUSED_LOGINS = series("reconciler_api_requests_total", operation="connect", code="40104000")
LISTS = series("reconciler_api_requests_total", operation="list", code="0")
LOST = series("reconciler_api_requests_total", operation="list", code="40104001")
RUNNING = series("reconciler_jobs", status="Running")
SUCCEEDED = series("reconciler_job_transitions_total", status="Success")
FAILED = series("reconciler_job_transitions_total", status="Failed")

WELL: Series = {
    UP: steady(1),
    LAST: growing(60),
    PLANNED: growing(1),
    GUARDED: steady(0),
    PUT_OFF: steady(0),
    REVISION: steady(1),
    RESTARTS: steady(0),
    WRITE_ERRORS: steady(0),
    BYTES: growing(100, start=2**20),
    INVALID: steady(0),
    WAITING: steady(0),
    OLDEST: steady(0),
    ACCEPTED: growing(0.5),
    REJECTED: steady(0),
    UNKNOWN: steady(0),
    HELD: steady(0),
    UNKNOWNS: steady(0),
    VIOLATED: steady(0),
    CIRCUIT: steady(0),
    LOGINS: growing(0.01),
    REFUSED_LOGINS: steady(0),
    LISTS: growing(6),
    LOST: steady(0),
    RUNNING: steady(2),
    SUCCEEDED: growing(0.4),
    FAILED: growing(0.02),
}


@dataclass(frozen=True, slots=True)
class Scenario:
    """What differs from a daemon that is well, and the alerts at this minute; None: no series."""

    name: str
    at: int
    fires: frozenset[str]
    differs: dict[str, str | None] = field(default_factory=dict)

    def series(self) -> Series:
        return {name: values for name, values in {**WELL, **self.differs}.items() if values is not None}


def _firing(alert: str, at: int, name: str, differs: dict[str, str | None], *also: str) -> Scenario:
    return Scenario(name, at, frozenset({alert, *also}), differs)


def _silent(at: int, name: str, differs: dict[str, str | None]) -> Scenario:
    return Scenario(name, at, frozenset(), differs)


SCENARIOS = (
    _silent(9 * HOUR, "nine good hours", {}),
    _firing("ReconcilerDown", 60, "a target that does not answer", {UP: then(steady(1, 50), steady(0))}),
    _firing("ReconcilerDown", 60, "no target at all", dict.fromkeys(WELL)),
    _silent(60, "a restart that has taken three minutes", {UP: then(steady(1, 56), steady(0))}),
    _firing("ReconcilerNeverSynced", 15, "a source that never came", {LAST: steady(0), PUT_OFF: growing(1)}),
    _silent(8, "a first clone that takes its time", {LAST: steady(0), PUT_OFF: growing(1)}),
    _firing(
        "ReconcilerStalled",
        60,
        "a loop that hangs",
        {PLANNED: then(growing(1, times=40), steady(40)), LAST: then(growing(60, times=40), steady(2400))},
    ),
    _silent(
        52,
        "a pass that takes ten minutes",
        {PLANNED: then(growing(1, times=40), steady(40, 10), growing(1, start=41))},
    ),
    _firing(
        "ReconcilerSourceStale",
        60,
        "a lock of git's that nobody takes away",
        {
            PLANNED: then(growing(1, times=40), steady(40)),
            PUT_OFF: then(steady(0, 40), growing(1)),
            LAST: then(growing(60, times=40), steady(2400)),
        },
    ),
    _silent(
        60,
        "twelve minutes of put-off passes",
        {
            PLANNED: then(growing(1, times=47), steady(47)),
            PUT_OFF: then(steady(0, 47), growing(1)),
            LAST: then(growing(60, times=47), steady(2820)),
        },
    ),
    _firing(
        "ReconcilerWatcherRestarting",
        120,
        "a watcher that dies every third minute",
        {RESTARTS: growing(0.33)},
    ),
    _silent(
        120,
        "a commit every third minute, each swapped in",
        {
            RESTARTS: growing(0.33),
            **{
                series("reconciler_source_revision_info", revision=f"r{number}"): (
                    f"_x{3 * number} 1+0x2 _x{FOREVER}"
                )
                for number in range(1, 40)
            },
        },
    ),
    _silent(120, "a watcher rebuilt once", {RESTARTS: then(steady(0, 90), steady(1))}),
    _firing(
        "ReconcilerStateWriteErrors",
        60,
        "a disk that is full",
        {WRITE_ERRORS: then(steady(0, 50), growing(2))},
    ),
    _silent(60, "a disk that was full an hour ago", {WRITE_ERRORS: then(growing(1, times=3), steady(3))}),
    _firing("ReconcilerStateFilling", 3 * HOUR, "a state of 900 MiB", {BYTES: steady(900 * 2**20)}),
    _firing(
        "ReconcilerStateFilling",
        3 * HOUR,
        "a state that will be full in five days",
        {BYTES: growing(80_000, start=300 * 2**20)},
    ),
    _silent(3 * HOUR, "a state of 500 MiB that stays so", {BYTES: steady(500 * 2**20)}),
    _silent(3 * HOUR, "a small state that grows quickly", {BYTES: growing(200_000, start=2**20)}),
    _firing(
        "ReconcilerManifestsInvalid", 60, "an invalid manifest", {INVALID: then(steady(0, 40), steady(1))}
    ),
    _silent(
        60,
        "a manifest that has been invalid for six minutes",
        {INVALID: then(steady(0, 53), steady(1))},
    ),
    _firing("ReconcilerPlanGuarded", 60, "a plan that waits", {GUARDED: then(steady(0, 30), growing(1))}),
    _silent(60, "a plan that somebody is reading", {GUARDED: then(steady(0, 48), growing(1))}),
    _firing("ReconcilerQueueOld", 60, "work that waits", {OLDEST: then(steady(0, 20), growing(60))}),
    _silent(60, "work that waits for a backoff", {OLDEST: steady(360)}),
    _firing(
        "ReconcilerNothingSubmitted",
        100,
        "a workflow that does not exist",
        {WAITING: steady(1), ACCEPTED: steady(7), RUNNING: steady(0)},
    ),
    _silent(100, "a manifest that waits for a job to end", {WAITING: steady(1), ACCEPTED: steady(7)}),
    _silent(100, "a manifest that waits while others go on", {WAITING: steady(1), RUNNING: steady(0)}),
    _firing(
        "ReconcilerPlanGuarded",
        100,
        "manifests that wait for a person",
        {WAITING: steady(60), ACCEPTED: steady(7), RUNNING: steady(0), GUARDED: growing(1)},
    ),
    _firing(
        "ReconcilerSubmissionsFailing",
        90,
        "every fifth request refused",
        {REJECTED: growing(0.125)},
        "ReconcilerSubmissionsDegraded",
    ),
    _firing(
        "ReconcilerSubmissionsFailing",
        8 * HOUR,
        "one request of ten without an answer",
        {UNKNOWN: growing(0.06)},
        "ReconcilerSubmissionsDegraded",
    ),
    _firing(
        "ReconcilerSubmissionsFailing",
        8 * HOUR,
        "every third request refused for half an hour, after a good day",
        {REJECTED: then(steady(0, 450), growing(0.25))},
    ),
    _firing(
        "ReconcilerSubmissionsDegraded",
        9 * HOUR,
        "two requests of a hundred refused",
        {REJECTED: growing(0.0102)},
    ),
    _silent(9 * HOUR, "one request of two hundred refused", {REJECTED: growing(0.0025)}),
    _silent(
        90,
        "the only two requests of the day refused",
        {ACCEPTED: steady(0), REJECTED: then(steady(0, 60), steady(1, 10), steady(2))},
    ),
    _silent(
        8 * HOUR,
        "refusals that ended hours ago",
        {REJECTED: then(growing(0.125, times=60), steady(7.5))},
    ),
    _firing("ReconcilerRunsHeld", 60, "a held run", {HELD: then(steady(0, 40), steady(1))}),
    _silent(60, "a run held six minutes ago", {HELD: then(steady(0, 53), steady(1))}),
    _firing(
        "ReconcilerOutcomesUnknown", 60, "an unsettled request", {UNKNOWNS: then(steady(0, 30), steady(1))}
    ),
    _silent(60, "a request that settles", {UNKNOWNS: then(steady(0, 49), steady(1))}),
    _firing(
        "ReconcilerAssumptionViolated", 60, "an ID that fell", {VIOLATED: then(steady(0, 40), steady(1))}
    ),
    _silent(5 * HOUR, "an ID that fell hours ago", {VIOLATED: then(steady(0, 40), steady(1))}),
    _firing("ReconcilerCircuitOpen", 60, "Explorer out of reach", {CIRCUIT: then(steady(0, 50), steady(1))}),
    _silent(60, "a blip", {CIRCUIT: then(steady(0, 56), steady(1))}),
    _firing(
        "ReconcilerLoginFailing",
        60,
        "a password that was changed",
        {LOGINS: steady(3), REFUSED_LOGINS: then(steady(0, 40), growing(4))},
    ),
    _firing(
        "ReconcilerLoginFailing",
        60,
        "a token that ran out",
        {
            LOGINS: steady(0),
            LISTS: then(growing(6, times=40), steady(240)),
            LOST: then(steady(0, 40), growing(4)),
        },
    ),
    _silent(60, "sessions that are lost and renewed", {LOST: growing(0.1), LOGINS: growing(0.2)}),
    _silent(60, "an Explorer that did not answer a login", {LOGINS: steady(0)}),
    _firing(
        "ReconcilerJobsStuck",
        8 * HOUR,
        "jobs of which nothing is heard",
        {SUCCEEDED: steady(20), FAILED: steady(1)},
    ),
    _silent(8 * HOUR, "nothing to follow", {SUCCEEDED: steady(20), FAILED: steady(1), RUNNING: steady(0)}),
    _silent(4 * HOUR, "jobs that take four hours", {SUCCEEDED: steady(20), FAILED: steady(1)}),
    _firing(
        "ReconcilerJobsFailing",
        8 * HOUR,
        "most jobs fail",
        {SUCCEEDED: growing(0.1), FAILED: growing(0.2)},
    ),
    _silent(
        8 * HOUR, "one job of one failed", {SUCCEEDED: steady(0), FAILED: then(steady(0, 400), steady(1))}
    ),
)
