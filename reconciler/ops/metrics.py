"""The metrics: every series that `/metrics` shows, and one method for each thing that is counted.

What the numbers mean is in their help texts. Series whose labels are known beforehand exist from the start
with 0, so that a rate can be taken of the first event. No label takes its value from a manifest; where a
value comes from a server's answer, only so many are kept apart.
"""

from __future__ import annotations

import itertools
import platform
from collections.abc import Iterable, Mapping, Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.openmetrics import exposition as openmetrics

from reconciler.core.model import JobStatus, State

COMPLETE = ("planned", "guarded")
PASS_RESULTS = (*COMPLETE, "put_off", "missing", "emptied")
SUBMISSION_RESULTS = ("accepted", "adopted", "rejected", "unknown")
ASSUMPTIONS = ("A1", "A6", "A7", "A8")
"""Of the assumptions in docs/exactly-once.md those against which the daemon can see a sign."""

OPERATIONS = ("connect", "submit", "list", "detail", "cancel", "sample")
CODES = (
    *("0", "40004000", "40004001", "40104000", "40104001", "40304000", "40404000", "50004000"),
    *("50004001", "50004002", "50004003", "50104000", "90004000", "unreachable"),
)
"""Explorer's documented codes; 0 stands for success in all versions. Others are added as they are seen."""

OTHER = "other"
MOST_VALUES = 64
LONGEST_VALUE = 64

TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_PASS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_DELAY_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900)
_JOB_BUCKETS = (1, 5, 15, 30, 60, 300, 900, 1800, 3600, 7200, 14400, 43200, 86400)
_REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_WAIT_BUCKETS = (0.001, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60)
_COMMIT_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)


class _Count:
    """A counter whose label values are known beforehand, or are few: past MOST_VALUES they count as `other`.

    Without that bound a server that answers with ever new codes would fill the memory of whoever scrapes us.
    """

    def __init__(self, counter: Counter, known: Iterable[tuple[str, ...]]) -> None:
        self._counter = counter
        self._seen = set(known)
        self._most = len(self._seen) + MOST_VALUES
        for values in self._seen:
            self._counter.labels(*values)

    def count(self, *values: str) -> None:
        fit = tuple(value[:LONGEST_VALUE] for value in values)
        if fit not in self._seen and len(self._seen) >= self._most:
            fit = (OTHER,) * len(values)
        self._seen.add(fit)
        self._counter.labels(*fit).inc()


class Metrics:
    """The daemon's numbers, in a registry of their own. The methods are for the event loop's thread.

    `error_reasons` and `put_off_reasons` are the words known beforehand for `manifest_error` and
    `pass_put_off`.
    """

    def __init__(
        self, version: str, error_reasons: Iterable[str] = (), put_off_reasons: Iterable[str] = ()
    ) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call] # else each counter brings a second series
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self._about_build(version)
        self._about_passes(error_reasons, put_off_reasons)
        self._about_submissions()
        self._about_jobs()
        self._about_requests()
        self._about_the_queue()
        self._about_the_state()

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The text of all metrics and its content type: OpenMetrics if `accept` names it, else classic."""
        if "application/openmetrics-text" in accept:
            return openmetrics.generate_latest(self.registry), OPENMETRICS_TYPE  # type: ignore[no-untyped-call]
        return generate_latest(self.registry), TEXT_TYPE

    def pass_finished(self, result: str, seconds: float, at_s: float) -> None:
        """A pass ended (one of PASS_RESULTS) after so many seconds, at this Unix time."""
        self._passes.count(result)
        self._pass_seconds.observe(seconds)
        if result in COMPLETE:
            self._last_success.set(at_s)

    def pass_put_off(self, reason: str) -> None:
        """A pass read a tree that was not whole, and does not count."""
        self._put_off.count(reason)

    def manifest_error(self, reason: str) -> None:
        """A document became invalid; `reason` is the problem's code."""
        self._manifest_errors.count(reason)

    def manifests(self, counts: Mapping[str, int]) -> None:
        """How many names there are in each state; a state that is left out has none."""
        for state in State:
            self._manifests.labels(state).set(counts.get(state, 0))

    def revision(self, revision: str | None) -> None:
        """The revision that the last complete pass read, if the source has one."""
        self._revision.clear()
        if revision:
            self._revision.labels(revision[:LONGEST_VALUE]).set(1)

    def submission(self, result: str) -> None:
        """A request for a job came to one of SUBMISSION_RESULTS."""
        self._submissions.count(result)

    def change_to_submit(self, seconds: float) -> None:
        """So long after a change was seen, its job had an ID."""
        self._change_to_submit.observe(seconds)

    def assumption_violated(self, assumption: str) -> None:
        """Something was seen that speaks against one of ASSUMPTIONS."""
        self._violations.count(assumption)

    def unknown_outcomes(self, count: int) -> None:
        """How many requests may or may not have made a job, as nobody can tell."""
        self._unknown_outcomes.set(count)

    def held(self, count: int) -> None:
        """How many runs wait for a person's decision."""
        self._held.set(count)

    def paused(self, is_paused: bool) -> None:
        """Whether an operator has paused submissions."""
        self._paused.set(is_paused)

    def jobs(self, counts: Mapping[str, int]) -> None:
        """How many recorded jobs have each of Explorer's statuses; one that is left out has none."""
        for status in JobStatus:
            self._jobs.labels(status).set(counts.get(status, 0))

    def job_transition(self, status: str) -> None:
        """A job was seen in this status for the first time."""
        self._job_transitions.count(status)

    def job_ended(self, seconds: float) -> None:
        """A job reached a final status, so long after its receipt."""
        self._job_seconds.observe(seconds)

    def api_request(self, operation: str, code: str, seconds: float) -> None:
        """An exchange with Explorer ended: its code, else the HTTP status, else why there was no answer."""
        self._requests.count(operation, code)
        self._request_seconds.labels(operation if operation in OPERATIONS else OTHER).observe(seconds)

    def circuit_open(self, is_open: bool) -> None:
        """Whether requests are kept back because Explorer could not be reached."""
        self._circuit.set(is_open)

    def rate_limit_wait(self, seconds: float) -> None:
        """A request waited so long for its turn."""
        self._rate_wait.observe(seconds)

    def queue(self, depth: int, oldest_s: float) -> None:
        """How many names have work waiting, and for how long the first of them has waited."""
        self._queue_depth.set(depth)
        self._queue_oldest.set(oldest_s)

    def watch_event(self, count: int) -> None:
        """So many file events came that may matter."""
        self._watch_events.inc(count)

    def watch_restart(self) -> None:
        """The watcher had to be built anew."""
        self._watch_restarts.inc()

    def state_bytes(self, count: int) -> None:
        """The size of the state on disk."""
        self._state_bytes.set(count)

    def state_write_error(self) -> None:
        """The disk refused a write of the state."""
        self._write_errors.inc()

    def state_commit(self, seconds: float) -> None:
        """A transaction was written and synced."""
        self._commit_seconds.observe(seconds)

    def _about_build(self, version: str) -> None:
        build = self._gauge("build_info", "What runs here; always 1.", "version", "python")
        build.labels(version, platform.python_version()).set(1)

    def _about_passes(self, error_reasons: Iterable[str], put_off_reasons: Iterable[str]) -> None:
        self._manifests = self._gauge("manifests", "Names in the tree and in the state, by state.", "state")
        self.manifests({})
        self._manifest_errors = self._count(
            "manifest_errors_total",
            "Problems found in manifests, each once while it lasts, by their code.",
            "reason",
            error_reasons,
        )
        self._passes = self._count(
            "reconcile_total", "Passes over the tree, by result.", "result", PASS_RESULTS
        )
        self._pass_seconds = self._histogram(
            "reconcile_duration_seconds", "How long a pass took.", _PASS_BUCKETS
        )
        self._last_success = self._gauge(
            "reconcile_last_success_timestamp_seconds",
            "Unix time at which the last complete pass ended; 0: none yet.",
        )
        self._put_off = self._count(
            "passes_put_off_total", "Passes put off as the tree was not whole.", "reason", put_off_reasons
        )
        self._revision = self._gauge(
            "source_revision_info", "The revision that the last complete pass read; always 1.", "revision"
        )
        self._watch_events = self._plain("watch_events_total", "File events that may matter.")
        self._watch_restarts = self._plain("watch_restarts_total", "How often the watcher was built anew.")

    def _about_submissions(self) -> None:
        self._submissions = self._count(
            "submissions_total", "Requests for a job, by what came of them.", "result", SUBMISSION_RESULTS
        )
        self._change_to_submit = self._histogram(
            "change_to_submit_seconds", "From a change being seen to its job having an ID.", _DELAY_BUCKETS
        )
        self._unknown_outcomes = self._gauge(
            "unknown_outcomes", "Runs whose request may or may not have made a job; they are looked for."
        )
        self._violations = self._count(
            "assumption_violations_total",
            "Signs that an assumption of exactly-once does not hold (docs/exactly-once.md).",
            "assumption",
            ASSUMPTIONS,
        )
        self._held = self._gauge("held", "Runs that wait for a person's decision.")
        self._paused = self._gauge(
            "paused",
            "1 while an operator has paused submissions: a pause that was forgotten looks like calm.",
        )

    def _about_jobs(self) -> None:
        self._jobs = self._gauge("jobs", "Recorded jobs by Explorer's status.", "status")
        self.jobs({})
        self._job_transitions = self._count(
            "job_transitions_total", "Jobs seen in a status for the first time.", "status", JobStatus
        )
        self._job_seconds = self._histogram(
            "job_duration_seconds", "From a job's receipt to its final status.", _JOB_BUCKETS
        )

    def _about_requests(self) -> None:
        requests = self._plain(
            "api_requests_total",
            "Exchanges with Explorer, by its code, else the HTTP status, else why there was no answer.",
            "operation",
            "code",
        )
        self._requests = _Count(requests, itertools.product(OPERATIONS, CODES))
        self._request_seconds = self._histogram(
            "api_request_duration_seconds",
            "How long an exchange with Explorer took.",
            _REQUEST_BUCKETS,
            "operation",
        )
        for operation in OPERATIONS:
            self._request_seconds.labels(operation)
        self._circuit = self._gauge(
            "circuit_open", "1 while Explorer cannot be reached and requests are kept back."
        )
        self._rate_wait = self._histogram(
            "ratelimit_wait_seconds", "How long a request waited for its turn.", _WAIT_BUCKETS
        )

    def _about_the_queue(self) -> None:
        self._queue_depth = self._gauge("queue_depth", "Names with work waiting.")
        self._queue_oldest = self._gauge("queue_oldest_seconds", "How long the first of them has waited.")

    def _about_the_state(self) -> None:
        self._state_bytes = self._gauge("state_bytes", "Size of the state on disk.")
        self._write_errors = self._plain(
            "state_write_errors_total", "Writes of the state that the disk refused."
        )
        self._commit_seconds = self._histogram(
            "state_commit_seconds", "How long a transaction took to be written and synced.", _COMMIT_BUCKETS
        )

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"reconciler_{name}", text, labels, registry=self.registry)

    def _plain(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"reconciler_{name}", text, labels, registry=self.registry)

    def _count(self, name: str, text: str, label: str, known: Iterable[str]) -> _Count:
        return _Count(self._plain(name, text, label), ((value,) for value in known))

    def _histogram(self, name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(f"reconciler_{name}", text, labels, buckets=buckets, registry=self.registry)
