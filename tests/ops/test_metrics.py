"""The metrics: every name of the design, from the start, without lint, and bounded."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from reconciler.core.model import JobStatus, State
from reconciler.ops.metrics import CODES, OPERATIONS, PASS_RESULTS, SUBMISSION_RESULTS, Metrics

NAMES = {
    *("build_info", "manifests", "manifest_errors_total", "reconcile_total", "reconcile_duration_seconds"),
    *("reconcile_last_success_timestamp_seconds", "source_revision_info", "submissions_total"),
    *("change_to_submit_seconds", "unknown_outcomes", "held", "jobs", "job_transitions_total"),
    "assumption_violations_total",
    *("job_duration_seconds", "api_requests_total", "api_request_duration_seconds", "circuit_open"),
    *("ratelimit_wait_seconds", "queue_depth", "queue_oldest_seconds", "watch_events_total"),
    *("watch_restarts_total", "passes_put_off_total", "state_bytes", "state_write_errors_total"),
    "state_commit_seconds",
    "paused",  # not of the design's list: its reason is in its description
}


def used() -> Metrics:
    """Metrics after each thing happened once."""
    metrics = Metrics("1.2.3", error_reasons=["syntax"], put_off_reasons=["index-lock"])
    metrics.pass_finished("planned", 0.1, 1_700_000_000)
    metrics.pass_put_off("index-lock")
    metrics.manifest_error("syntax")
    metrics.manifests({State.RUNNING: 2})
    metrics.revision("abc")
    metrics.submission("accepted")
    metrics.change_to_submit(1)
    metrics.unknown_outcomes(1)
    metrics.held(1)
    metrics.paused(True)
    metrics.jobs({JobStatus.RUNNING: 1})
    metrics.job_transition(JobStatus.RUNNING)
    metrics.job_ended(10)
    metrics.api_request("submit", "0", 0.1)
    metrics.circuit_open(True)
    metrics.rate_limit_wait(0.1)
    metrics.queue(3, 1.5)
    metrics.watch_event(2)
    metrics.watch_restart()
    metrics.state_bytes(4096)
    metrics.state_write_error()
    metrics.state_commit(0.002)
    return metrics


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"reconciler_{name}", labels)


def classic(metrics: Metrics) -> str:
    return metrics.exposition("")[0].decode()


def test_every_metric_has_exactly_the_name_of_the_design() -> None:
    kinds = [
        line.split()[2] for line in classic(used()).splitlines() if line.startswith("# TYPE reconciler_")
    ]
    assert set(kinds) == {f"reconciler_{name}" for name in NAMES}
    assert len(kinds) == len(NAMES)


def test_openmetrics_is_given_on_request_and_can_be_parsed() -> None:
    text, content_type = used().exposition("application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith(b"# EOF\n")
    families = {family.name for family in text_string_to_metric_families(text.decode())}
    assert {f"reconciler_{name.removesuffix('_total')}" for name in NAMES} <= families


@pytest.mark.parametrize("accept", ["", "*/*", "text/plain;version=0.0.4", "application/json"])
def test_any_other_request_gets_the_classic_format(accept: str) -> None:
    text, content_type = used().exposition(accept)
    assert content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert b"# EOF" not in text


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_promtool_finds_nothing_to_say() -> None:
    said = subprocess.run(
        ["promtool", "check", "metrics"], input=classic(used()), capture_output=True, text=True, check=False
    )
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_what_is_known_beforehand_is_there_with_zero_from_the_start() -> None:
    metrics = Metrics("1", error_reasons=["syntax"], put_off_reasons=["index-lock"])
    assert all(value(metrics, "manifests", state=state) == 0 for state in State)
    assert all(value(metrics, "jobs", status=status) == 0 for status in JobStatus)
    assert all(value(metrics, "job_transitions_total", status=status) == 0 for status in JobStatus)
    assert all(value(metrics, "reconcile_total", result=result) == 0 for result in PASS_RESULTS)
    assert all(value(metrics, "submissions_total", result=result) == 0 for result in SUBMISSION_RESULTS)
    assert value(metrics, "manifest_errors_total", reason="syntax") == 0
    assert value(metrics, "passes_put_off_total", reason="index-lock") == 0
    for operation in OPERATIONS:
        assert value(metrics, "api_request_duration_seconds_count", operation=operation) == 0
        assert all(
            value(metrics, "api_requests_total", operation=operation, code=code) == 0 for code in CODES
        )


def test_a_complete_pass_moves_the_time_of_the_last_success_and_others_do_not() -> None:
    metrics = Metrics("1")
    metrics.pass_finished("planned", 0.1, 100.0)
    metrics.pass_finished("put_off", 0.1, 200.0)
    metrics.pass_finished("missing", 0.1, 300.0)
    assert value(metrics, "reconcile_last_success_timestamp_seconds") == 100.0
    metrics.pass_finished("guarded", 0.1, 400.0)
    assert value(metrics, "reconcile_last_success_timestamp_seconds") == 400.0


def test_only_the_current_revision_is_shown() -> None:
    metrics = Metrics("1")
    metrics.revision("aaa")
    metrics.revision("bbb")
    assert value(metrics, "source_revision_info", revision="aaa") is None
    assert value(metrics, "source_revision_info", revision="bbb") == 1
    metrics.revision(None)
    assert "source_revision_info{" not in classic(metrics)


def test_a_state_that_nothing_is_in_any_more_goes_back_to_zero() -> None:
    metrics = Metrics("1")
    metrics.manifests({State.RUNNING: 3})
    metrics.manifests({State.SUCCEEDED: 3})
    assert value(metrics, "manifests", state="Running") == 0
    assert value(metrics, "manifests", state="Succeeded") == 3


def test_a_server_with_ever_new_codes_does_not_grow_the_metrics_without_bound() -> None:
    metrics = Metrics("1")
    for code in range(10_000):
        metrics.api_request("submit", f"4{code:07}" * 50, 0.1)
    series = [
        line for line in classic(metrics).splitlines() if line.startswith("reconciler_api_requests_total{")
    ]
    assert len(series) < 200
    assert max(len(line) for line in series) < 200
    assert value(metrics, "api_requests_total", operation="other", code="other") > 9_000  # type: ignore[operator]


def test_an_operation_that_nobody_knows_counts_as_other() -> None:
    metrics = Metrics("1")
    metrics.api_request("teapot", "418", 0.1)
    assert value(metrics, "api_request_duration_seconds_count", operation="other") == 1


def test_two_daemons_in_one_process_count_apart() -> None:
    one, another = Metrics("1"), Metrics("1")
    one.watch_event(5)
    assert value(another, "watch_events_total") == 0
