"""`.reconcilerignore`: which paths of the tree are left out, by gitignore's rules (gitignore(5)).

Pure: text in, a decision out. Reading the files, and what an unreadable one means, is `walk`'s; what a single
pattern fits is `core.glob`'s.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.glob import Pattern, pattern_in

NAME = ".reconcilerignore"

MAX_RULES = 100
"""How many rules may hold in one directory, those of the directories around it included: each is tried on
each entry in each pass."""

_Spec = tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class BadRules:
    """The text cannot be taken as rules: the line, from 1, and why."""

    line: int
    why: str


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds in one directory: its own rules after those of the directories around it."""

    layers: tuple[tuple[str, _Spec], ...] = ()

    @property
    def count(self) -> int:
        """How many rules there are."""
        return sum(len(patterns) for _, patterns in self.layers)

    def below(self, directory: str, patterns: _Spec) -> Rules:
        """These rules and `patterns`, read in `directory` (`""` for the root, else ending in `/`)."""
        return Rules((*self.layers, (directory, patterns)))

    def leave_out(self, path: str) -> bool:
        """Whether `path` (relative to the root; a directory's ends in `/`) is ignored.

        The last rule of the innermost file that fits decides. What lies below an ignored directory is never
        asked for, so that, as in git, nothing in it can be taken back by a `!` rule.
        """
        for directory, patterns in reversed(self.layers):
            inside = path[len(directory) :]
            for pattern in reversed(patterns):
                if pattern.fits(inside):
                    return not pattern.is_negated
        return False


NO_RULES = Rules()
"""What holds where nobody wrote a rule."""


def parse(data: bytes, most: int = MAX_RULES) -> _Spec | BadRules:
    """The rules in the bytes of one file, at most so many."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return BadRules(data[: error.start].count(b"\n") + 1, "the text is not UTF-8")
    patterns: list[Pattern] = []
    for number, line in enumerate(text.split("\n"), start=1):
        found = pattern_in(line.removesuffix("\r"))
        if isinstance(found, str):
            return BadRules(number, found)
        if found is not None:
            patterns.append(found)
        if len(patterns) > most:
            why = (
                f"with this rule more than {MAX_RULES} hold here, those of the directories around it included"
            )
            return BadRules(number, why)
    return tuple(patterns)
