"""The three reply headers that mean something to us, from their texts to values. Pure; all else is unread."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from reconciler.explorer.secret import Secret

COOKIE = "explorer_token"
LONGEST_PAUSE_S = 900.0
"""A server may ask for more, and is asked again after this long."""

_LONGEST_DATE = 64

_TOKEN = re.compile(r"[!#-+\--:<-\[\]-~]{1,8192}")
"""What a cookie's value may consist of (RFC 6265, 4.1.1, `cookie-octet`)."""


def is_token(text: str) -> bool:
    """Whether this can be sent as a cookie's value: visible ASCII but for quotes, `,`, `;` and backslash."""
    return _TOKEN.fullmatch(text) is not None


def token_in(set_cookies: Iterable[str]) -> Secret | None:
    """The session token that these `Set-Cookie` values give; the last one counts, as for a browser."""
    found = None
    for cookie in set_cookies:
        name, _, value = cookie.partition(";")[0].partition("=")
        if name.strip() == COOKIE and is_token(value.strip()):
            found = Secret(value.strip())
    return found


def retry_after_s(value: str | None, now_s: float, server_date: str | None = None) -> float | None:
    """Seconds to wait, from `Retry-After` as seconds or as a date (RFC 9110, 10.2.3); None for nonsense.

    At most LONGEST_PAUSE_S. A date is the server's: it is measured by `server_date`, the reply's own `Date`,
    and where that cannot be read by `now_s`, the Unix time at which the reply came. Clocks differ.
    """
    if value is None or len(value) > _LONGEST_DATE:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_PAUSE_S)
    date = _date_in(text)
    if date is None:
        return None
    sent = _date_in(server_date) if server_date and len(server_date) <= _LONGEST_DATE else None
    return min(max(date.timestamp() - (sent.timestamp() if sent else now_s), 0.0), LONGEST_PAUSE_S)


def date_ms(value: str | None) -> int | None:
    """The time that a `Date` header says (RFC 9110, 6.6.1), to the second; None for nonsense."""
    if value is None or len(value) > 64:
        return None
    date = _date_in(value.strip())
    return None if date is None else int(date.timestamp()) * 1000


def _date_in(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
        return date if date.tzinfo else date.replace(tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError):  # what the parser lets through from odd texts
        return None
