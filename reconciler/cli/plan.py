"""`plan`: the walk up to its fourth step, printed instead of performed."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import assert_never

import click

from reconciler.cli import options
from reconciler.cli.render import complain, say, say_json, table
from reconciler.core.plain import plain
from reconciler.core.plan import Action, Claim, GiveUp, Nothing, Plan, Submit, Wait
from reconciler.core.reason import Reason
from reconciler.engine.planning import Planning, plan_tree
from reconciler.errors import ExitCode
from reconciler.settings import Settings
from reconciler.store.reading import Reader

_WILL_HAPPEN = ("submit", "give up")
_PENDING = (*_WILL_HAPPEN, "wait")


@click.command()
@options.output("text", "json")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 if anything is pending.")
@options.config
@options.jobs_dir
@options.state
@options.sandbox
def plan(
    output: str,
    detailed_exitcode: bool,
    config: Path | None,
    jobs_dir: str | None,
    state: str | None,
    sandbox: bool,
) -> int:
    """Show what would be submitted, what waits, and why. Writes nothing and asks nobody."""
    settings = options.settings_of(config, sandbox, jobs_dir=jobs_dir, state=state)
    planning = _planning(settings)
    if output == "json":
        say_json(_as_json(planning.plan))
    else:
        _print(planning)
    if planning.desired.problems:
        return ExitCode.FAILED
    is_pending = any(word_of(action) in _PENDING for action in planning.plan.actions)
    return ExitCode.PENDING if detailed_exitcode and is_pending else ExitCode.DONE


def word_of(action: Action) -> str:
    """What is going to be done, in a word. What only waits for its first listing will be submitted."""
    match action:
        case Claim() | Submit() | Wait(why=Reason.NOT_LISTED):
            return "submit"
        case GiveUp():
            return "give up"
        case Wait():
            return "wait"
        case Nothing(why=Reason.INVALID | Reason.UNREADABLE):
            return "invalid"
        case Nothing(why=Reason.UNKNOWN):
            return "unknown"
        case Nothing(why=Reason.HELD):
            return "held"
        case Nothing():
            return "nothing"
        case _:
            assert_never(action)


def _planning(settings: Settings) -> Planning:
    now_ms = time.time_ns() // 1_000_000
    if not settings.state.exists():
        return plan_tree(
            settings.jobs_dir, None, now_ms, settings.max_new, settings.room, policy=settings.allowed
        )
    with closing(Reader.open(settings.state)) as reader:
        return plan_tree(
            settings.jobs_dir, reader, now_ms, settings.max_new, settings.room, policy=settings.allowed
        )


def _print(planning: Planning) -> None:
    made = planning.plan
    shown = [action for action in made.actions if word_of(action) != "nothing"]
    if shown:
        rows = ((word_of(action), action.name, _reason(action)) for action in shown)
        say(table(("ACTION", "NAME", "WHY"), rows, flexible=2))
    for problem in planning.desired.problems:
        complain(plain(str(problem)))
    say(_summary(planning))
    if made.is_guarded:
        say(f"{len(made.unapproved)} new runs wait for you: reconciler approve {made.hash}")


def _summary(planning: Planning) -> str:
    counts = Counter(word_of(action) for action in planning.plan.actions)
    counts["invalid"] += len(planning.desired.nameless)
    words = {
        "submit": "to submit",
        "give up": "to give up",
        "wait": "waiting",
        "unknown": "being looked for",
        "held": "held",
        "invalid": "invalid",
    }
    parts = [f"{counts[word]} {text}" for word, text in words.items() if counts[word] or word == "submit"]
    return f"Plan: {', '.join(parts)}, {counts['nothing']} with nothing to do."


def _reason(action: Action) -> str:
    detail = action.detail if isinstance(action, Submit | Wait | Nothing) else ""
    return f"{action.why}: {detail}" if detail else str(action.why)


def _as_json(made: Plan) -> dict[str, object]:
    return {
        "hash": made.hash,
        "isGuarded": made.is_guarded,
        "unapproved": [{"name": claim.name, "digest": claim.manifest.digest} for claim in made.unapproved],
        "actions": [
            {"name": action.name, "action": word_of(action), "reason": _reason(action)}
            for action in made.actions
        ],
    }
