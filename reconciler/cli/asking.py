"""Have an operator's wish performed: by the daemon that has the state, or else by the command itself."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

from reconciler.cli.holder import holder
from reconciler.cli.render import complain, say
from reconciler.core.plan import Plan
from reconciler.engine.operator import Answer
from reconciler.engine.planning import plan_tree
from reconciler.errors import ExitCode, ReconcilerError, StateInUse
from reconciler.settings import Settings
from reconciler.store.reading import Reader, answer_to, ask
from reconciler.store.sqlite import SqliteStore

ANSWER_S = 15.0
"""How long a running daemon may take to answer."""

Perform = Callable[[SqliteStore, Plan], Awaitable[Answer]]


def have_performed(settings: Settings, kind: str, arguments: dict[str, object], perform: Perform) -> int:
    """Have it performed, by the daemon if one runs, and print what came of it."""
    os.umask(0o077)
    try:
        answer = asyncio.run(_perform_alone(settings, perform))
    except StateInUse:
        answer = _ask_daemon(settings.state, kind, arguments)
    (say if answer.is_done else complain)(answer.text)
    return ExitCode.DONE if answer.is_done else ExitCode.FAILED


async def _perform_alone(settings: Settings, perform: Perform) -> Answer:
    store = await SqliteStore.open(settings.state, None, holder(), lambda *_: None)
    try:
        with closing(Reader.open(settings.state)) as reader:
            planning = plan_tree(
                settings.jobs_dir, reader, now_ms(), settings.max_new, policy=settings.allowed
            )
        return await perform(store, planning.plan)
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
