"""One token for all: renewed once for all who wait, and read again when its file changes."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from reconciler.core.model import JobId
from reconciler.core.outcome import Created, LoginFailed, NotCreated, Receipt, SessionLost, Unreachable
from reconciler.explorer.client import Explorer, ExplorerError, Login, TokenFile, explorer_at
from reconciler.explorer.secret import Secret
from reconciler.explorer.session import PAUSE_S, Session
from reconciler.explorer.transport import Transport
from reconciler.sandbox.server import PASSWORD, USER, Sandbox, serve
from tests.explorer.raw import TRACE_ID, WORKFLOW, http, saying, serving

BODY = b'{"input":{"query_1":{"name":"Tim Duncan"}}}'
LOGIN = Login(USER, Secret(PASSWORD), "127.0.0.1", 9669)


def connects(sandbox: Sandbox) -> int:
    return len(sandbox.traffic.of("connect"))


def write(path: Path, text: str) -> Path:
    """Replace a file as an orchestrator does: at once, and with another inode."""
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").rename(path)
    return path


async def read_many(explorer: Explorer, count: int = 32) -> None:
    await asyncio.gather(*(explorer.jobs(None) for _ in range(count)))


def test_many_who_ask_at_once_are_served_by_one_login(tmp_path: Path) -> None:
    async def main() -> None:
        async with serve(tmp_path) as sandbox:
            explorer = explorer_at(sandbox.base_url, LOGIN)
            await read_many(explorer)
            assert connects(sandbox) == 1
            sandbox.sessions.forget_all()
            await read_many(explorer)
            assert connects(sandbox) == 2

    asyncio.run(main())


def test_a_submission_without_a_session_is_not_sent_again_and_the_session_is_renewed_once(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        async with serve(tmp_path) as sandbox:
            explorer = explorer_at(sandbox.base_url, LOGIN)
            await explorer.jobs(None)
            sandbox.sessions.forget_all()
            receipts = await asyncio.gather(*(submit(explorer) for _ in range(32)))
            assert all(isinstance(receipt, NotCreated) for receipt in receipts)
            assert all(isinstance(receipt.cause, SessionLost) for receipt in receipts)
            assert len(sandbox.traffic.of("submit")) == 32
            assert not sandbox.ledger.jobs_of(None)
            again = await asyncio.gather(*(submit(explorer) for _ in range(32)))
            assert all(isinstance(receipt, Created) for receipt in again)
            assert connects(sandbox) == 2

    asyncio.run(main())


async def submit(explorer: Explorer) -> Receipt:
    return await explorer.submit(WORKFLOW, BODY, trace_id=TRACE_ID, baseline=JobId(0))


def test_a_login_that_fails_fails_for_all_who_wait_and_is_tried_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(saying(http(502, b"<html>"))) as raw:
            session = Session(LOGIN, Transport(raw.url))
            found = await asyncio.gather(*(session.token() for _ in range(32)))
            assert set(found) == {Unreachable("while connecting: HTTP 502 without a code of Explorer's")}
            assert len(raw.heard) == 1

    asyncio.run(main())


def test_one_who_waits_goes_on_when_the_one_that_connects_is_cancelled(tmp_path: Path) -> None:
    async def main() -> None:
        async with serve(tmp_path) as sandbox:
            session = Session(LOGIN, Transport(sandbox.base_url))
            first, second = (asyncio.create_task(session.token()) for _ in range(2))
            await sandbox.traffic.until("connect", 1)
            first.cancel()
            assert isinstance(await second, Secret)

    asyncio.run(main())


def test_a_refused_login_stands_for_a_while_so_that_no_account_is_locked(tmp_path: Path) -> None:
    now_s = [0.0]

    async def main() -> None:
        async with serve(tmp_path) as sandbox:
            wrong = Login(USER, Secret("wrong"), "127.0.0.1", 9669)
            session = Session(wrong, Transport(sandbox.base_url), lambda: now_s[0])
            for seconds, expected in ((0, 2), (PAUSE_S - 1, 2), (PAUSE_S, 4)):
                now_s[0] = seconds
                assert isinstance(await session.token(), LoginFailed)
                assert connects(sandbox) == expected  # both forms of the credential, each time

    asyncio.run(main())


def test_a_new_password_is_tried_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with serve(tmp_path) as sandbox:
            path = write(tmp_path / "password", "wrong\n")
            session = Session(Login(USER, path, "127.0.0.1", 9669), Transport(sandbox.base_url), lambda: 0.0)
            assert isinstance(await session.token(), LoginFailed)
            write(path, PASSWORD + "\n")
            assert isinstance(await session.token(), Secret)

    asyncio.run(main())


def test_a_changed_password_file_means_a_new_session(tmp_path: Path) -> None:
    async def main() -> None:
        async with serve(tmp_path) as sandbox:
            path = write(tmp_path / "password", PASSWORD)
            explorer = explorer_at(sandbox.base_url, Login(USER, path, "127.0.0.1", 9669))
            await read_many(explorer)
            write(path, PASSWORD)
            await read_many(explorer)
            assert connects(sandbox) == 2

    asyncio.run(main())


def test_an_open_session_outlives_a_password_that_does_not_work_or_a_file_that_is_gone(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        async with serve(tmp_path) as sandbox:
            path = write(tmp_path / "password", PASSWORD)
            explorer = explorer_at(sandbox.base_url, Login(USER, path, "127.0.0.1", 9669))
            for damage in (lambda: None, lambda: write(path, "wrong"), lambda: write(path, ""), path.unlink):
                damage()
                await explorer.jobs(None)

    asyncio.run(main())


def test_a_token_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    async def main() -> None:
        async with serve(tmp_path) as sandbox:
            path = write(tmp_path / "token", sandbox.issue_token() + "\r\n")
            explorer = explorer_at(sandbox.base_url, TokenFile(path))
            await explorer.jobs(None)
            sandbox.sessions.forget_all()
            write(path, sandbox.issue_token())
            await explorer.jobs(None)
            assert connects(sandbox) == 0
            assert len(sandbox.traffic.of("list")) == 2

    asyncio.run(main())


def test_a_lost_token_stays_lost_until_its_file_changes(tmp_path: Path) -> None:
    async def main() -> None:
        async with serve(tmp_path) as sandbox:
            path = write(tmp_path / "token", sandbox.issue_token())
            explorer = explorer_at(sandbox.base_url, TokenFile(path))
            sandbox.sessions.forget_all()
            for _ in range(3):
                failure = await failure_of(explorer)
                assert isinstance(failure, SessionLost)
                assert str(path) in failure.message
            assert len(sandbox.traffic.of("list")) == 1, "a dead token is not offered again and again"
            write(path, sandbox.issue_token())
            await explorer.jobs(None)

    asyncio.run(main())


def test_a_lost_token_is_offered_again_after_a_pause(tmp_path: Path) -> None:
    now_s = [0.0]

    async def main() -> None:
        path = write(tmp_path / "token", "eyJ.a.b")
        session = Session(TokenFile(path), Transport("http://127.0.0.1:1"), lambda: now_s[0])
        first = await session.token()
        assert isinstance(first, Secret)
        session.lost(first, SessionLost(40104001, "ErrSession"))
        assert isinstance(await session.token(), SessionLost)
        now_s[0] = PAUSE_S
        assert isinstance(await session.token(), Secret)

    asyncio.run(main())


def test_losing_a_token_that_was_replaced_meanwhile_loses_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        path = write(tmp_path / "token", "eyJ.old.one")
        session = Session(TokenFile(path), Transport("http://127.0.0.1:1"))
        old = await session.token()
        write(path, "eyJ.new.one")
        new = await session.token()
        assert isinstance(old, Secret)
        session.lost(old, SessionLost(40104001, "ErrSession"))
        assert await session.token() is new

    asyncio.run(main())


async def failure_of(explorer: Explorer) -> object:
    try:
        await explorer.jobs(None)
    except ExplorerError as error:
        return error.failure
    return None


def test_a_secret_file_that_is_of_no_use_is_told_and_nothing_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "token"

    async def main() -> None:
        async with serve(tmp_path) as sandbox:
            explorer = explorer_at(sandbox.base_url, TokenFile(path))
            for break_it, why in (
                (lambda: None, "No such file"),
                (lambda: path.write_text("\n"), "is empty"),
                (lambda: path.write_bytes(b"\xff\xfe"), "is not UTF-8"),
                (lambda: path.write_text("two words"), "something else than one token"),
                (lambda: path.write_text("a;b=c"), "something else than one token"),
                (lambda: path.write_text("x" * 70_000), "larger than"),
            ):
                break_it()
                failure = await failure_of(explorer)
                assert isinstance(failure, LoginFailed)
                assert why in failure.detail
                assert str(path) in failure.detail
            assert sandbox.traffic.of("any") == ()

    asyncio.run(main())


def test_a_fifo_in_the_place_of_a_secret_stops_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "token")

    async def main() -> object:
        return await failure_of(explorer_at("http://127.0.0.1:1", TokenFile(tmp_path / "token")))

    failure = asyncio.run(main())
    assert isinstance(failure, LoginFailed)
    assert "not a regular file" in failure.detail
