"""Options that several commands share, and the settings that follow from them."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from reconciler.core.model import State
from reconciler.core.plain import plain
from reconciler.core.selector import Selector, SelectorError, selector_of
from reconciler.errors import ReconcilerError
from reconciler.settings import Settings, load

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


@dataclass(frozen=True, slots=True)
class StatesOrFile:
    """What was given by `--state` where it has two meanings: states to look for, and a file."""

    states: frozenset[State] = frozenset()
    file: str | None = None


def _selector(_: click.Context, __: click.Parameter, text: str) -> Selector:
    try:
        return selector_of(text)
    except SelectorError as error:
        raise click.BadParameter(str(error)) from None


def _states(_: click.Context, __: click.Parameter, given: Sequence[str]) -> StatesOrFile:
    """States by their words, in small or capital letters, and the path of a file.

    What looks like neither is a misspelt word: a file beside us is written with its directory, `./file`.
    """
    words = {state.lower(): state for state in State}
    files = [text for text in given if text.lower() not in words]
    for text in files:
        if not {"/", "."} & set(text):
            raise click.BadParameter(f"{text!r} is no state ({', '.join(State)}) and no path of a file")
    states = frozenset(words[text.lower()] for text in given if text.lower() in words)
    return StatesOrFile(states, files[-1] if files else None)


def _complete_states(_: click.Context, __: click.Parameter, begun: str) -> list[str]:
    return [str(state) for state in State if state.lower().startswith(begun.lower())]


def complete_names(context: click.Context, _: click.Parameter, begun: str) -> list[str]:
    """The names in the state that begin so, for a shell; none where it cannot be read."""
    from reconciler.store.reading import Reader

    given = context.params
    file = given.get("state")
    try:
        settings = settings_of(
            given.get("config"),
            bool(given.get("sandbox")),
            state=file.file if isinstance(file, StatesOrFile) else file,
        )
        with closing(Reader.open(settings.state)) as reader:
            return [name for name in sorted(reader.sightings()) if name.startswith(begun)]
    except (ReconcilerError, sqlite3.Error, OSError):
        return []


config = click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar="RECONCILER_CONFIG",
    help="A TOML file of settings; variables win over it.",
)
jobs_dir = click.option("--jobs-dir", metavar="DIR", help="The directory of manifests.")
state = click.option("--state", metavar="FILE", help="The file that remembers every run.")
sandbox = click.option("--sandbox", is_flag=True, help="Use the state of `run --sandbox`.")

selector = click.option(
    "-l",
    "--selector",
    metavar="SELECTOR",
    default="",
    callback=_selector,
    help="Labels, as in `a=b,c in (d,e),!f`.",
)
states = click.option(
    "--state",
    metavar="STATE|FILE",
    multiple=True,
    callback=_states,
    shell_complete=_complete_states,
    help="Only names in this state, such as Held; or the file that remembers every run.",
)


class _NameType(click.ParamType):  # type: ignore[type-arg]  # generic in newer releases only
    """A manifest's name as somebody typed it: any text, but for bytes that are none."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text; ends with a usage error for what no state can hold."""
        try:
            text = str(value)
            text.encode()
        except UnicodeEncodeError:
            self.fail(f"{plain(value)} is no name: it is not UTF-8", param, ctx)
        return text


NAME = _NameType()
names = click.argument("names", nargs=-1, type=NAME, shell_complete=complete_names)
name = click.argument("name", type=NAME, shell_complete=complete_names)

SANDBOX_STATE = Path(".reconciler/sandbox/state.db")


def output(*formats: str) -> Decorator:
    """`-o`, with the formats of this command; the first is the default."""
    return click.option(
        "-o", "--output", "output", type=click.Choice(formats), default=formats[0], help="How to print."
    )


def settings_of(
    config_path: Path | None, is_sandbox: bool = False, *, needs_explorer: bool = False, **flags: object
) -> Settings:
    """The settings from flags, environment and file. Raises SettingsWrong with all that is wrong at once.

    The sandbox has a state of its own, unless one is named.
    """
    settings = load(os.environ, config_path, flags, needs_explorer=needs_explorer)
    if is_sandbox and "state" not in settings.written_as:
        return replace(settings, state=SANDBOX_STATE)
    return settings
