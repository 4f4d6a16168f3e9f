"""A state that is older than it was, gone, in part or damaged: nothing is asked for twice.

What notices the damage is tested at the store's own level; here whole processes start on such a state.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.crash.faults import FaultyExplorer
from tests.crash.processes import Launched, Zygote
from tests.crash.scenario import SETTLE_S, SETTLES, comes_to_rest, installed
from tests.walk.manifests import manifest

NOTICES = SETTLES and find_spec("reconciler.store.highwater") is not None
"""Whether this version notices a state that was rolled back or damaged, and keeps it in quarantine."""

SEEDS = range(int(os.environ.get("CRASH_SEEDS", "1")))
FLIPS = 6
"""How many places are damaged, each in a scenario of its own, for each seed."""

Damage = Callable[[Launched, Path], None]
"""What is done to a state nobody has open; the path is a copy of its directory from some time before."""


def everything_lost(installation: Launched, _older: Path) -> None:
    shutil.rmtree(installation.state.parent)


def state_lost(installation: Launched, _older: Path) -> None:
    """What lies beside it stays."""
    for ending in ("", "-wal", "-shm"):
        installation.state.with_name(installation.state.name + ending).unlink(missing_ok=True)


def log_lost(installation: Launched, _older: Path) -> None:
    """As a copy that forgot the write-ahead log."""
    for ending in ("-wal", "-shm"):
        installation.state.with_name(installation.state.name + ending).unlink(missing_ok=True)


def older_copy_put_back(installation: Launched, older: Path) -> None:
    """As somebody does who restores a backup of the database, and of nothing beside it."""
    state_lost(installation, older)
    for ending in ("", "-wal"):
        copy = older / (installation.state.name + ending)
        if copy.exists():
            shutil.copy2(copy, installation.state.parent)


def mark_lost(installation: Launched, _older: Path) -> None:
    installation.state.with_name(installation.state.name + ".intents").unlink()


def lived(zygote: Zygote, directory: Path, explorer: FaultyExplorer) -> tuple[Launched, Path]:
    """An installation that has submitted three jobs, two of them after a copy of its state was made."""
    installation = installed(zygote, directory / "site", explorer)
    installation.write("a.yaml", manifest("a", "42", version=1))
    with installation.daemon() as daemon:
        comes_to_rest(daemon)
        daemon.kill()
    older = directory / "older"
    shutil.copytree(installation.state.parent, older)
    installation.write("a.yaml", manifest("a", "42", version=2))
    installation.write("b.yaml", manifest("b", "43", version=3))
    with installation.daemon() as daemon:
        daemon.until(lambda: daemon.items().get("a", {}).get("generation") == 2, "the second version")
        daemon.until_states(a="Succeeded", b="Succeeded")
        daemon.kill()
    assert len(explorer.jobs) == 3
    return installation, older


def asks_for_nothing_twice(installation: Launched, explorer: FaultyExplorer) -> str:
    """Let two daemons live on what is left, the second for long enough to settle; gives what they said."""
    said = ""
    for life_s in (0.5, SETTLE_S * 2.5):
        with installation.daemon() as daemon:
            time.sleep(life_s)  # its life: what must not happen has no end to wait for
            daemon.kill()
        said += daemon.output
    counts = Counter(arrival.body for arrival in explorer.arrivals)
    assert set(counts.values()) == {1}, f"{counts}\n{said}"
    assert len(explorer.jobs) == 3, said
    return said


ALWAYS: tuple[Damage, ...] = (everything_lost, state_lost)
ONCE_NOTICED: tuple[Damage, ...] = (older_copy_put_back, log_lost, mark_lost)


@pytest.mark.parametrize("damage", ALWAYS + (ONCE_NOTICED if NOTICES else ()))
def test_nothing_is_asked_for_twice_on_a_state_with(damage: Damage, zygote: Zygote, tmp_path: Path) -> None:
    with FaultyExplorer(job_s=0.05) as explorer:
        installation, older = lived(zygote, tmp_path, explorer)
        damage(installation, older)
        assert asks_for_nothing_twice(installation, explorer)


if NOTICES:

    def test_a_state_that_was_rolled_back_goes_on_with_workflows_that_nobody_used(
        zygote: Zygote, tmp_path: Path
    ) -> None:
        with FaultyExplorer(job_s=0.05) as explorer:
            installation, older = lived(zygote, tmp_path, explorer)
            older_copy_put_back(installation, older)
            installation.write("c.yaml", manifest("c", "99", version=4))
            with installation.daemon() as daemon:
                daemon.until_states(c="Succeeded")
                daemon.kill()
            assert [job.workflow for job in explorer.jobs] == ["42", "42", "43", "99"]

    @pytest.mark.parametrize("place", range(FLIPS))
    @pytest.mark.parametrize("seed", SEEDS)
    def test_nothing_is_asked_for_twice_on_a_state_with_a_byte_flipped(
        place: int, seed: int, zygote: Zygote, tmp_path: Path
    ) -> None:
        with FaultyExplorer(job_s=0.05) as explorer:
            installation, _ = lived(zygote, tmp_path, explorer)
            chance = random.Random(f"{seed} {place}")
            name = installation.state.name + chance.choice(["", "-wal"])
            file = installation.state.with_name(name)
            damaged = bytearray(file.read_bytes())
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
            file.write_bytes(bytes(damaged))
            asks_for_nothing_twice(installation, explorer)
