"""What one unquoted word of YAML means: text, a number, true, false or null, or why it is not read.

A word has its meaning only where YAML 1.1, YAML 1.2 and JSON agree on it. The rules compared are those of
https://yaml.org/type/ (1.1), of YAML 1.2.2 chapter 10.3 (the core schema) and of RFC 8259 (JSON numbers).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

from reconciler.core.fault import MAX_SHOWN, Code, quoted

MAX_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader keeps (RFC 8259, chapter 6; RFC 8785 refuses larger ones)."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A word that is not read: why, as the rest of a sentence that begins with it, and what to write."""

    code: Code
    why: str
    write: str


_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_TRUE_ONCE = frozenset(("y", "yes", "on"))
_FALSE_ONCE = frozenset(("n", "no", "off"))

_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_SUSPECT = frozenset("0123456789+-.~=<") | {""}
"""How a word begins that may be more than text, if not with a letter; nothing is such a word too."""
_SUSPECT_WORDS = frozenset(_WORDS).union(
    *(
        {"".join(cased) for cased in product(*zip(word, word.upper(), strict=True))}
        for word in _TRUE_ONCE | _FALSE_ONCE
    )
)
"""The same for those that begin with a letter: all there are."""


def resolve(word: str) -> str | int | float | bool | Refusal | None:
    """The value of an unquoted word."""
    if word[:1] not in _SUSPECT and word not in _SUSPECT_WORDS:
        return word
    if word in _WORDS:
        return _WORDS[word]
    number = _JSON_NUMBER.fullmatch(word)
    if number:
        return _real(word) if number[1] or number[2] else _integer(word)
    return _ambiguous(word) or word


def _integer(word: str) -> int | Refusal:
    # Counting digits first keeps the conversion, which is quadratic, from ever seeing a long one.
    if len(word) <= len(f"-{MAX_INTEGER}") and abs(int(word)) <= MAX_INTEGER:
        return int(word)
    why = f"beyond ±{MAX_INTEGER}, where programs begin to round integers"
    return Refusal(Code.NUMBER, why, _in_quotes(word))


def _real(word: str) -> float | Refusal:
    value = float(word)
    if math.isinf(value):
        return Refusal(Code.NUMBER, "too large for a JSON number", _in_quotes(word))
    if value == 0 and re.search("[1-9]", re.split("[eE]", word)[0]):
        return Refusal(Code.NUMBER, "so small that it would become 0", f"0, or {_in_quotes(word)}")
    return value


def _ambiguous(word: str) -> Refusal | None:
    if word[0].isalpha():
        return _ambiguous_word(word, word.lower())
    for pattern, refuse in _FORMS:
        if pattern.fullmatch(word):
            return refuse(word)
    return None


def _ambiguous_word(word: str, lower: str) -> Refusal | None:
    if lower in _TRUE_ONCE:
        return _refusal(word, "which some YAML versions read as true and others as text", "true")
    if lower in _FALSE_ONCE:
        return _refusal(word, "which some YAML versions read as false and others as text", "false")
    return None


def _refusal(word: str, why: str, instead: str | None = None) -> Refusal:
    is_short = instead is not None and len(word) <= MAX_SHOWN
    write = f"{instead}, or {_in_quotes(word)}" if is_short else _in_quotes(word)
    return Refusal(Code.AMBIGUOUS, why, write)


def _in_quotes(word: str) -> str:
    return f"{quoted(word)} in quotes" if len(word) <= MAX_SHOWN else "it in quotes"


def _special(word: str) -> Refusal:
    return _refusal(word, "which has a meaning of its own in YAML 1.1")


def _lone_hyphen(word: str) -> Refusal:
    return _refusal(word, "which begins a list's entry, and is no text by YAML 1.2")


def _not_finite(word: str) -> Refusal:
    return _refusal(word, "which YAML reads as a number that JSON does not have")


def _sixties(word: str) -> Refusal:
    return _refusal(word, "which YAML 1.1 reads as a number to the base 60 and YAML 1.2 as text")


def _binary(word: str) -> Refusal:
    return _refusal(word, "which YAML 1.1 reads as a binary number and YAML 1.2 as text", _decimal(word, 2))


def _octal(word: str) -> Refusal:
    return _refusal(word, "which YAML 1.2 reads as an octal number and YAML 1.1 as text", _decimal(word, 8))


def _hexadecimal(word: str) -> Refusal:
    return _refusal(word, "which YAML reads as a hexadecimal number and JSON not at all", _decimal(word, 16))


def _underscores(word: str) -> Refusal:
    without = word.replace("_", "")
    instead = without if _JSON_NUMBER.fullmatch(without) else None
    return _refusal(word, "which YAML 1.1 reads as a number and YAML 1.2 as text", instead)


def _leading_zero(word: str) -> Refusal:
    digits = word.lstrip("+-0") or "0"
    why = "which YAML 1.1 and 1.2 read differently, for its leading zero"
    return _refusal(word, why, f"-{digits}" if word.startswith("-") else digits)


def _loose(word: str) -> Refusal:
    """A decimal that YAML reads and JSON does not: `+1`, `.5`, `5.`, `00.5`."""
    sign = "-" if word.startswith("-") else ""
    mantissa, exponent = re.fullmatch(r"([0-9.]*)(.*)", word.lstrip("+-"), re.DOTALL).groups()  # type: ignore[union-attr]
    whole, point, part = mantissa.partition(".")
    exact = f"{sign}{whole.lstrip('0') or '0'}{point and '.' + (part or '0')}{exponent}"
    return _refusal(word, "which YAML reads as a number and JSON not at all", exact)


def _decimal(word: str, base: int) -> str | None:
    """The number in plain digits, where it is short enough to be worth writing."""
    digits = re.sub("^([-+]?)0[box]", r"\1", word.replace("_", ""))
    if not 0 < len(digits.lstrip("+-")) <= 13:
        return None
    return str(int(digits, base))


_FORMS: tuple[tuple[re.Pattern[str], Callable[[str], Refusal]], ...] = tuple(
    (re.compile(pattern), refuse)
    for pattern, refuse in (
        (r"=|<<", _special),
        (r"-", _lone_hyphen),
        (r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", _not_finite),
        (r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?", _sixties),
        (r"[-+]?0b[01_]+", _binary),
        (r"[-+]?0o[0-7]+", _octal),
        (r"[-+]?0x[0-9a-fA-F_]+", _hexadecimal),
        (r"[-+]?0[0-9]+", _leading_zero),
        (r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", _loose),
        (r"[-+]?(?:\.[0-9][0-9_]*|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?", _underscores),
    )
)
