"""The ops port as OpenAPI says such things: what may be asked, and every answer that may come.

It is for the tests: people have docs/operating.md, and nobody generates a client for four pages of text.
"""

from __future__ import annotations

from typing import Any

_TEXT = {"text/plain": {"schema": {"type": "string"}}}
_NULLABLE = ("path", "workflowId", "digest", "jobId", "jobStatus", "revision", "traceId", "submittedAt")

ITEM = {
    "type": "object",
    "required": ["name", "generation", "attempt", "state", "reason", "candidates", "updatedAt", *_NULLABLE],
    "properties": {
        "name": {"type": "string"},
        "generation": {"type": ["integer", "null"], "minimum": 1},
        "attempt": {"type": ["integer", "null"], "minimum": 1},
        "state": {"type": "string"},
        "reason": {"type": "string"},
        "candidates": {"type": "array", "items": {"type": "string", "pattern": "^[0-9]+$"}},
        "updatedAt": {"type": "string", "format": "date-time"},
        **{name: {"type": ["string", "null"]} for name in _NULLABLE},
    },
}
_ITEMS = {
    "application/json": {
        "schema": {
            "type": "object",
            "required": ["items"],
            "properties": {"items": {"type": "array", "items": ITEM}},
        }
    }
}
_ERROR = {"application/json": {"schema": {"type": "object", "required": ["error"]}}}


def _answers(**content: dict[str, Any]) -> dict[str, Any]:
    """By status; what the guard may say belongs to each."""
    guard = {status: {"description": "refused", "content": _TEXT} for status in ("400", "405", "421", "431")}
    return guard | {
        status.strip("_"): {"description": "told", "content": what} for status, what in content.items()
    }


def _get(answers: dict[str, Any], *parameters: dict[str, Any]) -> dict[str, Any]:
    return {"get": {"responses": answers, "parameters": list(parameters)}}


_VERBOSE = {"name": "verbose", "in": "query", "schema": {"type": "string"}}
_STATE = {"name": "state", "in": "query", "schema": {"type": "string"}}
_ACCEPT = {"name": "Accept", "in": "header", "schema": {"type": "string"}}
_NAME = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
_METRICS = _TEXT | {"application/openmetrics-text": {"schema": {"type": "string"}}}

DESCRIPTION: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "The ops port of reconciler", "version": "1"},
    "paths": {
        "/": _get(_answers(_200={"text/html": {"schema": {"type": "string"}}}, _404=_TEXT), _STATE),
        "/livez": _get(_answers(_200=_TEXT, _503=_TEXT), _VERBOSE),
        "/readyz": _get(_answers(_200=_TEXT, _503=_TEXT), _VERBOSE),
        "/metrics": _get(_answers(_200=_METRICS), _ACCEPT),
        "/api/v1/manifests": _get(_answers(_200=_ITEMS)),
        "/api/v1/manifests/{name}": _get(_answers(_200=_ITEMS, _404=_ERROR | _TEXT), _NAME),
    },
}
