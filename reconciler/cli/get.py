"""`get`: what is known of each name, from the state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import click

from reconciler.cli import options
from reconciler.cli.data import json_line, yaml_text
from reconciler.cli.following import beside_in, changes, items_in
from reconciler.cli.items import COLUMNS, WIDE, paused, row, updated_s, wide_row
from reconciler.cli.layout import grid, grid_text, wrapped
from reconciler.cli.naming import unknown
from reconciler.cli.render import complain, say, say_json, show
from reconciler.core.item import Item, as_json
from reconciler.core.model import State
from reconciler.core.selector import Selector
from reconciler.errors import ExitCode

ORDERS: Mapping[str, Callable[[Item], Any]] = {
    "name": lambda item: item.name,
    "state": lambda item: list(State).index(item.state),
    "age": lambda item: -updated_s(item),
    "job": lambda item: int(item.job_id or -1),
    "workflow": lambda item: int(item.workflow_id or -1),
    "path": lambda item: item.path,
    "reason": lambda item: item.reason,
}
"""By what items may be sorted; ages begin with the youngest, and where it decides nothing, names do."""

MOST_OLDER = 10
"""How many older runs that are held are named below the table."""

_ROWS = {"table": (COLUMNS, row), "wide": (WIDE, wide_row)}


@dataclass(frozen=True, slots=True)
class Question:
    """Which items are wanted, and in which order; what is empty leaves all."""

    names: frozenset[str]
    selector: Selector
    states: frozenset[State]
    order: str

    def answer(self, items: Iterable[Item]) -> list[Item]:
        """The items that are wanted, in order."""
        wanted = [item for item in items if self._wants(item)]
        return sorted(wanted, key=ORDERS[self.order])

    def _wants(self, item: Item) -> bool:
        return (
            (not self.names or item.name in self.names)
            and (not self.states or item.state in self.states)
            and self.selector.selects(item.labels)
        )


@click.command()
@options.names
@options.selector
@options.states
@click.option("--sort-by", type=click.Choice(list(ORDERS)), default="name", help="The order of the rows.")
@click.option("-w", "--watch", is_flag=True, help="Stay, and add each change, until interrupted.")
@options.output("table", "wide", "json", "yaml", "name")
@options.config
@options.sandbox
def get(
    names: Sequence[str],
    selector: Selector,
    state: options.StatesOrFile,
    sort_by: str,
    watch: bool,
    output: str,
    config: Path | None,
    sandbox: bool,
) -> int:
    """Show each manifest's newest run: its state, its job, and why."""
    settings = options.settings_of(config, sandbox, state=state.file)
    question = Question(frozenset(names), selector, state.states, sort_by)
    if watch:
        _watch(settings.state, question, output)
    known = items_in(settings.state)
    items = question.answer(known)
    _print(items, output)
    strangers = sorted(set(names) - {item.name for item in known})
    if strangers:
        raise unknown(strangers, [item.name for item in known])
    if output in _ROWS:
        _say_more(settings.state, items, is_known=bool(known))
    return ExitCode.DONE


def _print(items: Sequence[Item], output: str) -> None:
    match output:
        case "json":
            say_json({"items": [as_json(item) for item in items]})
        case "yaml":
            show(yaml_text({"items": [as_json(item) for item in items]}))
        case "name":
            for item in items:
                say(item.name)
        case _:
            _print_table(items, output)


def _print_table(items: Sequence[Item], output: str) -> None:
    columns, row_of = _ROWS[output]
    if items:
        show(grid_text(columns, [row_of(item) for item in items]))


def _say_more(state: Path, items: Sequence[Item], *, is_known: bool) -> None:
    """What a person would miss in the table: a pause, older runs that are held, and why it is empty."""
    beside = beside_in(state)
    if beside.pause:
        complain(wrapped(paused(beside.pause)))
    if beside.kept:
        complain(wrapped(f"Asked for, and not performed before a daemon runs: {', '.join(beside.kept)}"))
    newest = {item.name: (item.generation, item.attempt) for item in items}
    held = [key for key in beside.held if key.name in newest]
    older = [key for key in held if newest[key.name] != (key.generation, key.attempt)]
    for key in older[:MOST_OLDER]:
        complain(wrapped(f"{key} is held as well; `reconciler describe {key.name}` says by what"))
    if len(older) > MOST_OLDER:
        complain(f"and {len(older) - MOST_OLDER} more older runs are held")
    if not items:
        _say_why_empty(is_known=is_known)


def _say_why_empty(*, is_known: bool) -> None:
    if is_known:
        complain("no manifest is as you ask; `reconciler get` lists all")
        return
    complain("nothing is known yet; `reconciler plan` shows what would be submitted")
    if options.SANDBOX_STATE.exists():
        complain("what the sandbox did: `reconciler get --sandbox`")


def _watch(state: Path, question: Question, output: str) -> NoReturn:
    """Print what is wanted, and each change of it: a row, a document or a name."""
    is_titled = False
    for known, news in changes(state):
        items = question.answer(known)
        fresh = [item for item in items if item.name in news]
        if output in _ROWS and fresh:
            columns, row_of = _ROWS[output]
            made = grid(columns, map(row_of, items))
            lines = [] if is_titled else [made.titles()]
            show("\n".join([*lines, *(made.row(row_of(item)) for item in fresh)]))
            is_titled = True
        else:
            for item in fresh:
                show(_alone(item, output))
    raise AssertionError("a state is followed until somebody interrupts")


def _alone(item: Item, output: str) -> str:
    """One item among others that come later: JSON is one line, YAML a document of its own."""
    match output:
        case "json":
            return json_line(as_json(item))
        case "yaml":
            return "---\n" + yaml_text(as_json(item))
        case _:
            return item.name
