"""Moments as people give them on the command line: so long ago, or a time. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AGO = re.compile(r"(?:\d{1,9}(?:\.\d{1,3})?[smhdw])+", re.ASCII)
_PART = re.compile(r"([\d.]+)([smhdw])")

TAKES = "a duration such as 90s, 2h or 1d12h, or a time such as 2026-02-28 or 2026-02-28T12:00:00Z"


def moment_ms(text: str, now_ms: int) -> int:
    """The moment in milliseconds since the epoch. Raises ValueError; what it takes says TAKES.

    A time without an offset is in UTC, as every time that this program prints.
    """
    if _AGO.fullmatch(text):
        ago_s = sum(float(count) * _UNITS[unit] for count, unit in _PART.findall(text))
        return max(0, now_ms - int(ago_s * 1000))
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return max(0, int(moment.timestamp() * 1000))
    except OverflowError as error:
        raise ValueError(text) from error
