"""The launcher's hooks: the program's own functions, each made to say when the walk passes by.

The program has no hooks of its own; what is not found under its name here fails at once, so that a label
cannot become a point which nothing passes.
"""

from __future__ import annotations

import contextvars
import functools
import importlib
import importlib.util
import inspect
import os
import random
import signal
import socket
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

Pass = Callable[[str], None]
"""Told each label as the walk comes by."""

OPERATION: contextvars.ContextVar[str] = contextvars.ContextVar("operation", default="")
"""What the task at hand asks Explorer for: `submit`, `list` or `connect`."""

AROUND = {
    "reconciler.source.tree:Tree.scan": ("scan: before", "scan: after"),
    "reconciler.engine.reconcile:plan": ("", "plan: after"),
    "reconciler.store.sqlite:SqliteStore.observe": ("observe: before", ""),
    "reconciler.store.sqlite:SqliteStore.begin": ("begin: before", "begin: after"),
    "reconciler.store.sqlite:SqliteStore.record": ("record: before", "record: after"),
    "reconciler.store.sqlite:SqliteStore.job_changed": ("", "job_changed: after"),
    "reconciler.store.transactions:claim_run": ("", "claim: in the transaction"),
    "reconciler.store.transactions:begin": ("", "begin: in the transaction"),
    "reconciler.store.transactions:record": ("", "record: in the transaction"),
    "reconciler.store.transactions:workflow_listed": ("", "workflow_listed: in the transaction"),
    "reconciler.store.following:job_changed": ("", "job_changed: in the transaction"),
    "reconciler.explorer.client:Explorer.log_in": ("", "log_in: after"),
    "reconciler.explorer.client:Explorer.submit": ("", "submit: receipt"),
    "reconciler.engine.follow:Follower._look_at": ("follow: before", ""),
    "reconciler.engine.search:Search._turn_pages": ("", "follow: listed"),
}
"""Functions, and the labels before their call and after their return; "" for none."""

STEPS = {
    "connect": ("connection before", ""),
    "_send": ("", "request sent"),
    "_take_head": ("", "headers read"),
    "_take_end": ("", "reply read"),
}
"""A conversation's steps, and the labels before and after each, behind the operation's name."""

STATEMENTS = {
    "INSERT INTO intents": "begin: intent inserted",
    "UPDATE runs": "record: run updated",
}
"""Labels that lie behind a statement of the writer's, in the verb that each label begins with."""


class Trap:
    """Sends this process a signal at the n-th passage of one label."""

    def __init__(self, label: str, times: int, number: signal.Signals) -> None:
        self._label, self._times, self._number = label, times, number
        self._passages: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, label: str) -> None:
        if label == self._label:
            with self._lock:
                self._passages[label] += 1
                is_it = self._passages[label] == self._times
            if is_it:
                os.kill(os.getpid(), self._number)


def install(passes: Pass) -> None:
    """Have all of the walk tell `passes`."""
    for place, (before, after) in AROUND.items():
        _wrap(place, functools.partial(_telling, before=before, after=after, passes=passes))
    _watch_operations()
    _watch_exchange(passes)
    _watch_sockets(passes)
    _watch_writer(passes)


_OPEN = "WHERE phase IN ('Submitting', 'Unknown', 'Held')"
FLAWS = {
    "resend": f"UPDATE runs SET phase = 'Waiting' {_OPEN}",
    "forget": f"UPDATE runs SET phase = 'Baselined', ended_ms = 0 {_OPEN}",
    "adopt": "UPDATE runs SET phase = 'Followed', job_status = 'Preparing', accepted_ms = 0,"
    f" job_id = (SELECT coalesce(highest, 0) + 5000 FROM workflows) {_OPEN}",
}
"""What a wrong program might make of open intents at its start: the verdict has to see each of them."""


def flaw(name: str) -> None:
    """Have the program make this mistake whenever it opens its state."""

    def around(connected: Callable[..., Any]) -> Callable[..., Any]:
        def wrong(*args: Any) -> Any:
            opened = connected(*args)
            getattr(opened, "connection", opened).execute(FLAWS[name])
            return opened

        return wrong

    has_opening = importlib.util.find_spec("reconciler.store.opening") is not None
    _wrap(f"reconciler.store.sqlite:{'open_state' if has_opening else '_connect'}", around)


def hurry(most: float) -> None:
    """Have chance give no more than this, so that no backoff is long."""
    chance = random.random
    random.random = lambda: chance() * most


def _wrap(place: str, around: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Put `around(original)` in the place of `module:name` or `module:Class.name`."""
    module, _, path = place.partition(":")
    *owners, name = path.split(".")
    owner = importlib.import_module(module)
    for part in owners:
        owner = getattr(owner, part)
    setattr(owner, name, around(getattr(owner, name)))


def _telling(call: Callable[..., Any], before: str, after: str, passes: Pass) -> Callable[..., Any]:
    def tell(label: str) -> None:
        if label:
            passes(label)

    @functools.wraps(call)
    def plain(*args: Any, **kwargs: Any) -> Any:
        tell(before)
        result = call(*args, **kwargs)
        tell(after)
        return result

    @functools.wraps(call)
    async def in_the_loop(*args: Any, **kwargs: Any) -> Any:
        tell(before)
        result = await call(*args, **kwargs)
        tell(after)
        return result

    return in_the_loop if inspect.iscoroutinefunction(call) else plain


def _watch_operations() -> None:
    def around(exchange: Callable[..., Any]) -> Callable[..., Any]:
        async def named(self: Any, request: Any, *args: Any) -> Any:
            token = OPERATION.set(request.operation)
            try:
                return await exchange(self, request, *args)
            finally:
                OPERATION.reset(token)

        return named

    _wrap("reconciler.explorer.transport:Transport._exchange", around)


def _watch_exchange(passes: Pass) -> None:
    def tell(label: str) -> None:
        passes(f"{OPERATION.get()}: {label}")

    for name, (before, after) in STEPS.items():
        around = functools.partial(_telling, before=before, after=after, passes=tell)
        _wrap(f"reconciler.explorer.conversation:Conversation.{name}", around)


def _watch_sockets(passes: Pass) -> None:
    """What is below a conversation: the event loop calls these of Python's own socket class."""
    setsockopt, send, receive = socket.socket.setsockopt, socket.socket.send, socket.socket.recv

    def set_option(self: socket.socket, *args: Any) -> None:
        is_linger = bool(OPERATION.get()) and args[:2] == (socket.SOL_SOCKET, socket.SO_LINGER)
        if is_linger:
            passes(f"{OPERATION.get()}: connected")
        setsockopt(self, *args)
        if is_linger:
            passes(f"{OPERATION.get()}: SO_LINGER after")

    def send_part(self: socket.socket, *args: Any) -> int:
        operation = OPERATION.get()
        if not operation:
            return send(self, *args)
        passes(f"{operation}: part written before")
        sent = send(self, *args)
        passes(f"{operation}: part written")
        return sent

    def receive_part(self: socket.socket, *args: Any) -> bytes:
        operation = OPERATION.get()
        if operation:
            passes(f"{operation}: first byte before")
        data = receive(self, *args)
        if operation and data:
            passes(f"{operation}: first byte after")
        return data

    for name, method in (("setsockopt", set_option), ("send", send_part), ("recv", receive_part)):
        setattr(socket.socket, name, method)


def _watch_writer(passes: Pass) -> None:
    """The writer's thread, between BEGIN and the telling; a group of verbs passes the labels of each."""
    verbs: set[str] = set()

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
            is_commit = sql == "COMMIT"
            for verb in verbs if is_commit else ():
                passes(f"{verb}: COMMIT before")
            cursor = super().execute(sql, *args)
            for verb in verbs if is_commit else ():
                passes(f"{verb}: COMMIT after")
            for verb in verbs if sql.startswith("BEGIN") else ():
                passes(f"{verb}: BEGIN after")
            for start, label in STATEMENTS.items():
                if sql.startswith(start) and label.partition(":")[0] in verbs:
                    passes(label)
            return cursor

    def around(commit: Callable[..., Any]) -> Callable[..., Any]:
        def named(self: Any, group: list[Any]) -> None:
            # A piece of work is made inside the port's verb, and so carries its name.
            verbs.update(entry.work.__qualname__.split(".")[1] for entry in group)
            commit(self, group)
            verbs.clear()

        return named

    _wrap("reconciler.store.writer:Writer._commit", around)
    _wrap("sqlite3:connect", lambda connect: functools.partial(connect, factory=Connection))
