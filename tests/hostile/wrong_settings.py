"""Named wrong settings, read from `settings.txt`: like the tables of `cases`, with other kinds of lines.

> RECONCILER_RATE=x            a variable; `>-` and `>*500 9` make a long one
>t rate = 1                    a line of the settings' TOML file; `>tb` in bytes, `>t*500 [` repeats
>p [[rule]]                    a line of the policy
< RECONCILER_RATE is …         what is told
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class WrongSettings:
    """What an operator wrote, and the lines that are told; files are called by their names alone."""

    name: str
    environ: dict[str, str]
    toml: bytes
    policy: bytes
    told: tuple[str, ...]


def all_wrong_settings() -> tuple[WrongSettings, ...]:
    """All of the table, in its order. Raises ValueError for a line that means nothing."""
    blocks = (HERE / "settings.txt").read_text("utf-8").split("\n\n")
    return tuple(_case(block.strip("\n").split("\n")) for block in blocks if block.strip())


def _case(lines: list[str]) -> WrongSettings:
    name, *rest = lines
    parts = {"": b"", "t": b"", "p": b""}
    for line in rest:
        if not line.startswith("<"):
            whose, data = _data(line)
            parts[whose] += data
    variables = [line.partition("=") for line in parts[""].decode().split("\0") if line]
    environ = {variable: value for variable, _, value in variables}
    told = tuple(line.removeprefix("< ") for line in rest if line.startswith("<"))
    return WrongSettings(name.removeprefix("# "), environ, parts["t"], parts["p"], told)


def _data(line: str) -> tuple[str, bytes]:
    kind, _, written = line.partition(" ")
    text = written.encode("ascii").decode("unicode_escape")
    match kind:
        case ">":
            return "", (text + "\0").encode()
        case ">-":
            return "", text.encode()
        case ">t" | ">p":
            return kind[1], (text + "\n").encode()
        case ">tb":
            return "t", text.encode("latin-1")
        case _ if "*" in kind:
            return kind[1:].partition("*")[0], text.encode() * int(kind.partition("*")[2])
    raise ValueError(f"no such kind of line: {line}")
