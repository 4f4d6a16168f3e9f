"""`explain`: one paragraph on one name, made of the plan that the daemon would make now."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.layout import wrapped
from reconciler.cli.naming import unknown
from reconciler.cli.render import say_json, show
from reconciler.core.account import Facts, account_of
from reconciler.core.item import rfc3339
from reconciler.core.model import Name
from reconciler.core.plan import Observed
from reconciler.core.reason import Reason
from reconciler.core.wording import reason_of, until_of, word_of
from reconciler.engine.planning import plan_tree
from reconciler.errors import ExitCode
from reconciler.settings import Settings
from reconciler.store.lock import holder_now
from reconciler.store.reading import Reader


@click.command()
@options.name
@options.output("text", "json")
@options.config
@options.jobs_dir
@options.state
@options.sandbox
def explain(
    name: str, output: str, config: Path | None, jobs_dir: str | None, state: str | None, sandbox: bool
) -> int:
    """Say what is wanted of NAME, what is known, what happens next and when, and why not sooner."""
    settings = options.settings_of(config, sandbox, jobs_dir=jobs_dir, state=state)
    facts = _facts(settings, Name(name))
    if output == "json":
        say_json(_as_json(facts))
    else:
        show(wrapped(str(account_of(facts))))
    return ExitCode.DONE


def _facts(settings: Settings, name: Name) -> Facts:
    """What the plan of the whole tree says of this name. Raises NameUnknown."""
    now_ms = time.time_ns() // 1_000_000
    with ExitStack() as stack:
        reader = (
            stack.enter_context(closing(Reader.open(settings.state))) if settings.state.exists() else None
        )
        planning = plan_tree(
            settings.jobs_dir, reader, now_ms, settings.max_new, settings.room, policy=settings.allowed
        )
        known = reader.sightings() if reader else {}
        if name not in planning.desired.wishes and name not in known:
            raise unknown([name], known.keys() | planning.desired.wishes.keys())
        observed = (reader.world([name], []) if reader else planning.world).names.get(name, Observed())
    plan = planning.plan
    return Facts(
        name=name,
        wish=planning.desired.wishes.get(name),
        latest=observed.latest,
        unfinished=observed.unfinished,
        action=next((action for action in plan.actions if action.name == name), None),
        cancels=[cancel for cancel in plan.cancels if cancel.name == name],
        guarded_cancels=[
            cancel for cancel in plan.unapproved_cancels if cancel.name == name and cancel not in plan.cancels
        ],
        plan_hash=plan.hash,
        recorded=known[name].reason if name in known else "",
        daemon=holder_now(settings.state),
        now_ms=now_ms,
    )


def _as_json(facts: Facts) -> dict[str, object]:
    account, action = account_of(facts), facts.action
    until_ms = until_of(action) if action is not None else None
    return {
        "name": facts.name,
        "wanted": account.wanted,
        "known": account.known,
        "next": account.following,
        "action": "nothing" if action is None else word_of(action),
        "reason": str(Reason.DELETED) if action is None else reason_of(action),
        "until": None if until_ms is None else rfc3339(until_ms),
        "daemon": facts.daemon,
    }
