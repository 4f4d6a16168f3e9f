"""`get`: what is known of each name, from the state."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.render import age, complain, say, say_json, table
from reconciler.core.item import Item, as_json
from reconciler.errors import ReconcilerError
from reconciler.store.reading import Reader

_TITLES = ("NAME", "STATE", "JOB", "STATUS", "GEN", "AGE", "REASON")


@click.command()
@click.argument("names", nargs=-1)
@options.output("table", "json", "name")
@options.config
@options.state
@options.sandbox
def get(names: Sequence[str], output: str, config: Path | None, state: str | None, sandbox: bool) -> int:
    """Show each manifest's newest run: its state, its job, and why."""
    settings = options.settings_of(config, sandbox, state=state)
    items = _items(settings.state, names)
    match output:
        case "json":
            say_json({"items": [as_json(it) for it in items]})
        case "name":
            for item in items:
                say(item.name)
        case _:
            _print_table(items)
    _complain_of_strangers(names, items)
    return 0


def _items(state: Path, names: Sequence[str]) -> list[Item]:
    if not state.exists():
        return []
    with closing(Reader.open(state)) as reader:
        return [item for item in reader.items() if not names or item.name in names]


def items_table(items: Sequence[Item]) -> str:
    """One line a name, for a person."""
    return table(_TITLES, (_row(item) for item in items), flexible=len(_TITLES) - 1)


def _print_table(items: Sequence[Item]) -> None:
    if items:
        say(items_table(items))
        return
    complain("nothing is known yet; `reconciler plan` shows what would be submitted")
    if options.SANDBOX_STATE.exists():
        complain("what the sandbox did: `reconciler get --sandbox`")


def _row(item: Item) -> tuple[str, ...]:
    since_s = time.time() - datetime.fromisoformat(item.updated_at).timestamp()
    generation = "-" if item.generation is None else str(item.generation)
    status = str(item.job_status) if item.job_status else "-"
    return (item.name, str(item.state), item.job_id or "-", status, generation, age(since_s), item.reason)


def _complain_of_strangers(names: Sequence[str], items: Sequence[Item]) -> None:
    strangers = sorted(set(names) - {item.name for item in items})
    if strangers:
        raise ReconcilerError(
            f"no manifest is known under {', '.join(strangers)}; `reconciler get` lists all"
        )
