"""What a manifest asks for, as bytes that every version and every JSON library writes alike, and their hash.

The canonical form is RFC 8785's: keys sorted, numbers as ECMAScript prints them, so `1.0` is `1`. A digest
that changed between versions would submit everything again; tests/core/digest_vectors.json freezes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import rfc8785

from reconciler.core.fault import Json
from reconciler.core.model import Digest, WorkflowId


def canonical_body(task_input: Mapping[str, Json]) -> bytes:
    """The request body for Explorer, `{"input": …}` in canonical form; an absent input is an empty one."""
    return b'{"input":' + _canonical(task_input) + b"}"


def digest(workflow_id: WorkflowId, body: bytes, rerun: str | float | None = None) -> Digest:
    """SHA-256, in lower-case hex, of `{"input": …, "rerun": …, "workflowId": "…"}` in canonical form.

    `body` comes from `canonical_body`. `rerun` keeps its type, so 1 and "1" differ; None leaves it out.
    """
    # The three keys sort in this order, so the body needs no second pass to stand in the larger object.
    parts = [body[:-1]]
    if rerun is not None:
        parts.append(b',"rerun":' + _canonical(rerun))
    parts.append(b',"workflowId":' + _canonical(workflow_id) + b"}")
    return Digest(hashlib.sha256(b"".join(parts)).hexdigest())


def _canonical(value: object) -> bytes:
    return rfc8785.dumps(value)  # type: ignore[arg-type]
