"""What may go wrong for the whole program: exit codes, and errors that carry data and a code.

An error lives here if it can end a command. What is wrong with one manifest is a `Problem`, and what became
of one request a `Receipt`: values, both in `core`. The sentence for a person is made in `__str__`, from data.
"""
# ruff: noqa: N818 - the names are the words of the field; that they are errors, their base says

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """How a command ended. 64 to 78 are the numbers of BSD's `sysexits.h`, 130 is a shell's for SIGINT."""

    DONE = 0
    FAILED = 1
    """Manifests are invalid, or something failed; for `--once` also unknown, held or guarded."""
    PENDING = 2
    """`plan --detailed-exitcode` found changes."""
    USAGE = 64
    UNREACHABLE = 69
    IN_USE = 75
    SETTINGS = 78
    INTERRUPTED = 130


class ReconcilerError(Exception):
    """An error that ends the command with `exit_code`; its text is for the person who started it."""

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED


@dataclass(frozen=True, slots=True)
class SettingProblem:
    """One wrong setting, under the name by which the person wrote it: a variable, a TOML key or a flag.

    `found` says what is there, and never holds what may be a secret; `expected` says what to write instead.
    """

    setting: str
    found: str
    expected: str

    def __str__(self) -> str:
        return f"{self.setting} is {self.found}; {self.expected}"


class SettingsWrong(ReconcilerError):
    """Settings that cannot be worked with: all that is wrong with them, at once."""

    exit_code = ExitCode.SETTINGS

    def __init__(self, problems: Sequence[SettingProblem]) -> None:
        super().__init__(tuple(problems))
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class ListenFailed(ReconcilerError):
    """The ops port could not be opened: `address` is what was asked for, `why` the system's answer."""

    exit_code = ExitCode.SETTINGS

    def __init__(self, address: str, why: str) -> None:
        super().__init__(address, why)
        self.address = address
        self.why = why

    def __str__(self) -> str:
        return (
            f"the ops port cannot listen on {self.address}: {self.why}; "
            "give another address by RECONCILER_LISTEN (port 0 takes any that is free)"
        )


class StateInUse(ReconcilerError):
    """Another process has the state; `holder` says which, as far as is known."""

    exit_code = ExitCode.IN_USE

    def __init__(self, state: str, holder: str) -> None:
        super().__init__(state, holder)
        self.state = state
        self.holder = holder

    def __str__(self) -> str:
        return f"the state {self.state} is in use by {self.holder}"


class WrongOrigin(ReconcilerError):
    """The state belongs to another Explorer than the one that was asked for."""

    exit_code = ExitCode.SETTINGS

    def __init__(self, recorded: str, asked_for: str) -> None:
        super().__init__(recorded, asked_for)
        self.recorded = recorded
        self.asked_for = asked_for

    def __str__(self) -> str:
        return (
            f"the state belongs to the Explorer at {self.recorded}, and the settings name {self.asked_for}; "
            "give each server a state of its own, or say --explorer-moved if it is the same server"
        )


class StateUnusable(ReconcilerError):
    """The state is not one of ours, or was written by a newer version; it was left untouched."""


class StateDamaged(ReconcilerError):
    """The state holds what no version of this program writes; nothing may be sent, and nothing was changed.

    `damages` are phrases that say what was found, the worst first.
    """

    def __init__(self, state: str, damages: Sequence[str]) -> None:
        super().__init__(state, tuple(damages))
        self.state = state
        self.damages = tuple(damages)

    def __str__(self) -> str:
        return (
            f"the state {self.state} is damaged ({'; '.join(self.damages)}), so nothing is sent. Stop the"
            f" daemon, move {self.state} and its -wal and -shm files aside, put a backup in its place, and"
            " start with `reconciler run --restored`"
        )


class StateUnwritable(ReconcilerError):
    """The disk refuses a write of the state. Nothing of it was recorded, so nothing may be sent."""
