import asyncio
import os
import threading

import msgspec
import pytest

from reconciler.sandbox.ledger import FILE_NAME, Ledger, LedgerDamagedError, LedgerInUseError
from tests.sandbox.test_life import job


def filled(directory, *jobs):
    with Ledger(directory) as ledger:
        for each in jobs:
            ledger.add(each)
    return directory / FILE_NAME


def test_a_ledger_lasts_from_one_run_to_the_next(tmp_path):
    filled(tmp_path, job(id=101), job(id=102, workflow_id="8", body='{"input":{"t":{"p":1}}}'))
    with Ledger(tmp_path) as ledger:
        ledger.cancel(101, 1150)
        ledger.cancel(101, 1250)
    with Ledger(tmp_path) as ledger:
        assert [each.id for each in ledger.jobs] == [101, 102]
        assert ledger.jobs == Ledger.read(tmp_path)
        assert ledger.next_id() == 103
        assert [each.id for each in ledger.jobs_of("8")] == [102]
        assert ledger.jobs[0].cancelled_ms == 1150
        assert ledger.jobs[1].input == {"t": {"p": 1}}


def test_an_empty_directory_has_no_jobs(tmp_path):
    assert Ledger.read(tmp_path) == ()
    with Ledger(tmp_path / "new" / "one") as ledger:
        assert (ledger.jobs, ledger.next_id()) == ((), 101)


def test_a_ledger_is_held_by_one_only(tmp_path):
    with Ledger(tmp_path) as ledger:
        ledger.add(job())
        with pytest.raises(LedgerInUseError):
            Ledger(tmp_path)
        assert len(Ledger.read(tmp_path)) == 1
    Ledger(tmp_path).close()


def test_a_torn_last_line_was_answered_to_nobody_and_is_cut_off(tmp_path):
    path = filled(tmp_path, job(id=101))
    with path.open("ab") as file:
        file.write(msgspec.json.encode(job(id=102))[:-9])
    assert [each.id for each in Ledger.read(tmp_path)] == [101]
    filled(tmp_path, job(id=102, name="another"))
    assert [each.name for each in Ledger.read(tmp_path)] == ["seven_1", "another"]


def test_a_damaged_line_is_told_with_its_number(tmp_path):
    path = filled(tmp_path, job(id=101))
    path.write_bytes(path.read_bytes() + b"{\n")
    with pytest.raises(LedgerDamagedError, match=r"ledger\.jsonl:2: "):
        Ledger(tmp_path)


def test_ids_grow_also_after_one_that_fell(tmp_path):
    with Ledger(tmp_path) as ledger:
        ledger.add(job(id=101))
        assert ledger.lower_id() == 100
        ledger.add(job(id=100))
        assert (ledger.next_id(), ledger.lower_id()) == (102, 99)


def test_those_who_wait_together_share_one_sync(tmp_path, monkeypatch):
    syncs = []
    is_free = threading.Event()
    sync = os.fsync

    def slow_sync(file):
        syncs.append(file)
        is_free.wait(120)
        sync(file)

    async def play():
        with Ledger(tmp_path) as ledger:
            ledger.add(job(id=101))
            first = asyncio.create_task(ledger.settle())
            await asyncio.sleep(0)
            for number in range(102, 110):
                ledger.add(job(id=number))
            others = [asyncio.create_task(ledger.settle()) for _ in range(8)]
            await asyncio.sleep(0)
            assert not any(task.done() for task in (first, *others))
            is_free.set()
            await asyncio.gather(first, *others)

    monkeypatch.setattr(os, "fsync", slow_sync)
    asyncio.run(play())
    assert len(syncs) <= 2


def test_nothing_new_needs_no_sync(tmp_path, monkeypatch):
    async def play():
        with Ledger(tmp_path) as ledger:
            await ledger.settle()

    monkeypatch.setattr(os, "fsync", lambda _: pytest.fail("synced for nothing"))
    asyncio.run(play())


def test_who_waits_for_a_state_is_woken_by_the_job_that_makes_it(tmp_path):
    async def play():
        with Ledger(tmp_path) as ledger:
            waiting = asyncio.create_task(ledger.until(lambda it: len(it.jobs) == 2))
            for number in (101, 102):
                await asyncio.sleep(0)
                assert not waiting.done()
                ledger.add(job(id=number))
            await asyncio.wait_for(waiting, 120)

    asyncio.run(play())
