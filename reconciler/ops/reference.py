"""The page `docs/metrics.md`: every metric, made from the metrics themselves.

Run as a module it prints the page.
"""

from __future__ import annotations

from prometheus_client import Metric

from reconciler.ops.metrics import Metrics

_PAGE = """\
# Metrics

This page is generated from `reconciler/ops/metrics.py` by `make docs`; edit it there.

`/metrics` on the ops port speaks Prometheus' text format, and OpenMetrics where that is asked for. No label
takes a value from a manifest. Series whose labels are known beforehand exist from the start with 0. Besides
these there are the `process_…` and `python_…` metrics of the Prometheus client.

| metric | type | labels | meaning |
|---|---|---|---|
{rows}
"""


def page() -> str:
    """The whole page, in Markdown."""
    metrics = Metrics("0", error_reasons=["x"], put_off_reasons=["x"])
    metrics.revision("0")
    metrics.api_request("list", "0", 0.0)
    ours = (metric for metric in metrics.registry.collect() if metric.name.startswith("reconciler_"))
    return _PAGE.format(rows="\n".join(_row(metric) for metric in ours))


def _row(metric: Metric) -> str:
    name = f"{metric.name}_total" if metric.type == "counter" else metric.name
    labels = dict.fromkeys(label for sample in metric.samples for label in sample.labels if label != "le")
    said = ", ".join(f"`{label}`" for label in labels)
    return f"| `{name}` | {metric.type} | {said} | {metric.documentation} |"


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - that is what it is run for
