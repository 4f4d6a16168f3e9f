"""The alerts as an object of Prometheus' operator: the same text, under another head."""

from __future__ import annotations

import textwrap

_HEAD = """\
# Written by `make deploy` from alerts/rules.yaml; edit it there.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: reconciler
spec:
"""


def prometheus_rule(rules: str) -> str:
    """The object that holds these rules, which are text as Prometheus reads it."""
    lines = [line for line in rules.splitlines(keepends=True) if not line.startswith("#")]
    return _HEAD + textwrap.indent("".join(lines), "  ")
