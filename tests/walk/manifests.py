"""Manifests as text, for tests that are about something else than how manifests are written."""

from __future__ import annotations

import json
from typing import Any


def manifest(name: str, workflow: str = "42", *, is_suspended: bool = False, **parameters: Any) -> str:
    """One document; `parameters` are those of the task `query_1`."""
    suspend = "  suspend: true\n" if is_suspended else ""
    return (
        "apiVersion: reconciler/v1\n"
        "kind: WorkflowJob\n"
        f"metadata: {{name: {name}}}\n"
        "spec:\n"
        f'  workflowId: "{workflow}"\n'
        f"{suspend}"
        f"  input: {json.dumps({'query_1': parameters})}\n"
    )
