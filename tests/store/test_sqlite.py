"""The SQLite store: the contract, and what is its own: files, locks, crashes, full disks, migrations."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from reconciler.core.model import JobId, Name, Policies, RunKey
from reconciler.core.outcome import Created
from reconciler.errors import StateDamaged, StateInUse, StateUnusable, StateUnwritable, WrongOrigin
from reconciler.store.migrations import APPLICATION_ID, STEPS, migrate
from reconciler.store.reading import Reader, answer_to, ask
from reconciler.store.sqlite import SqliteStore
from reconciler.store.sums import register
from tests.store.contract import StoreContract, claim, claimed, sighting, submitted
from tests.store.following_contract import FollowingContract
from tests.store.settling_contract import SettlingContract

ORIGIN = "http://127.0.0.1:1"


@contextlib.asynccontextmanager
async def opened(state: Path, origin: str | None = ORIGIN, **how: bool) -> AsyncIterator[SqliteStore]:
    holder = {"pid": os.getpid(), "host": "here", "since": "now"}
    store = await SqliteStore.open(state, origin, holder, lambda *_: None, **how)
    try:
        yield store
    finally:
        await store.close()


class TestContract(StoreContract, SettlingContract, FollowingContract):
    def open(self, directory: Path) -> contextlib.AbstractAsyncContextManager[SqliteStore]:
        return opened(directory / "state.db")


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "state.db") as store:
            await claimed(store, "a")
            await submitted(store, Created(JobId(9)))
            before = await store.items()
        async with opened(tmp_path / "state.db") as store:
            assert await store.items() == before

    asyncio.run(main())


def test_a_clean_end_leaves_one_file_and_no_log(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "state.db") as store:
            await claimed(store, "a")

    asyncio.run(main())
    assert not (tmp_path / "state.db-wal").exists()


def test_the_state_is_nobody_elses_to_read(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "deep" / "state.db"):
            pass

    asyncio.run(main())
    assert stat.S_IMODE((tmp_path / "deep").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "deep" / "state.db").stat().st_mode) == 0o600


def test_a_second_process_is_told_who_has_the_state(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "state.db"):
            with pytest.raises(StateInUse, match=f"process {os.getpid()} on here, since now"):
                async with opened(tmp_path / "state.db"):
                    pass

    asyncio.run(main())


def test_a_state_belongs_to_one_explorer(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "state.db"):
            pass
        with pytest.raises(WrongOrigin):
            async with opened(tmp_path / "state.db", "http://127.0.0.1:2"):
                pass
        async with opened(tmp_path / "state.db", "http://127.0.0.1:2", has_moved=True):
            pass
        async with opened(tmp_path / "state.db", "http://127.0.0.1:2"):
            pass
        async with opened(tmp_path / "state.db", None):
            pass

    asyncio.run(main())


def test_a_newer_state_is_refused_and_untouched(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    with contextlib.closing(sqlite3.connect(state)) as connection:
        connection.executescript(
            f"CREATE TABLE future (x); PRAGMA application_id = {APPLICATION_ID};"
            f" PRAGMA user_version = {len(STEPS) + 1};"
        )
    before = state.read_bytes()

    async def main() -> None:
        with pytest.raises(StateUnusable, match="newer version"):
            async with opened(state):
                pass

    asyncio.run(main())
    assert state.read_bytes() == before


@pytest.mark.parametrize("content", [b"not a database at all" * 100, None])
def test_a_file_that_is_no_state_is_refused_and_untouched(tmp_path: Path, content: bytes | None) -> None:
    state = tmp_path / "state.db"
    if content is None:
        with contextlib.closing(sqlite3.connect(state)) as connection:
            connection.execute("CREATE TABLE somebody_elses (x)")
    else:
        state.write_bytes(content)
    before = state.read_bytes()

    async def main() -> None:
        with pytest.raises(StateDamaged if content else StateUnusable):
            async with opened(state):
                pass

    asyncio.run(main())
    assert state.read_bytes() == before


@pytest.mark.parametrize("version", range(len(STEPS)))
def test_every_older_state_is_brought_to_the_newest_schema(tmp_path: Path, version: int) -> None:
    state = tmp_path / "state.db"
    with contextlib.closing(sqlite3.connect(state, isolation_level=None)) as connection:
        register(connection)
        migrate(connection, to=version)

    async def main() -> None:
        async with opened(state) as store:
            await claimed(store, "a")

    asyncio.run(main())
    with contextlib.closing(sqlite3.connect(state)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(STEPS),)


@pytest.mark.parametrize("version", range(1, len(STEPS)))
def test_what_an_older_state_knows_is_known_in_the_newest_schema(tmp_path: Path, version: int) -> None:
    """Its rows are summed anew over the columns that the tables now have, and verified at the next start."""
    state = tmp_path / "state.db"
    with contextlib.closing(sqlite3.connect(state, isolation_level=None)) as connection:
        register(connection)
        migrate(connection, to=version)
        for phase, status, job_id in (("Followed", "Running", 7), ("Ended", "Failed", 8)):
            connection.execute(
                "INSERT INTO names (name, presence, path, digest, workflow_id, reason, updated_ms)"
                " VALUES (?, 'wanted', 'a.yaml', 'd', '1', '', 5)",
                (f"n{job_id}",),
            )
            connection.execute(
                "INSERT INTO runs (name, generation, attempt, workflow_id, digest, body, phase, job_id,"
                " job_status, accepted_ms, claimed_ms, updated_ms)"
                " VALUES (?, 1, 1, '1', 'd', ?, ?, ?, ?, 1, 1, 1)",
                (f"n{job_id}", b"{}", phase, job_id, status),
            )

    async def look() -> tuple[list[str], list[JobId], bool]:
        async with opened(state) as store:
            items = [str(item.state) for item in await store.items()]
            followed = [run.state.job_id for run in await store.followed_runs()]  # type: ignore[union-attr]
            assert (await store.world([Name("n7")], [])).names[Name("n7")].policies == Policies()
            return items, followed, bool(await store.runs_without_tasks())

    expected = (["Running", "Failed"], [JobId(7)], False)
    before = state.read_bytes()
    with contextlib.closing(Reader.open(state)) as reader:  # whoever only reads leaves the file as it is
        assert [str(item.state) for item in reader.items()] == expected[0]
    assert state.read_bytes() == before
    for _ in range(2):
        assert asyncio.run(look()) == expected


def test_a_claim_is_on_disk_no_later_than_its_intent(tmp_path: Path) -> None:
    """The claim is not waited for, and its process dies right after the intent was."""
    script = """
        import asyncio, os, signal, sys
        from pathlib import Path
        from tests.store.contract import *
        from tests.store.test_sqlite import opened
        async def main():
            async with opened(Path(sys.argv[1])) as store:
                await store.workflow_listed(WORKFLOW, [], 1)
                store.observe([sighting()], [claim()], [], 10)
                await store.begin(KEY, TRACE, 20)
                os.kill(os.getpid(), signal.SIGKILL)
        asyncio.run(main())
    """
    state = tmp_path / "state.db"
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(script), state], check=False)
    assert ended.returncode == -signal.SIGKILL

    async def main() -> None:
        async with opened(state) as store:
            [run] = await store.take_up_open_runs("found open", 30, 60_000)
            assert run.key == RunKey(Name("a"), 1, 1)

    asyncio.run(main())


def test_what_is_written_together_is_synced_once(tmp_path: Path) -> None:
    commits: list[float] = []

    async def main() -> None:
        holder = {"pid": 1, "host": "here", "since": "now"}
        store = await SqliteStore.open(
            tmp_path / "state.db", ORIGIN, holder, lambda seconds, _: commits.append(seconds)
        )
        await claimed(store, *(f"n{number}" for number in range(32)))
        commits.clear()
        keys = [RunKey(Name(f"n{number}"), 1, 1) for number in range(32)]
        await asyncio.gather(*(store.begin(key, "ab" * 16, 20) for key in keys))
        await store.close()

    asyncio.run(main())
    assert len(commits) <= 3


def test_a_piece_that_fails_does_not_undo_its_company(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "state.db") as store:
            await claimed(store, "a")
            refused = "INSERT INTO meta (key, value) VALUES ('a', NULL)"
            bad = store._writer.defer(lambda connection: connection.execute(refused))
            good = store.observe([sighting("b")], [claim("b")], [], 11)
            with pytest.raises(sqlite3.IntegrityError):
                await bad
            await good
            assert (await store.item(Name("b"))) is not None

    asyncio.run(main())


def test_a_full_disk_refuses_what_it_cannot_keep_and_heals(tmp_path: Path) -> None:
    """The file may not grow beyond its present size: the same SQLITE_FULL that a full disk gives."""

    async def main() -> None:
        async with opened(tmp_path / "state.db") as store:
            await claimed(store, "a")
            connection = store._writer._connection
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages}")
            with pytest.raises(StateUnwritable, match="full"):
                await store.observe([sighting(f"x{n}") for n in range(2000)], [], [], 12)
            connection.execute("PRAGMA max_page_count = 100000")
            await store.check_writable()
            assert [item.name for item in await store.items()] == ["a"]

    asyncio.run(main())


def test_a_state_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    async def main() -> None:
        with pytest.raises(StateUnwritable):
            async with opened(tmp_path / "file" / "state.db"):
                pass

    asyncio.run(main())


def test_a_reader_sees_a_state_that_nobody_writes_and_one_that_a_daemon_has(tmp_path: Path) -> None:
    state = tmp_path / "state.db"

    async def main() -> None:
        async with opened(state) as store:
            await claimed(store, "a")
            with contextlib.closing(Reader.open(state)) as reader:
                assert [item.name for item in reader.items()] == ["a"]

    asyncio.run(main())
    with contextlib.closing(Reader.open(state)) as reader:
        assert [item.name for item in reader.items()] == ["a"]
    with pytest.raises(StateUnusable):
        Reader.open(tmp_path / "none.db")


def test_a_wish_is_seen_and_its_answer_is_read(tmp_path: Path) -> None:
    state = tmp_path / "state.db"

    async def main() -> None:
        async with opened(state) as store:
            before = await store.data_version()
            number = ask(state, "approve", {"hash": "f00"}, 1)
            assert answer_to(state, number) is None
            assert await store.data_version() != before
            [wish] = await store.open_wishes()
            assert (wish.number, wish.kind, wish.arguments) == (number, "approve", {"hash": "f00"})
            await store.answer(number, "approved 1 run", 2, is_done=True)
            assert answer_to(state, number) == (True, "approved 1 run")
            assert await store.open_wishes() == []

    asyncio.run(main())
