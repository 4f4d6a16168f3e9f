"""A glance at the log tells that nobody has written, and nothing where somebody may have."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest

from reconciler.store.glance import BELIEVED_NS, SETTLED_NS, Glance
from reconciler.store.reading import Reader, ask
from tests.store.test_sqlite import opened

LATER_NS = 10**18


def log_of(directory: Path) -> Path:
    log = directory / "state.db-wal"
    log.write_bytes(b"one")
    return log


def at(state: Path, now_ns: int) -> Glance:
    return Glance(state, lambda: now_ns)


def test_a_log_at_rest_looks_the_same_until_it_is_written_to(tmp_path: Path) -> None:
    log, glance = log_of(tmp_path), at(tmp_path / "state.db", time.time_ns() + LATER_NS)
    before = glance.sight()
    assert before is not None
    assert glance.sight() == before
    os.utime(log, ns=(0, 0))
    assert glance.sight() != before


def test_another_log_in_its_place_looks_different(tmp_path: Path) -> None:
    log, glance = log_of(tmp_path), at(tmp_path / "state.db", time.time_ns() + LATER_NS)
    before = glance.sight()
    log.rename(tmp_path / "old")
    log_of(tmp_path)
    assert glance.sight() != before


def test_a_log_whose_times_are_not_settled_tells_nothing(tmp_path: Path) -> None:
    status = log_of(tmp_path).stat()
    written_ns = max(status.st_mtime_ns, status.st_ctime_ns)
    assert at(tmp_path / "state.db", written_ns + SETTLED_NS - 1).sight() is None
    assert at(tmp_path / "state.db", written_ns + SETTLED_NS).sight() is not None
    assert at(tmp_path / "state.db", 0).sight() is None


def test_a_commit_whose_log_takes_long_to_sync_is_not_overlooked(tmp_path: Path) -> None:
    """SQLite shows a commit only after the sync of what was written for it, which moves no times any more."""
    log_of(tmp_path)
    state, now_ns = tmp_path / "state.db", BELIEVED_NS * 10**10
    before = at(state, now_ns).sight()
    assert before is not None
    assert at(state, now_ns + BELIEVED_NS - 1).sight() == before
    assert at(state, now_ns + BELIEVED_NS).sight() != before


def test_a_state_without_a_log_tells_nothing(tmp_path: Path) -> None:
    assert at(tmp_path / "state.db", time.time_ns()).sight() is None


@pytest.mark.parametrize("times", ["settled", "in this moment"])
def test_a_store_sees_every_wish_and_asks_only_where_a_glance_does_not_tell(
    tmp_path: Path, times: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, asked = tmp_path / "state.db", []
    truth = Reader.data_version

    def counted(reader: Any) -> int:
        asked.append(reader)
        return truth(reader)

    monkeypatch.setattr(Reader, "data_version", counted)

    async def main() -> None:
        async with opened(state) as store:
            await store.check_writable()
            now_ns = time.time_ns() + LATER_NS if times == "settled" else 0
            store._glance = Glance(state, lambda: now_ns)
            seen = {await store.data_version() for _ in range(5)}
            assert len(seen) == 1
            assert len(asked) == (1 if times == "settled" else 5)
            for number in range(5):
                ask(state, "approve", {"hash": "f00"}, number)
                version = await store.data_version()
                assert version not in seen
                seen.add(version)

    asyncio.run(main())


def test_a_trial_of_the_disk_is_no_change(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "state.db") as store:
            before = store.changes
            await store.check_writable()
            assert store.changes == before
            await asyncio.gather(store.check_writable(), store.jobs_seen("7", 3))
            assert store.changes == before + 1

    asyncio.run(main())
