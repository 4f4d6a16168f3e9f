"""A process that stands still for longer than every time-out, and then goes on as if nothing had happened."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.crash.faults import FAULTS, Fault, FaultyExplorer
from tests.crash.labels import LABELS, Label
from tests.crash.processes import Launched, Zygote, stopped_at
from tests.crash.scenario import (
    NAME,
    TRIES,
    UNDECIDED,
    WORKFLOW,
    body_of,
    comes_to_rest,
    installed,
    is_clear,
    is_reached,
    judge,
)
from tests.walk.daemon import PATIENCE_S
from tests.walk.manifests import manifest

TIMEOUT_S = 2.5
STILL_S = 3.2
"""Longer than the time-out of a request, and than all of settling (S and a quarter of it)."""

STOPS = (
    "begin: COMMIT before",
    "begin: after",
    "submit: connection before",
    "submit: connected",
    "submit: part written",
    "submit: request sent",
    "submit: reply read",
    "record: before",
    "record: COMMIT before",
    "record: COMMIT after",
)
WHERE = [label for label in LABELS if label.name in STOPS]
WHILE = [fault for fault in FAULTS if fault.name in ("none", "job made late", "500, made", "session lost")]


@pytest.mark.parametrize("label", WHERE, ids=str)
def test_one_job_or_held_after_standing_still_at(label: Label, zygote: Zygote, tmp_path: Path) -> None:
    faults = [fault for fault in WHILE if is_reached(label, fault)]
    with ThreadPoolExecutor(len(WHILE)) as pool:
        played = [
            pool.submit(play, zygote, tmp_path / f"{n}", label, fault) for n, fault in enumerate(faults)
        ]
    wrong = [f"{fault}: {one}" for fault, found in zip(faults, played, strict=True) for one in found.result()]
    assert not wrong, "\n".join(wrong)


def play(zygote: Zygote, directory: Path, label: Label, fault: Fault) -> list[str]:
    for attempt in range(TRIES):
        wrong = play_once(zygote, directory / f"{attempt}", label, fault)
        if not wrong or not all(one.startswith(UNDECIDED) for one in wrong):
            break
    return wrong


def play_once(zygote: Zygote, directory: Path, label: Label, fault: Fault) -> list[str]:
    with FaultyExplorer(job_s=0.05, faults={WORKFLOW: fault}) as explorer:
        installation = installed(zygote, directory, explorer)
        installation.settings["TIMEOUT_S"] = str(TIMEOUT_S)
        installation.write("a.yaml", manifest(NAME, WORKFLOW, version=1))
        with installation.daemon(*stopped_at(label)) as daemon:
            wrong = [] if daemon.process.has_stopped.wait(PATIENCE_S) else ["the label was not reached"]
            wrong += keeps_others_out(installation)
            time.sleep(STILL_S)  # nothing is waited for: this is the time that passes
            daemon.signal(signal.SIGCONT)
            comes_to_rest(daemon)
            explorer.settle()
            items = daemon.items()
            assert daemon.stop() == 0
        wrong += judge(explorer, items, {NAME: body_of(1)}).wrong
        if is_clear(label, fault) and label.name.startswith("begin") and items[NAME]["state"] != "Succeeded":
            wrong.append(f"{UNDECIDED}, and it is {items[NAME]['state']}: {items[NAME]['reason']}")
        return wrong


def keeps_others_out(installation: Launched) -> list[str]:
    """A process that stands still has the state as much as one that runs."""
    status = installation.command("run", "--once").returncode
    return [] if status == 75 else [f"another daemon ended with {status}"]
