"""The wall clock jumps, as a correction by NTP or a person makes it jump; what only goes forward does not."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.crash.faults import FAULTS, FaultyExplorer
from tests.crash.scenario import QUICK, SETTLE_S, SETTLES, TRIES, Verdict, body_of, judge
from tests.walk.daemon import Daemon, Installation
from tests.walk.manifests import manifest
from tests.walk.other_explorer import KeptReply

LIBRARIES = sorted(Path("/usr/lib").glob("**/faketime/libfaketimeMT.so.1"))
JUMPS = ("+3d", "-3d", "+90s", "-90s", "+365d")
pytestmark = pytest.mark.skipif(
    not LIBRARIES or shutil.which("faketime") is None, reason="faketime is not installed"
)


@dataclass
class WithClock(Installation):
    """An installation whose daemons read the wall clock that `set` sets, as an offset such as `+3d`.

    A daemon's watcher may die of the library that fakes the clock, and be built anew: it gives a sleep until
    a moment of the clock that goes forward a negative length, if the offset of the other changes meanwhile.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.set("+0")

    def set(self, offset: str) -> None:
        new = self.directory / "clock.new"
        new.write_text(offset + "\n")
        new.replace(self.directory / "clock")

    def daemon(self) -> Daemon:
        return Daemon(self)

    def environ(self) -> dict[str, str]:
        return super().environ() | {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self.directory / "clock"),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }


@pytest.mark.parametrize("jump", JUMPS)
def test_a_submission_during_which_the_clock_jumps_is_made_once(jump: str, tmp_path: Path) -> None:
    with FaultyExplorer(job_s=0.3) as explorer:
        installation = WithClock(tmp_path / "site", explorer.url, settings=dict(QUICK))
        reply = KeptReply(explorer)
        installation.write("a.yaml", manifest("a", version=1))
        with installation.daemon() as daemon:
            explorer.wait_for_jobs(1)
            installation.set(jump)
            reply.go.set()
            daemon.until_states(a="Succeeded")
            installation.write("a.yaml", manifest("a", version=2))
            daemon.until(lambda: daemon.items()["a"]["generation"] == 2, "the next version")
            daemon.until_states(a="Succeeded")
            submitted = daemon.items()["a"]["submittedAt"]
        assert [job.body for job in explorer.jobs] == [body_of(1), body_of(2)]
    assert submitted != daemon.log[0]["time"]


@pytest.mark.parametrize("jump", ["+3d", "-3d", "-3s"])
def test_a_wait_during_which_the_clock_jumps_ends(jump: str, tmp_path: Path) -> None:
    """After a lost session the run waits at most a second, by whatever clock; a day is not a second.

    A clock that is set back by less than an hour makes a wait longer by as much.
    """
    with FaultyExplorer(job_s=0.1, faults={"42": fault("session lost")}) as explorer:
        installation = WithClock(tmp_path / "site", explorer.url, settings=dict(QUICK))
        installation.write("a.yaml", manifest("a", version=1))
        with installation.daemon() as daemon:
            assert explorer.wait_until(lambda: len(explorer.arrivals) >= 1)
            installation.set(jump)
            daemon.until_states(a="Succeeded")
        assert len(explorer.jobs) == 1


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("name", ["reply lost", "job made late", "500, not made"])
def test_an_unclear_outcome_during_which_the_clock_jumps_makes_no_second_job(
    name: str, jump: str, tmp_path: Path
) -> None:
    """Where it is settled, the settle time is of a clock that does not jump."""
    for attempt in range(TRIES):
        verdict, latest_s = settled(name, jump, tmp_path / f"{attempt}")
        if verdict or latest_s < SETTLE_S * 0.8:
            break
    assert verdict, verdict.wrong


def settled(name: str, jump: str, directory: Path) -> tuple[Verdict, float]:
    """What came of an unclear outcome, and how late its job was."""
    with FaultyExplorer(job_s=0.1, faults={"42": fault(name)}) as explorer:
        installation = WithClock(directory, explorer.url, settings=dict(QUICK))
        installation.write("a.yaml", manifest("a", version=1))
        with installation.daemon() as daemon:
            assert explorer.wait_until(lambda: len(explorer.arrivals) >= 1)
            installation.set(jump)
            ends = ("Held", "Succeeded") if SETTLES else ("Held",)
            items = daemon.until_all(*ends, count=1)
            explorer.settle()
        return judge(explorer, items, {"a": body_of(1)}), explorer.latest_s


def fault(name: str):  # type: ignore[no-untyped-def]
    return next(one for one in FAULTS if one.name == name)
