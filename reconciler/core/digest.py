"""What a manifest asks for, as bytes that every version and every JSON library writes alike, and their hash.

The canonical form is RFC 8785's: keys sorted, numbers as ECMAScript prints them, so `1.0` is `1`. A digest
that changed between versions would submit everything again; tests/core/digest_vectors.json freezes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
import rfc8785

from reconciler.core.fault import Json
from reconciler.core.model import Digest, WorkflowId
from reconciler.core.scalar import MAX_INTEGER

_encode = msgspec.json.Encoder(order="deterministic").encode


def canonical_body(task_input: Mapping[str, Json]) -> bytes:
    """The request body for Explorer, `{"input": …}` in canonical form; an absent input is an empty one."""
    write = _encode if _is_plain(task_input) else _canonical
    return b'{"input":' + write(task_input) + b"}"


def digest(workflow_id: WorkflowId, body: bytes, rerun: str | float | None = None) -> Digest:
    """SHA-256, in lower-case hex, of `{"input": …, "rerun": …, "workflowId": "…"}` in canonical form.

    `body` comes from `canonical_body`. `rerun` keeps its type, so 1 and "1" differ; None leaves it out.
    """
    # The three keys sort in this order, so the body needs no second pass to stand in the larger object.
    parts = [body[:-1]]
    if rerun is not None:
        parts.append(b',"rerun":' + _canonical(rerun))
    parts.append(b',"workflowId":' + _encode(workflow_id) + b"}")
    return Digest(hashlib.sha256(b"".join(parts)).hexdigest())


def _is_plain(task_input: Mapping[str, Any]) -> bool:
    """Whether msgspec writes this just as RFC 8785 has it, ten times faster than the library for that.

    Names in ASCII sort alike by their bytes and by UTF-16, and a number with a fraction that is not tiny
    is written without an exponent by both. Whatever else there is, is for `rfc8785` to write or to refuse.
    """
    for task, parameters in task_input.items():
        if type(parameters) is not dict or not task.isascii():
            return False
        for name, value in parameters.items():
            kind = type(value)
            if kind is int:
                is_plain = -MAX_INTEGER <= value <= MAX_INTEGER
            elif kind is float:
                is_plain = 1e-4 <= abs(value) < MAX_INTEGER and not value.is_integer()
            else:
                is_plain = kind is str
            if not (is_plain and name.isascii()):
                return False
    return True


def _canonical(value: object) -> bytes:
    return rfc8785.dumps(value)  # type: ignore[arg-type]
