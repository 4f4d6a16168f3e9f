"""Text from outside as something that can be looked at: what steers a terminal, or hides, as an escape.

Manifests, servers and file systems say whatever they like. What they say reaches people on terminals, in logs
and in files that others read, so each of these writes such letters as escapes, by the one list that is here.
"""

from __future__ import annotations

import re

STEERING = (
    r"\x00-\x1f\x7f-\x9f"  # C0 and C1: colours, cursor, title, clipboard
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # another order of what is read (Unicode's UAX 9)
    r"\u2028\u2029"  # ends of lines, to some
    r"\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200d\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0"
    r"\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff"  # what has no width, and hides
    r"\ud800-\udfff"  # halves of letters: bytes of a file name that are no UTF-8
)
"""What a regular expression's set of characters holds for all of these."""

_STEERS = re.compile(f"[{STEERING}]")


def plain(text: str) -> str:
    r"""The text on one line, with what steers a terminal, or hides, as `\u001b`; all other letters stay."""
    return _STEERS.sub(_escape, text)


def plain_lines(text: str) -> str:
    """The same for a text of several lines, which stay lines."""
    return "\n".join(map(plain, text.split("\n")))


def plain_json(text: str) -> str:
    """JSON on one line, with the same letters as JSON itself escapes them: it means what it meant."""
    return _STEERS.sub(_json_escape, text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
