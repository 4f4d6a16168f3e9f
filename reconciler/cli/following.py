"""The items of a state: once, or again and again as it changes, for commands that stay."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from reconciler.core.item import Item
from reconciler.core.model import Name, Pause, RunKey
from reconciler.core.plain import plain
from reconciler.errors import StateUnusable
from reconciler.store.port import Wish
from reconciler.store.reading import Reader

LOOK_S = 0.25
"""How often the state is looked at: asking SQLite whether another process wrote costs some microseconds."""


def items_in(state: Path) -> list[Item]:
    """Every item of this state, by name; none, if there is no such file."""
    if not state.exists():
        return []
    with closing(Reader.open(state)) as reader:
        return list(reader.items())


@dataclass(frozen=True, slots=True)
class Beside:
    """What is known beside the items: a pause, all runs that are held, and what nobody has performed yet.

    `held` has older runs of a name as well; `kept` are an operator's words, such as `retry a`.
    """

    pause: Pause | None = None
    held: tuple[RunKey, ...] = ()
    kept: tuple[str, ...] = ()


def beside_in(state: Path) -> Beside:
    """What this state knows beside its items; nothing, if there is no such file."""
    if not state.exists():
        return Beside()
    with closing(Reader.open(state)) as reader:
        held = tuple(run.key for run in reader.runs(("Held",)))
        return Beside(reader.pause(), held, tuple(map(_in_words, reader.open_wishes())))


def _in_words(wish: Wish) -> str:
    return f"{wish.kind} {plain(str(wish.arguments.get('name', '')))}".rstrip()


def changes(
    state: Path, pause: Callable[[], None] = lambda: time.sleep(LOOK_S)
) -> Iterator[tuple[list[Item], frozenset[Name]]]:
    """Every item, with the names that are news: first all of them. Goes on for as long as it is asked.

    A state that does not exist yet has none; one that is put in the place of another is followed on.
    """
    before: dict[Name, Item] = {}
    for items in _versions(state, pause):
        now = {item.name: item for item in items}
        news = frozenset(name for name, item in now.items() if before.get(name) != item)
        if news or not before:
            yield items, news
        before = now


def _versions(state: Path, pause: Callable[[], None]) -> Iterator[list[Item]]:
    """Every item, again each time that somebody wrote the state, or put another in its place."""
    if state.exists():
        Reader.open(state).close()  # what is no state now is told, and not waited for
    else:
        yield []
    while True:
        with suppress(
            StateUnusable, sqlite3.DatabaseError, FileNotFoundError
        ):  # not there yet, or only half there
            yield from _of_one_file(state, pause)
        pause()


def _of_one_file(state: Path, pause: Callable[[], None]) -> Iterator[list[Item]]:
    """The same for as long as the state stays this file."""
    inode, mark = state.stat().st_ino, _mark(state)
    with closing(Reader.open(state)) as reader:
        version, is_copy = None, reader.is_copy
        while state.stat().st_ino == inode and not (is_copy and _mark(state) != mark):
            if version != (version := reader.data_version()):
                yield list(reader.items())
            pause()


def _mark(state: Path) -> list[tuple[int, int]]:
    """What changes with every write: when the file and its log were written, and how long they are."""
    files = [state, state.with_name(f"{state.name}-wal")]
    stats = [file.stat() for file in files if file.exists()]
    return [(it.st_mtime_ns, it.st_size) for it in stats]
