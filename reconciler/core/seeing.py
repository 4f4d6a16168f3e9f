"""What is to be recorded of a name after a pass: what it saw, and what the plan says of it. Pure."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.action import Absent, Action, Claim, GiveUp, Nothing, Unreadable, Wait, Wish
from reconciler.core.model import Invalid, Manifest, Name
from reconciler.core.reason import Reason
from reconciler.core.sighting import Presence, Sighting


def sighting_of(
    name: Name, wish: Wish, action: Action, before: Sighting | None, revision: str | None, now_ms: int
) -> Sighting | None:
    """What is to be recorded of this name now; None if there is nothing to say of it.

    What did not change keeps its time and revision, so that a pass without news writes nothing.
    """
    seen = _seen(name, wish, _reason(action), before, revision, now_ms)
    if seen is None or before is None:
        return seen
    is_news = replace(seen, revision=before.revision, updated_ms=before.updated_ms) != before
    return seen if is_news else before


def _seen(
    name: Name, wish: Wish, reason: str, before: Sighting | None, revision: str | None, now_ms: int
) -> Sighting | None:
    known = before or Sighting(name, Presence.WANTED, "", None, None, "", None, now_ms)
    now = replace(known, reason=reason, revision=revision, updated_ms=now_ms)
    match wish:
        case Manifest(path=path, is_suspended=is_suspended):
            return replace(
                now,
                presence=Presence.SUSPENDED if is_suspended else Presence.WANTED,
                path=path,
                digest=wish.digest,
                workflow_id=wish.workflow_id,
                policies=wish.policies,
                labels=wish.labels,
            )
        case Invalid(path=path):
            return replace(now, presence=Presence.INVALID, path=path)
        case Absent(passes=passes) if before is not None:
            return replace(now, presence=Presence.DELETED if passes >= 2 else before.presence)
        case Unreadable(path=path) if before is not None:
            return replace(now, presence=Presence.INVALID, path=path)
        case _:
            return None


def _reason(action: Action) -> str:
    """The action's reason where the manifest is what it is about; where the run is, the run tells."""
    match action:
        case (
            Wait(why=why, detail=detail)
            | Claim(then=Wait(why=why, detail=detail))
            | Nothing(why=Reason.INVALID | Reason.UNREADABLE as why, detail=detail)
        ):
            return f"{why}: {detail}" if detail else why
        case Nothing(why=Reason.SUSPENDED | Reason.DELETED as why) | GiveUp(why=why):
            return why
        case _:
            return ""
