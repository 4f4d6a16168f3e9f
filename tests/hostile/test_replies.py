"""Every bad reply of the tables, to every operation: how it ends, on real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from reconciler.core.model import JobId
from reconciler.core.outcome import (
    Created,
    LoginFailed,
    NotCreated,
    Refused,
    SessionLost,
    Throttled,
    Unclear,
    Unreachable,
    WorkflowMissing,
)
from reconciler.explorer.client import Explorer, ExplorerError, Login, Secret, explorer_at
from tests.explorer.raw import TOKEN, WORKFLOW, Raw, Script, client_of, saying, serving, submit
from tests.hostile.replies import (
    ANSWERS,
    CONNECTIONS,
    GOOD,
    NEW_TOKEN,
    READINGS,
    SUBMISSIONS,
    WIRES,
    Answer,
    Wire,
)

PASSWORD = "canary-password"
TIMEOUT_S = 60.0
"""For a reply that has an end: no machine is so slow."""

SHORT_S = 0.5
"""For a reply that has none."""

ENDLESS = ("a byte at a time", "silence", "1xx for ever")


def client(operation: str, url: str, directory: Path, timeout_s: float) -> Explorer:
    if operation != "connect":
        return client_of(url, directory, timeout_s)
    return explorer_at(url, Login("root", Secret(PASSWORD), "graphd", 9669), timeout_s=timeout_s)


async def _connect(explorer: Explorer) -> object:
    return await explorer.log_in() or "a session"


ASK: dict[str, Callable[[Explorer], Awaitable[object]]] = {
    "submit": submit,
    "list": lambda explorer: explorer.jobs(WORKFLOW),
    "detail": lambda explorer: explorer.job(JobId(107)),
    "cancel": lambda explorer: explorer.cancel(JobId(107)),
    "connect": _connect,
}


async def came_of(operation: str, url: str, directory: Path, timeout_s: float = TIMEOUT_S) -> object:
    """What an operation gives; a reading's failure as a value."""
    try:
        return await ASK[operation](client(operation, url, directory, timeout_s))
    except ExplorerError as error:
        return error.failure


def end_of(operation: str, found: object) -> str:
    """How it ended, in the words of the tables."""
    match found:
        case NotCreated(cause=cause):
            return end_of("", cause)
        case Refused():
            return "refused"
        case LoginFailed():  # nothing else is sent; the login itself is tried again when a file changes
            return "refused"
        case Throttled() | SessionLost() | WorkflowMissing():
            return "retried"
        case Created():
            return "taken"
        case Unreachable() if operation == "connect":  # whatever is waiting for the session was not sent
            return "unknown"
        case Unclear():
            return "unknown"
        case _:
            return "unknown" if type(found).__name__ == "Faulty" else "taken"


def played(
    operation: str, script: Script, directory: Path, timeout_s: float = TIMEOUT_S
) -> tuple[object, Raw]:
    async def main() -> tuple[object, Raw]:
        async with serving(script) as raw:
            return await came_of(operation, raw.url, directory, timeout_s), raw

    return asyncio.run(main())


def shows_no_secret(found: object) -> None:
    shown = repr(found) + str(found)
    assert "canary" not in shown
    for secret in (TOKEN, NEW_TOKEN):
        assert not [part for part in secret.split(".")[1:] if part in shown]


@pytest.mark.parametrize("operation", GOOD)
@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
def test_however_an_answer_travels_it_ends_as_designed(operation: str, wire: Wire, tmp_path: Path) -> None:
    cookie = (f"Set-Cookie: explorer_token={NEW_TOKEN}",) if operation == "connect" else ()
    timeout_s = SHORT_S if wire.name in ENDLESS else TIMEOUT_S
    found, raw = played(operation, wire.script(GOOD[operation], cookie), tmp_path, timeout_s)
    if operation == "connect" and wire.end != "taken":
        assert isinstance(found, LoginFailed | Unreachable | Throttled), "nothing is sent without a session"
    else:
        assert end_of(operation, found) == wire.end
    shows_no_secret(found)
    assert len(raw.heard) == 1, "a request was repeated"


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda it: f"{it.operation}: {it.name}")
def test_whatever_is_answered_ends_as_designed(answer: Answer, tmp_path: Path) -> None:
    found, raw = played(answer.operation, saying(answer.reply), tmp_path)
    assert end_of(answer.operation, found) == answer.end
    shows_no_secret(found)
    assert len(raw.heard) == 1, "a request was repeated"


def test_a_good_answer_is_taken_so_the_bad_ones_fail_for_what_is_bad_in_them(tmp_path: Path) -> None:
    plain = next(wire for wire in WIRES if wire.name == "identity by name")
    for operation, body in GOOD.items():
        cookie = (f"Set-Cookie: explorer_token={NEW_TOKEN}",)
        found, _ = played(operation, plain.script(body, cookie), tmp_path)
        assert end_of(operation, found) == "taken", operation


def test_there_are_as_many_bad_replies_as_the_documents_say() -> None:
    names = [wire.name for wire in WIRES] + [f"{it.operation}: {it.name}" for it in ANSWERS]
    assert len(names) == len(set(names)) >= 180
    bad = [it for it in (*WIRES, *ANSWERS) if it.end != "taken"]
    assert len(bad) >= 150
    assert min(map(len, (WIRES, SUBMISSIONS, READINGS, CONNECTIONS))) >= 15
    print(f"\n{len(names)} replies by name, {len(bad)} bad, {len(WIRES) * len(GOOD) + len(ANSWERS)} tests")
