"""The board for whoever looks for a cause: each part of the daemon, and the process itself."""

from __future__ import annotations

from deploy.monitoring.frame import as_json
from deploy.monitoring.panels import Panel, Query, heat, lines, rows


def detail() -> str:
    """The detail board as JSON."""
    return as_json(
        "Reconciler: detail",
        "reconciler-detail",
        "The source, what is sent, the state, and the process.",
        ("The source", _source()),
        ("What is sent", _requests()),
        ("The state", _state()),
        ("The process", _process()),
    )


def _increase(metric: str, by: str) -> Query:
    return Query(f"sum by ({by}) (increase({metric}{{OURS}}[$__rate_interval]))", f"{{{{{by}}}}}")


def _source() -> tuple[Panel, ...]:
    return (
        lines(
            "Passes by result",
            "planned and guarded are complete; put_off, missing and emptied do not count.",
            "short",
            _increase("reconciler_reconcile_total", "result"),
            is_stacked=True,
        ),
        heat("How long a pass took", "Each cell counts passes.", "reconciler_reconcile_duration_seconds"),
        lines(
            "Passes put off",
            "The tree was not whole: git was at work, a link was swapped, a file was being written.",
            "short",
            _increase("reconciler_passes_put_off_total", "reason"),
        ),
        lines(
            "Problems in manifests",
            "Each counts once while it lasts, by its code.",
            "short",
            _increase("reconciler_manifest_errors_total", "reason"),
        ),
        lines(
            "File events",
            "Events that may matter, a second. They are hints only.",
            "cps",
            Query("sum(rate(reconciler_watch_events_total{OURS}[$__rate_interval]))", "events"),
        ),
        lines(
            "Watcher built anew",
            "How often within an hour.",
            "short",
            Query("sum(increase(reconciler_watch_restarts_total{OURS}[1h]))", "restarts"),
        ),
    )


def _requests() -> tuple[Panel, ...]:
    return (
        lines(
            "Exchanges by operation",
            "Exchanges with Explorer, a second.",
            "reqps",
            Query(
                "sum by (operation) (rate(reconciler_api_requests_total{OURS}[$__rate_interval]))",
                "{{operation}}",
            ),
        ),
        lines(
            "Exchanges by code",
            "Explorer's code, else the HTTP status, else why there was no answer; 0 is success.",
            "reqps",
            Query("sum by (code) (rate(reconciler_api_requests_total{OURS}[$__rate_interval]))", "{{code}}"),
        ),
        heat(
            "How long an exchange took",
            "Each cell counts exchanges, of all operations.",
            "reconciler_api_request_duration_seconds",
        ),
        heat(
            "Waiting for one's turn",
            "How long requests waited for the limit (`RECONCILER_RATE`, or Explorer's 429).",
            "reconciler_ratelimit_wait_seconds",
        ),
        lines(
            "Signs against an assumption",
            "Of exactly-once; docs/exactly-once.md says what each means.",
            "short",
            _increase("reconciler_assumption_violations_total", "assumption"),
        ),
        lines(
            "Jobs seen in a status for the first time",
            "By Explorer's status.",
            "short",
            _increase("reconciler_job_transitions_total", "status"),
        ),
    )


def _state() -> tuple[Panel, ...]:
    return (
        lines(
            "Size",
            "The state on disk, with its log.",
            "bytes",
            Query("max by (instance) (reconciler_state_bytes{OURS})", "{{instance}}"),
            width=8,
        ),
        heat(
            "How long a commit took",
            "Written and synced. Slow ones slow down every submission.",
            "reconciler_state_commit_seconds",
            width=8,
        ),
        lines(
            "Refused writes",
            "Writes that the disk refused; nothing is submitted meanwhile.",
            "short",
            Query("sum(increase(reconciler_state_write_errors_total{OURS}[$__rate_interval]))", "refused"),
            width=8,
        ),
    )


def _process() -> tuple[Panel, ...]:
    return (
        lines(
            "Memory",
            "Resident memory of the daemon.",
            "bytes",
            Query("max by (instance) (process_resident_memory_bytes{OURS})", "{{instance}}"),
            width=8,
        ),
        lines(
            "Processor",
            "Processor time, a second; 1 is one core.",
            "percentunit",
            Query(
                "sum by (instance) (rate(process_cpu_seconds_total{OURS}[$__rate_interval]))", "{{instance}}"
            ),
            width=8,
        ),
        rows(
            "Version",
            "What runs, and on which Python.",
            "short",
            Query("max by (namespace, instance, version, python) (reconciler_build_info{OURS})"),
            width=8,
        ),
    )
