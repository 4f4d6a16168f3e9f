"""The first rows of a task's result, from the `data` of Explorer's answer. Pure.

The shape is that of the API reference, "Query the sample result of a task": a list of rows, each a list of
texts. A row may be shorter than others; what is no text is shown as JSON writes it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from reconciler.core.outcome import Faulty
from reconciler.explorer.jobs import READ

Rows = tuple[tuple[str, ...], ...]


def rows_in(data: bytes) -> Rows | Faulty:
    """The rows of an answer; none where the server shows none."""
    try:
        found = msgspec.json.decode(data, type=_Sample | None)
    except msgspec.MsgspecError as error:  # it names the place and the types, never the value
        return Faulty(READ, f"the answer has another shape than the API's: {error}")
    rows = found.items or () if found else ()
    return tuple(tuple(map(_text, row)) for row in rows)


class _Sample(msgspec.Struct, frozen=True):
    items: tuple[tuple[Any, ...], ...] | None = None


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
