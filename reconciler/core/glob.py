"""One line of gitignore's rules as a value, and whether it fits a path: gitignore(5), in bounded time.

A pattern comes from somebody who may wish us ill, so nothing here tries combinations: of what a `*` may stand
for the shortest is taken and never reconsidered, and the same goes for `**` and directories. That gives the
same answers, since only the last one of each has to reach the end (see the decision record 0020).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MAX_LENGTH = 255
"""Characters of one pattern."""

_CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": r"\x21-\x7e",
    "lower": "a-z",
    "print": r"\x20-\x7e",
    "punct": r"!-/:-@\[-`{-~",
    "space": r" \t\n\r\f\v",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}

_ANY_NUMBER = None
"""Stands for `**` among the components of a pattern."""

_NOTHING = re.compile("(?!)")
"""Stands for the end of a pattern, where a path goes on."""

_Component = re.Pattern[str] | None


@dataclass(frozen=True, slots=True)
class Pattern:
    """One pattern: `components` from the root down, None for any number of directories."""

    components: tuple[_Component, ...]
    is_negated: bool
    is_for_directories: bool

    def fits(self, path: str) -> bool:
        """Whether it fits `path` (relative, with `/`; a directory's ends in `/`) itself."""
        is_directory = path.endswith("/")
        if self.is_for_directories and not is_directory:
            return False
        return _fits(self.components, path.removesuffix("/").split("/"))


def pattern_in(line: str) -> Pattern | str | None:
    """The pattern of one line; None for a blank one or a comment; why not, if there can be none."""
    text = _without_trailing_spaces(line)
    if not text or text.startswith("#"):
        return None
    if len(text) > MAX_LENGTH:
        return f"a pattern has at most {MAX_LENGTH} characters"
    is_negated = text.startswith("!")
    text = text.removeprefix("!")
    is_for_directories = text.endswith("/")
    text = text.removesuffix("/")
    if not text.strip("/"):
        return "the pattern names nothing"
    try:
        return Pattern(_components(text), is_negated, is_for_directories)
    except ValueError as error:
        return str(error)


def _without_trailing_spaces(line: str) -> str:
    bare = line.rstrip(" ")
    backslashes = len(bare) - len(bare.rstrip("\\"))
    return bare + " " if backslashes % 2 and len(bare) < len(line) else bare


def _components(text: str) -> tuple[_Component, ...]:
    """Raises ValueError, with the reason, for what can be no pattern."""
    names = text.removeprefix("/").split("/")
    if "/" not in text:
        return (_ANY_NUMBER, _component(text))
    components = [_ANY_NUMBER if _is_double(name) else _component(name) for name in names]
    if components[-1] is _ANY_NUMBER:  # all that is inside, and not the directory itself
        components.append(_component("*"))
    return tuple(components)


def _is_double(name: str) -> bool:
    return len(name) >= 2 and not name.strip("*")


def _component(text: str) -> re.Pattern[str]:
    """What one component may be, as an expression whose time is at most length times length.

    Each group but the last stands for `*` and what follows it, and is atomic: once found, it stays.
    """
    first, *rest = _between_stars(text)
    if not rest:
        return re.compile(first)
    *middle, last = rest
    groups = "".join(f"(?>.*?{part})" for part in middle if part)
    return re.compile(f"{first}{groups}.*{last}", re.DOTALL)


def _between_stars(text: str) -> list[str]:
    parts = [""]
    for token in _tokens(text):
        if token == "*":  # noqa: S105 - a piece of a pattern
            parts.append("")
        else:
            parts[-1] += token
    return parts


def _tokens(text: str) -> Iterator[str]:
    """Each character's meaning as an expression, and `*` for stars."""
    index = 0
    while index < len(text):
        match text[index]:
            case "*":
                yield "*"
            case "?":
                yield r"[\s\S]"
            case "[":
                token, index = _class(text, index + 1)
                yield token
                continue
            case "\\":
                index += 1
                if index == len(text):
                    raise ValueError("the pattern ends in a backslash that escapes nothing")
                yield re.escape(text[index])
            case character:
                yield re.escape(character)
        index += 1


def _class(text: str, index: int) -> tuple[str, int]:
    """The expression for a `[…]` whose inside begins at `index`, and where its text goes on."""
    is_negated = text.startswith(("!", "^"), index)
    index += is_negated
    inside, first = "", index
    while index < len(text):
        if text[index] == "]" and index > first:
            return f"[{'^' if is_negated else ''}{inside}]", index + 1
        item, index = _item(text, index)
        inside += item
    raise ValueError("a [ has no ]")


def _item(text: str, index: int) -> tuple[str, int]:
    """One character, range or named class within `[…]`."""
    if text.startswith("[:", index):
        name, closed, _ = text[index + 2 :].partition(":]")
        if closed:
            if name not in _CLASSES:
                raise ValueError("a [: :] names no class that there is")
            return _CLASSES[name], index + len(name) + 4
    low, index = _character(text, index)
    if text.startswith("-", index) and index + 1 < len(text) and text[index + 1] != "]":
        high, index = _character(text, index + 1)
        if low > high:
            raise ValueError("a range in [] goes backwards")
        return f"{re.escape(low)}-{re.escape(high)}", index
    return re.escape(low), index


def _character(text: str, index: int) -> tuple[str, int]:
    if text[index] == "\\":
        index += 1
        if index == len(text):
            raise ValueError("a [ has no ]")
    return text[index], index + 1


def _fits(components: Sequence[_Component], names: Sequence[str]) -> bool:
    """The usual walk for `*`, with directories in place of characters: only the last `**` is ever moved."""
    at, here, star, mark = 0, 0, -1, 0
    while here < len(names):
        component = components[at] if at < len(components) else _NOTHING
        if component is _ANY_NUMBER:
            star, mark = at, here
            at += 1
        elif component.fullmatch(names[here]):
            at, here = at + 1, here + 1
        elif star >= 0:
            mark += 1
            at, here = star + 1, mark
        else:
            return False
    return all(component is _ANY_NUMBER for component in components[at:])
