"""Manifests as text, for tests that are about something else than how manifests are written."""

from __future__ import annotations

import json
from typing import Any


def manifest(
    name: str,
    workflow: str = "42",
    *,
    is_suspended: bool = False,
    policies: dict[str, Any] | None = None,
    **parameters: Any,
) -> str:
    """One document; `parameters` are those of the task `query_1`, `policies` other fields of `spec`."""
    suspend = "  suspend: true\n" if is_suspended else ""
    policy = "".join(f"  {field}: {json.dumps(value)}\n" for field, value in (policies or {}).items())
    return (
        "apiVersion: reconciler/v1\n"
        "kind: WorkflowJob\n"
        f"metadata: {{name: {name}}}\n"
        "spec:\n"
        f'  workflowId: "{workflow}"\n'
        f"{suspend}{policy}"
        f"  input: {json.dumps({'query_1': parameters})}\n"
    )
