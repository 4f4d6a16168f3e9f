"""`.reconcilerignore`: which paths of the tree are left out, by gitignore's rules (gitignore(5)).

Pure: text in, a decision out. Reading the files, and what an unreadable one means, is `walk`'s.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pathspec import GitIgnoreSpec

NAME = ".reconcilerignore"

MAX_STARS = 3
"""How many `*` one component of a pattern may have, and how many `**` a pattern: the matcher is a regular
expression that tries all combinations, and 25 of them on a name of 40 letters do not end."""


@dataclass(frozen=True, slots=True)
class BadRules:
    """The text cannot be taken as rules: the line, from 1, and why."""

    line: int
    why: str


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds in one directory: its own rules after those of the directories around it."""

    layers: tuple[tuple[str, GitIgnoreSpec], ...] = ()

    def below(self, directory: str, spec: GitIgnoreSpec) -> Rules:
        """These rules and `spec`, read in `directory` (`""` for the root, else ending in `/`)."""
        return Rules((*self.layers, (directory, spec)))

    def leave_out(self, path: str) -> bool:
        """Whether `path` (relative to the root; a directory's ends in `/`) is ignored.

        The innermost file with an opinion decides. What lies below an ignored directory is never asked
        for, so that, as in git, nothing in it can be taken back by a `!` rule.
        """
        for directory, spec in reversed(self.layers):
            said = spec.check_file(path[len(directory) :]).include
            if said is not None:
                return said
        return False


def parse(data: bytes) -> GitIgnoreSpec | BadRules:
    """The rules in the bytes of one file."""
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        return BadRules(data[: error.start].count(b"\n") + 1, "the text is not UTF-8")
    for number, line in enumerate(lines, start=1):
        why = _wrong_with(line)
        if why is not None:
            return BadRules(number, why)
    return GitIgnoreSpec.from_lines(lines)


def _wrong_with(line: str) -> str | None:
    parts = line.split("/")
    if (
        max(re.sub(r"\*+", "*", part).count("*") for part in parts) > MAX_STARS
        or parts.count("**") > MAX_STARS
    ):
        return f"a component of a pattern has at most {MAX_STARS} `*`, and a pattern at most {MAX_STARS} `**`"
    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError as error:
        return str(error)
    return None
