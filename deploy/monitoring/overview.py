"""The board that is looked at first: is it well, what changed, and what came of it."""

from __future__ import annotations

from deploy.monitoring.frame import as_json
from deploy.monitoring.panels import BAD, ODD, WELL, Limit, Panel, Query, heat, lines, number, quantile, rows

FAILED = 'reconciler_submissions_total{OURS, result=~"rejected|unknown"}'


def overview() -> str:
    """The overview as JSON."""
    return as_json(
        "Reconciler: overview",
        "reconciler-overview",
        "Is it well, what changed, what was submitted, and what became of the jobs.",
        ("Is it well?", _health()),
        ("What changed", _changes()),
        ("What was submitted", _submissions()),
        ("What became of the jobs", _jobs()),
        ("Explorer", _explorer()),
    )


def _health() -> tuple[Panel, ...]:
    return (
        number(
            "Up",
            "Daemons that answer Prometheus.",
            "short",
            Query("sum(up{OURS})"),
            Limit(1, WELL),
            start=BAD,
            width=3,
        ),
        number(
            "Last complete pass",
            "How long ago the manifests were last read whole. A pass is due once a minute.",
            "s",
            Query(
                "time() - min(reconciler_reconcile_last_success_timestamp_seconds{OURS})",
            ),
            Limit(180, ODD),
            Limit(600),
        ),
        number(
            "Invalid manifests",
            "`reconciler validate` says where, and what to write instead.",
            "short",
            Query('sum(reconciler_manifests{OURS, state="Invalid"})'),
            Limit(1, ODD),
        ),
        number(
            "Held runs",
            "They wait for a person: `reconciler describe NAME`, then `resolve`.",
            "short",
            Query("sum(reconciler_held{OURS})"),
            Limit(1),
        ),
        number(
            "Unknown outcomes",
            "Requests that may or may not have made a job; they settle within a minute or two.",
            "short",
            Query("sum(reconciler_unknown_outcomes{OURS})"),
            Limit(1, ODD),
            width=3,
        ),
        number(
            "Explorer out of reach",
            "1 while the circuit is open: nothing but small probes is sent.",
            "short",
            Query("max(reconciler_circuit_open{OURS})"),
            Limit(1),
            width=3,
        ),
        number(
            "Paused",
            "1 while an operator wants nothing submitted: `reconciler get` says who and why.",
            "short",
            Query("max(reconciler_paused{OURS})"),
            Limit(1, ODD),
            width=3,
        ),
    )


def _changes() -> tuple[Panel, ...]:
    return (
        lines(
            "Manifests by state",
            "The newest run of each name in the tree and in the state.",
            "short",
            Query("sum by (state) (reconciler_manifests{OURS})", "{{state}}"),
            is_stacked=True,
        ),
        heat(
            "From a change to its job",
            "How long it took from a change being seen to its job having an ID; each cell counts jobs.",
            "reconciler_change_to_submit_seconds",
        ),
        rows(
            "Revision",
            "The commit that the last complete pass read. Empty where the manifests are not from git.",
            "short",
            Query("max by (namespace, instance, revision) (reconciler_source_revision_info{OURS})"),
        ),
        lines(
            "From a change to its job, at most",
            "Half, and 95 of 100, of the last hour's jobs had an ID within this time.",
            "s",
            Query(quantile(0.5, "reconciler_change_to_submit_seconds"), "half"),
            Query(quantile(0.95, "reconciler_change_to_submit_seconds"), "95 %"),
        ),
    )


def _submissions() -> tuple[Panel, ...]:
    return (
        lines(
            "Requests for a job by result",
            "What came of each: accepted and adopted have a job, rejected has none, unknown is looked for.",
            "short",
            Query(
                "sum by (result) (increase(reconciler_submissions_total{OURS}[$__rate_interval]))",
                "{{result}}",
            ),
            is_stacked=True,
        ),
        lines(
            "Requests without a job",
            "The share of the last hour's requests that ended without a job. The objective is 1 % at most.",
            "percentunit",
            Query(
                f"sum(increase({FAILED}[1h]))"
                " / clamp_min(sum(increase(reconciler_submissions_total{OURS}[1h])), 1e-9)",
                "without a job",
            ),
            Query("vector(0.01)", "objective"),
        ),
    )


def _jobs() -> tuple[Panel, ...]:
    return (
        lines(
            "Jobs by status",
            "Recorded jobs, by Explorer's word for how they stand.",
            "short",
            Query("sum by (status) (reconciler_jobs{OURS})", "{{status}}"),
            is_stacked=True,
        ),
        heat(
            "How long jobs took",
            "From a job's receipt to its final status; each cell counts jobs.",
            "reconciler_job_duration_seconds",
        ),
        lines(
            "Jobs that ended",
            "By their final status.",
            "short",
            Query(
                "sum by (status) (increase(reconciler_job_transitions_total{OURS,"
                ' status=~"Success|Failed|Interrupted"}[$__rate_interval]))',
                "{{status}}",
            ),
            is_stacked=True,
            width=24,
        ),
    )


def _explorer() -> tuple[Panel, ...]:
    return (
        lines(
            "Latency by operation",
            "95 of 100 exchanges of the last hour took no longer than this.",
            "s",
            Query(quantile(0.95, "reconciler_api_request_duration_seconds", "operation"), "{{operation}}"),
        ),
        lines(
            "Errors by operation",
            "Exchanges that did not succeed, a second.",
            "reqps",
            Query(
                'sum by (operation) (rate(reconciler_api_requests_total{OURS, code!="0"}[$__rate_interval]))',
                "{{operation}}",
            ),
        ),
        lines(
            "Waiting names",
            "Names with work waiting in the queue.",
            "short",
            Query("sum(reconciler_queue_depth{OURS})", "waiting"),
        ),
        lines(
            "Longest wait",
            "How long the first name in the queue has waited. A backoff is six minutes at most.",
            "s",
            Query("max(reconciler_queue_oldest_seconds{OURS})", "longest"),
        ),
    )
