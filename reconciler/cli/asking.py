"""Have an operator's wish performed: by the daemon that has the state, or else by the command itself."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

from reconciler.cli.holder import holder
from reconciler.cli.naming import unknown
from reconciler.cli.render import complain, say
from reconciler.core.model import Name
from reconciler.core.plan import Plan
from reconciler.engine.operator import Answer
from reconciler.engine.planning import plan_tree
from reconciler.errors import ExitCode, ReconcilerError, StateInUse
from reconciler.settings import Settings
from reconciler.store.lock import Lock
from reconciler.store.reading import Reader, answer_to, ask
from reconciler.store.sqlite import SqliteStore

ANSWER_S = 15.0
"""How long a running daemon may take to answer."""

Perform = Callable[[SqliteStore, Plan], Awaitable[Answer]]
Record = Callable[[SqliteStore], Awaitable[Answer]]


def have_performed(settings: Settings, kind: str, arguments: dict[str, object], perform: Perform) -> int:
    """Have it performed, by the daemon if one runs, and print what came of it."""

    async def with_plan(store: SqliteStore) -> Answer:
        with closing(Reader.open(settings.state)) as reader:
            planning = plan_tree(
                settings.jobs_dir, reader, now_ms(), settings.max_new, settings.room, policy=settings.allowed
            )
        return await perform(store, planning.plan)

    return have_recorded(settings, kind, arguments, with_plan)


def have_recorded(settings: Settings, kind: str, arguments: dict[str, object], record: Record) -> int:
    """The same for what is asked of the state alone, whatever the tree says."""
    os.umask(0o077)
    try:
        answer = asyncio.run(_record_alone(settings, record))
    except StateInUse:
        answer = _ask_daemon(settings.state, kind, arguments)
    return _told(answer)


def leave_to_daemon(settings: Settings, kind: str, arguments: dict[str, object]) -> int:
    """Have it performed by the daemon; without one it is kept for the next, and that is said."""
    if not settings.state.exists():
        raise ReconcilerError("nothing is known yet; `reconciler plan` shows what would be submitted")
    os.umask(0o077)
    try:
        Lock.take(settings.state, holder()).release()
    except StateInUse:
        answer = _ask_daemon(settings.state, kind, arguments)
    else:
        _refuse_unknown(settings.state, str(arguments["name"]))
        ask(settings.state, kind, arguments, now_ms())
        answer = Answer(True, f"no daemon runs: the wish to {kind} is kept, and performed when one starts")
    return _told(answer)


def _told(answer: Answer) -> ExitCode:
    (say if answer.is_done else complain)(answer.text)
    return ExitCode.DONE if answer.is_done else ExitCode.FAILED


def _refuse_unknown(state: Path, name: str) -> None:
    """Nobody is there to say that there is no such name: a wish is kept for one that is known."""
    with closing(Reader.open(state)) as reader:
        if reader.item(Name(name)) is None:
            raise unknown([name], reader.sightings())


async def _record_alone(settings: Settings, record: Record) -> Answer:
    store = await SqliteStore.open(settings.state, None, holder(), lambda *_: None)
    try:
        return await record(store)
    finally:
        await store.close()


def _ask_daemon(state: Path, kind: str, arguments: dict[str, object]) -> Answer:
    number = ask(state, kind, arguments, now_ms())
    deadline_s = time.monotonic() + ANSWER_S
    while time.monotonic() < deadline_s:
        answer = answer_to(state, number)
        if answer is not None:
            return Answer(*answer)
        time.sleep(0.05)
    raise ReconcilerError(
        f"the daemon has not answered within {ANSWER_S:g} s; the wish to {kind} stays in the state, and is"
        " performed when it can be. `reconciler get` shows what became of it"
    )


def now_ms() -> int:
    """The wall clock, in milliseconds since the Unix epoch."""
    return time.time_ns() // 1_000_000
