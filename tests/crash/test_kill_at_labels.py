"""A daemon killed at any point of a submission, whatever the server does: one job, its own, or held."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.crash.faults import FAULTS, FaultyExplorer
from tests.crash.labels import LABELS, Label
from tests.crash.processes import Zygote, killed_at
from tests.crash.scenario import NAME, WORKFLOW, aftermath, crash, installed, is_reached, play
from tests.walk.manifests import manifest

AT_ONCE = int(os.environ.get("CRASH_AT_ONCE", "3"))
"""How many scenarios of a label are played at once: most of their time is waiting."""


SEEDS = range(int(os.environ.get("CRASH_SEEDS", "1")))
"""Seed 0 is one crash a scenario; each other one draws more crashes (`make soak-crash SEEDS=5`)."""

SEND = next(label for label in LABELS if label.name == "submit: connected")
REPLY = next(label for label in LABELS if label.name == "submit: reply read")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("label", LABELS, ids=str)
def test_one_job_or_held_after_a_kill_at(label: Label, seed: int, zygote: Zygote, tmp_path: Path) -> None:
    faults = [fault for fault in FAULTS if is_reached(label, fault)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        played = [
            pool.submit(play, zygote, tmp_path / f"{number}", label, fault, seed)
            for number, fault in enumerate(faults)
        ]
    wrong = [one for scenario in played for one in scenario.result()]
    assert not wrong, "\n".join(wrong)


def test_the_matrix_is_large_enough() -> None:
    assert len({label.name for label in LABELS}) == len(LABELS) >= 30
    assert len(FAULTS) >= 8
    assert sum(is_reached(label, fault) for label in LABELS for fault in FAULTS) >= 240


@pytest.mark.parametrize(
    ("flaw", "label", "said"),
    [
        ("resend", REPLY, "duplicate"),
        ("forget", SEND, "lost"),
        ("adopt", SEND, "wrong adoption"),
    ],
)
def test_a_daemon_that_guesses_would_be_found(
    flaw: str, label: Label, said: str, zygote: Zygote, tmp_path: Path
) -> None:
    with FaultyExplorer(job_s=0.05) as explorer:
        installation = installed(zygote, tmp_path / "site", explorer)
        installation.write("a.yaml", manifest(NAME, WORKFLOW, version=1))
        assert crash(installation, killed_at(label)) == []
        if flaw == "adopt":
            explorer.add_job(WORKFLOW)
        (wrong,) = aftermath(installation, explorer, ("--flaw", flaw))
    assert wrong.startswith(said)


def test_a_label_that_nothing_passes_would_be_found(zygote: Zygote, tmp_path: Path) -> None:
    with FaultyExplorer(job_s=0.05) as explorer:
        installation = installed(zygote, tmp_path / "site", explorer)
        installation.write("a.yaml", manifest(NAME, WORKFLOW, version=1))
        (wrong,) = crash(installation, ("--kill", "no such label", "1"), patience_s=2)
    assert wrong.startswith("the label was not reached")
