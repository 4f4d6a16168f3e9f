import asyncio
import contextlib
import gc
import signal
import ssl
import subprocess
import sys
import threading

import httpx
import pytest
import trustme

from reconciler.sandbox.faults import Drip, Hang, Late
from reconciler.sandbox.ledger import Ledger, LedgerInUseError
from reconciler.sandbox.server import URL_FILE, run_until_stopped, serve
from tests.sandbox.visit import API, Clock, client, code, log_in, raw, visit, visiting

IN_A_PROCESS = """
import asyncio, sys
from pathlib import Path
from reconciler.sandbox.server import run_until_stopped

async def main():
    await run_until_stopped(
        Path(sys.argv[1]), stop=asyncio.Event(), announce=lambda it: print(it.base_url, flush=True)
    )

asyncio.run(main())
"""


@contextlib.contextmanager
def process(directory):
    """A sandbox in a process of its own, that is killed at the end: its Popen and its base URL."""
    command = [sys.executable, "-c", IN_A_PROCESS, str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            yield running, running.stdout.readline().strip()
        finally:
            running.kill()


async def submit_until_killed(running, base_url, after):
    """Submit from 8 connections and kill the server after so many answers: all IDs that were answered."""
    answered = []

    async def submit_on(http):
        with contextlib.suppress(httpx.TransportError):
            while True:
                reply = await http.post(f"{API}/workflows/2718281828/jobs", json={})
                answered.append(reply.json()["data"]["id"])
                if len(answered) == after:
                    running.send_signal(signal.SIGKILL)

    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(client(base_url)) for _ in range(8)]
        for http in clients:
            await log_in(http)
        await asyncio.gather(*map(submit_on, clients))
    return answered


def test_whatever_was_answered_survives_a_kill(tmp_path):
    known = []
    for after in (1, 25, 60):
        with process(tmp_path) as (running, base_url):
            answered = asyncio.run(submit_until_killed(running, base_url, after))
            assert running.wait(120) == -signal.SIGKILL
        there = [job.id for job in Ledger.read(tmp_path)]
        assert len(answered) >= after
        assert set(known + answered) <= set(there)
        assert len(set(there)) == len(there)
        assert set(answered).isdisjoint(known)
        known = there


def test_nobody_is_answered_before_the_ledger_is_on_disk(tmp_path, monkeypatch):
    is_asked, is_free = threading.Event(), threading.Event()

    def stuck_sync(_):
        is_asked.set()
        assert is_free.wait(120)

    async def scene(it):
        pending = asyncio.create_task(it.submit())
        await asyncio.to_thread(is_asked.wait, 120)
        assert not pending.done()
        is_free.set()
        assert code(await pending) == (200, 0)

    monkeypatch.setattr("os.fsync", stuck_sync)
    visit(tmp_path, scene)


def test_jobs_are_still_there_after_a_restart(tmp_path):
    async def play():
        clock = Clock()
        async with visiting(tmp_path, clock=clock) as it:
            await it.submit()
            await it.cancel(await it.new_job())
        clock.advance(60)
        async with visiting(tmp_path, clock=clock) as it:
            assert await it.listed_ids() == [102, 101]
            assert [await it.status(job_id) for job_id in (101, 102)] == [2, 4]
            assert await it.new_job() == 103

    asyncio.run(play())


def test_a_sandbox_says_in_its_directory_where_it_listens_while_it_does(tmp_path):
    async def scene(it):
        assert (tmp_path / URL_FILE).read_text().strip() == it.sandbox.base_url

    visit(tmp_path, scene)
    assert not (tmp_path / URL_FILE).exists()


def test_a_directory_is_served_by_one_only(tmp_path):
    async def scene(it):
        with pytest.raises(LedgerInUseError):
            async with serve(tmp_path):
                pass
        assert code(await it.get("/jobs")) == (200, 0)

    visit(tmp_path, scene)


def test_a_port_is_free_again_at_once(tmp_path):
    async def play():
        async with serve(tmp_path) as sandbox, client(sandbox.base_url) as http:
            await log_in(http)
            port = int(sandbox.base_url.rpartition(":")[2])
        async with serve(tmp_path, port=port) as sandbox:
            assert sandbox.base_url == f"http://127.0.0.1:{port}"

    asyncio.run(play())


def test_a_port_that_is_taken_is_told_and_the_directory_let_go(tmp_path):
    async def play():
        async with serve(tmp_path / "one") as sandbox:
            port = int(sandbox.base_url.rpartition(":")[2])
            with pytest.raises(OSError, match="address already in use"):
                async with serve(tmp_path / "two", port=port):
                    pass
            async with serve(tmp_path / "two"):
                pass

    asyncio.run(play())


def test_it_closes_cleanly_with_whatever_is_still_open(tmp_path):
    async def play():
        before = asyncio.all_tasks()
        async with visiting(tmp_path) as it:
            hang, late = Hang(operation="list"), Late(operation="detail", seconds=3600)
            it.sandbox.faults.switch_on(hang, late, Drip(operation="submit", interval_s=3600))
            idle, half = [await raw(it.sandbox.base_url) for _ in range(2)]
            half[1].write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nha")
            waiting = [asyncio.create_task(scene) for scene in (it.get("/jobs"), it.submit())]
            with pytest.raises(httpx.ReadError):
                await it.get("/jobs/101")
            await it.sandbox.traffic.until("any", 3)
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(outcome, httpx.TransportError) for outcome in outcomes)
        for reader, writer in (idle, half):
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()
        assert asyncio.all_tasks() == before

    asyncio.run(play())
    gc.collect()


def test_a_mistake_in_the_sandbox_itself_is_told_when_it_closes(tmp_path, monkeypatch):
    async def play():
        async with visiting(tmp_path) as it:
            monkeypatch.setattr(it.sandbox.ledger, "jobs_of", lambda _: 1 / 0)
            with pytest.raises(httpx.TransportError):
                await it.get("/jobs")

    with pytest.raises(ZeroDivisionError):
        asyncio.run(play())


def test_it_runs_until_it_is_stopped(tmp_path):
    async def play():
        stop, announced = asyncio.Event(), asyncio.get_running_loop().create_future()
        running = asyncio.create_task(
            run_until_stopped(tmp_path, stop=stop, announce=announced.set_result, password="other")
        )
        sandbox = await announced
        async with client(sandbox.base_url) as http:
            assert code(await log_in(http, '["sandbox","other"]')) == (200, 0)
        stop.set()
        await running

    asyncio.run(play())


def test_it_may_speak_tls(tmp_path):
    authority = trustme.CA()
    server, trusting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(trusting)

    async def play():
        async with serve(tmp_path, tls=server) as sandbox:
            assert sandbox.base_url.startswith("https://127.0.0.1:")
            async with httpx.AsyncClient(base_url=sandbox.base_url, verify=trusting, trust_env=False) as http:
                assert code(await log_in(http)) == (200, 0)

    asyncio.run(play())
