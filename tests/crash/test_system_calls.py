"""The system calls of one submission: how many it costs, and what happens when any one of them fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from http.client import HTTPException
from pathlib import Path
from signal import SIGHUP

import pytest

from tests.crash.faults import FaultyExplorer
from tests.crash.processes import Launched, Zygote
from tests.crash.scenario import WORKFLOW, body_of, comes_to_rest, installed, judge
from tests.crash.tracing import NO_STRACE, Calls, traced
from tests.walk.daemon import Daemon
from tests.walk.manifests import manifest

pytestmark = pytest.mark.skipif(NO_STRACE, reason="strace is not installed")

AT_ONCE = int(os.environ.get("CRASH_AT_ONCE", "3"))
IS_FULL = "CRASH_SEEDS" in os.environ
"""Else each of the many writes fails in one way only, and the ways take turns."""

MAY_MISS = 0.5
"""How many of the injections may find no such call: which thread makes it differs from time to time."""

ERRORS = {
    "fdatasync": ("error=EIO", "error=ENOSPC", "signal=SIGKILL"),
    "fsync": ("error=EIO", "error=ENOSPC", "signal=SIGKILL"),
    "pwrite64": ("error=EIO", "error=ENOSPC", "signal=SIGKILL"),
    "connect": ("error=ECONNRESET", "signal=SIGKILL"),
    "sendto": ("error=ECONNRESET", "signal=SIGKILL"),
    "recvfrom": ("error=ECONNRESET", "signal=SIGKILL"),
}
"""What is done to each kind of call: the first three are the store's, the others those of sockets."""


@contextmanager
def at_rest(zygote: Zygote, directory: Path, explorer: FaultyExplorer) -> Iterator[tuple[Launched, Daemon]]:
    """A daemon that has submitted once to the workflow, and now has nothing to do until the tree changes."""
    installation = installed(zygote, directory, explorer)
    installation.settings |= {"RESYNC_S": "20"}
    installation.write("a.yaml", manifest("a", WORKFLOW, version=1))
    with installation.daemon() as daemon:
        daemon.until(lambda: daemon.says("job ended"), "an end")
        yield installation, daemon


def submit_again(installation: Launched, daemon: Daemon) -> None:
    """Change the manifest, and return once something came of that; the daemon is not asked, only heard."""
    installation.write("a.yaml", manifest("a", WORKFLOW, version=2))

    def came_of_it() -> bool:
        ends = [line for line in list(daemon.log) if line.get("generation") == 2]
        return daemon.has_ended or any(
            line["event"].startswith(("job ended", "held", "unknown")) for line in ends
        )

    with suppress(AssertionError):  # a wake-up that was lost, say: the next pass comes by itself
        daemon.until(came_of_it, "an end", deadline_s=8)


@pytest.fixture(scope="module")
def counted(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Calls:
    """The calls of a submission that goes well."""
    directory = tmp_path_factory.mktemp("counted")
    with (
        FaultyExplorer(job_s=0.05) as explorer,
        at_rest(zygote, directory / "site", explorer) as (it, daemon),
    ):
        with traced(daemon.process.pid, "-o", str(directory / "calls"), "-e", f"trace={','.join(ERRORS)}"):
            submit_again(it, daemon)
            explorer.wait_for_jobs(2)
            daemon.until(lambda: daemon.says("job ended", generation=2), "an end")
        assert len(explorer.jobs) == 2
    return Calls(directory / "calls")


@pytest.mark.parametrize("call", ERRORS)
def test_any_one_system_call_of_a_submission_may_fail(
    call: str, counted: Calls, zygote: Zygote, tmp_path: Path
) -> None:
    count, ways = counted.most_of(call), ERRORS[call]
    assert count or call == "fsync"
    injections = [
        f"inject={call}:{way}:when={number}"
        for number in range(1, count + 1)
        for turn, way in enumerate(ways)
        if IS_FULL or call != "pwrite64" or number % len(ways) == turn
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        played = [
            pool.submit(play, zygote, tmp_path / f"{number}", one) for number, one in enumerate(injections)
        ]
    found = [(injection, *one.result()) for injection, one in zip(injections, played, strict=True)]
    wrong = [f"{injection}: {it}" for injection, all_wrong, _ in found for it in all_wrong]
    assert not wrong, "\n".join(wrong)
    missed = [injection for injection, _, was_hit in found if not was_hit]
    assert len(missed) <= len(found) * MAY_MISS, f"these failed no call: {missed}"


def play(zygote: Zygote, directory: Path, injection: str) -> tuple[list[str], bool]:
    """What is wrong afterwards, and whether there was such a call: threads share the work anew each time."""
    calls = directory.parent / f"{directory.name}.calls"
    with FaultyExplorer(job_s=0.05) as explorer:
        with at_rest(zygote, directory, explorer) as (installation, daemon):
            with traced(daemon.process.pid, "-o", str(calls), "-e", injection):
                submit_again(installation, daemon)
            is_killed = not goes_on(daemon)
        if is_killed and "SIGKILL" not in injection:
            return [f"the daemon ended by itself: {daemon.output[-2000:]}"], True
        if is_killed:
            with installation.daemon() as daemon:
                comes_to_rest(daemon, generation=2)
                daemon.kill()
        items = installation.get()
        wrong = judge(explorer, items, {"a": body_of(2)}).wrong
        if len([job for job in explorer.jobs if job.body == body_of(1)]) != 1:
            wrong.append("the first version was submitted again")
        if "pwrite64" in injection and not is_killed and items["a"]["state"] != "Succeeded":
            wrong.append(f"nothing was unclear, and it is {items['a']['state']}: {items['a']['reason']}")
        return wrong, was_injected(calls)


def was_injected(calls: Path) -> bool:
    """Whether strace says that it failed a call, or killed the process by one."""
    text = calls.read_text(errors="replace")
    return "(INJECTED)" in text or "killed by SIGKILL" in text


def goes_on(daemon: Daemon) -> bool:
    """Whether the daemon comes to rest, and is killed then; False if it has died before, or dies meanwhile.

    The last call of a kind may come after the log's last line, so that the daemon dies while it is asked.
    """
    with suppress(OSError, HTTPException):
        if not daemon.has_ended:
            daemon.signal(SIGHUP)  # look at the tree, in case the word of its change was lost
            comes_to_rest(daemon, generation=2)
            daemon.kill()
            return True
    daemon.ended()
    return False


def test_a_submission_costs_two_synced_writes_and_one_request(zygote: Zygote, tmp_path: Path) -> None:
    """On a workflow that was listed before. What checks the disk now and then may add a write to some."""
    costs = []
    with FaultyExplorer(job_s=600) as explorer:
        installation = installed(zygote, tmp_path / "site", explorer)
        installation.settings |= {"RESYNC_S": "20", "POLL_S": "600"}
        installation.write("a.yaml", manifest("a", WORKFLOW, version=1))
        with installation.daemon() as daemon:
            daemon.until(lambda: daemon.says("submitted"), "a first submission")
            for version in range(2, 8):
                file, before = tmp_path / f"{version}", len(explorer.requests)
                with traced(
                    daemon.process.pid, "-o", str(file), "-e", "trace=fsync,fdatasync,sync_file_range"
                ):
                    installation.write("a.yaml", manifest("a", WORKFLOW, version=version))
                    news = partial(daemon.says, "submitted", generation=version)
                    daemon.until(news, "a submission")
                sent = [seen.method for seen in explorer.requests[before:]]
                syncs = Calls(file).count(("fsync", "fdatasync", "sync_file_range"), "state.db-wal")
                costs.append((syncs, sent))
    assert min(costs) == (2, ["POST"])
    assert all(sent == ["POST"] for _, sent in costs)
