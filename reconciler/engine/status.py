"""How the daemon is: the facts behind `/livez` and `/readyz`, and the checks that they make."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at, and how it is."""

    name: str
    is_ok: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class LastPass:
    """The last pass that counted: the revision that it read, if the source has one, and when it ended."""

    revision: str | None
    ended_ms: int


NOT_OPEN_YET = "not open yet"
"""What is said of the state for the moment that opening it takes."""


@dataclass(slots=True)
class Status:
    """What the daemon knows of itself. Times are seconds of a clock that only goes forward."""

    resync_s: float
    started_s: float
    pass_began_s: float | None = None
    is_planned: bool = False
    outcome: str = "none yet"
    last_pass: LastPass | None = None
    state_trouble: str = NOT_OPEN_YET
    unrecorded: str = ""
    """Why the last pass could not be recorded: a small write may find room where a pass does not."""

    source_trouble: str = ""
    """Why no pass counts, or what a pass found odd about the whole tree; empty when all is well."""

    def live(self, now_s: float) -> tuple[Check, ...]:
        """Whether the process does its work: a pass began within three resyncs."""
        since_s = now_s - (self.started_s if self.pass_began_s is None else self.pass_began_s)
        detail = f"the last pass began {since_s:.1f} s ago; a resync is due every {self.resync_s:g} s"
        return (Check("passes", since_s <= max(3 * self.resync_s, 5.0), detail),)

    def troubles(self) -> tuple[str, ...]:
        """What keeps the daemon from its work, for whoever reads the page."""
        state = self.state_trouble or self.unrecorded
        return tuple(it for it in (state, self.source_trouble) if it and it != NOT_OPEN_YET)

    def ready(self) -> tuple[Check, ...]:
        """Whether its word can be relied on: the state can be written, and a first pass was planned."""
        trouble = self.state_trouble or self.unrecorded
        return (
            Check("state", not trouble, trouble or "can be written"),
            Check("first-pass", self.is_planned, f"last pass: {self.outcome}"),
            Check("source", True, self.source_trouble or "is read"),  # told, and no reason to take us away
        )
