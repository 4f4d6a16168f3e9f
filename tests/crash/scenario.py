"""One manifest, one crash, one fault: what is done, and what must be true of it afterwards."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from signal import SIGHUP, SIGKILL
from subprocess import TimeoutExpired
from typing import Any

from tests.crash.faults import Fault, FaultyExplorer
from tests.crash.labels import LABELS, Label, Stage
from tests.crash.processes import Launched, Zygote, killed_at
from tests.walk.daemon import PATIENCE_S, Daemon, Item
from tests.walk.manifests import manifest

SETTLES = find_spec("reconciler.engine.settler") is not None
"""Whether this version settles unclear outcomes by itself; before it does, it holds them."""

SETTLE_S = 1.2
WORKFLOW = "42"
NAME = "a"
RESTING = {"Succeeded", "Failed", "Interrupted", "Held", "Rejected", "Superseded"}
TRIES = 3
"""How often a scenario is played whose timing the machine itself has spoilt."""

UNDECIDED = "nothing was unclear"
"""What breaks no promise, and may come of a request that a busy machine has made too late."""

QUICK = {
    "SETTLE_S": str(SETTLE_S),
    "TIMEOUT_S": "60",
    "POLL_S": "0.12",
    "RESYNC_S": "0.3",
    "DRAIN_S": "1",
    "LOG_LEVEL": "info",
}
SHORT_TIMEOUT = {"TIMEOUT_S": "1.5"}


@dataclass
class Verdict:
    """What is wrong with what became of the manifests: nothing, it is hoped."""

    wrong: list[str] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return not self.wrong


def judge(explorer: FaultyExplorer, items: dict[str, Item], bodies: dict[str, bytes]) -> Verdict:
    """0 duplicates, 0 lost, 0 wrong adoptions: by the server's memory of jobs and their bodies."""
    verdict = Verdict(states={name: item["state"] for name, item in items.items()})
    made = {job.id: job for job in list(explorer.jobs)}
    for name, body in bodies.items():
        item = items.get(name, {})
        state, job_id = item.get("state"), item.get("jobId")
        own = [job.id for job in made.values() if job.input == _input_of(body)]
        if len(own) > 1:
            verdict.wrong.append(f"duplicate: {name} has jobs {own} ({state}: {item.get('reason')})")
        if job_id is not None and int(job_id) not in own:
            verdict.wrong.append(f"wrong adoption: {name} has job {job_id}, and its own are {own}")
        is_told = state in {"Held", "Rejected"}
        if job_id is None and not is_told:
            verdict.wrong.append(f"lost: {name} is {state} ({item.get('reason')}), and its jobs are {own}")
        if state == "Rejected" and own:
            verdict.wrong.append(f"lost: {name} is Rejected, and job {own} was made")
        if job_id is not None and state == "Held":
            verdict.wrong.append(f"{name} is held, and has job {job_id}")
    return verdict


def _input_of(body: bytes) -> Any:
    return json.loads(body)["input"]


def body_of(version: int) -> bytes:
    return b'{"input":{"query_1":{"version":%d}}}' % version


def comes_to_rest(daemon: Daemon, names: Iterable[str] = (NAME,), generation: int = 1) -> None:
    """Return once all is decided of these generations, and a whole pass later still is."""
    wanted = set(names)

    def rests() -> bool:
        items = daemon.items()
        return wanted <= items.keys() and all(
            item["state"] in RESTING and item["generation"] >= generation for item in items.values()
        )

    daemon.until(rests, "rest")
    daemon.signal(SIGHUP)
    daemon.looks_again(1)
    daemon.until(rests, "rest again")


def is_reached(label: Label, fault: Fault) -> bool:
    """Whether the walk comes by this label at all when the server does so."""
    return fault.gives >= label.needs


def play(zygote: Zygote, directory: Path, label: Label, fault: Fault, seed: int = 0) -> list[str]:
    """Kill a daemon at the label, have others go on until they rest; what is wrong then.

    Seed 0 is one crash, as it is written in the table; others draw up to two more crashes.
    """
    chance = random.Random(f"{seed} {label} {fault}")
    labels = [label, *chance.sample(LABELS, chance.randint(1, 2))] if seed else [label]
    for attempt in range(TRIES):
        wrong, latest_s = _play_once(zygote, directory / f"{attempt}", labels, fault)
        is_spoilt = latest_s >= SETTLE_S * 0.8 or all(one.startswith(UNDECIDED) for one in wrong)
        if not wrong or not is_spoilt:
            break
    return [f"{' + '.join(map(str, labels))} × {fault}, seed {seed}: {one}" for one in wrong]


def _play_once(
    zygote: Zygote, directory: Path, labels: Sequence[Label], fault: Fault
) -> tuple[list[str], float]:
    with FaultyExplorer(job_s=0.05, faults={WORKFLOW: fault}) as explorer:
        installation = installed(zygote, directory, explorer, fault)
        installation.write("a.yaml", manifest(NAME, WORKFLOW, version=1))
        wrong = crash(installation, killed_at(labels[0]))
        for label in labels[1:]:
            crash_or_rest(installation, killed_at(label))
        wrong += aftermath(installation, explorer, ())
        wrong += not_as_expected(labels, fault, explorer, installation.get()[NAME])
        return wrong, explorer.latest_s


def aftermath(installation: Launched, explorer: FaultyExplorer, options: Sequence[str]) -> list[str]:
    """Have a daemon go on until it rests, and judge what became of the one manifest."""
    with installation.daemon(*options) as daemon:
        comes_to_rest(daemon)
        explorer.settle()
        daemon.until(lambda: installation.get() == daemon.items(), "the same from `get` as from the daemon")
        daemon.kill()
    return judge(explorer, installation.get(), {NAME: body_of(1)}).wrong


def installed(
    zygote: Zygote, directory: Path, explorer: FaultyExplorer, fault: Fault | None = None
) -> Launched:
    settings = QUICK | (SHORT_TIMEOUT if fault and fault.is_held_back else {})
    return Launched(directory, explorer.url, settings=settings, zygote=zygote)


def crash(installation: Launched, trap: Sequence[str], patience_s: float = PATIENCE_S) -> list[str]:
    """Run a daemon until its trap kills it; what is wrong if it does not."""
    with installation.daemon(*trap) as daemon:
        with suppress(TimeoutExpired):
            daemon.process.wait(patience_s)
        status = daemon.process.returncode
    return [] if status == -SIGKILL else [f"the label was not reached: {status}\n{daemon.output[-2000:]}"]


def crash_or_rest(installation: Launched, trap: Sequence[str]) -> None:
    """The same where nobody knows whether the walk still comes by the label."""
    with installation.daemon(*trap) as daemon:
        with suppress(OSError, IndexError):  # it dies while it is asked
            daemon.until(lambda: daemon.has_ended or set(daemon.states().values()) <= RESTING, "an end")
        daemon.kill()


def not_as_expected(labels: Sequence[Label], fault: Fault, explorer: FaultyExplorer, item: Item) -> list[str]:
    """More than the promise: what can be known is known, and nothing is held that need not be."""
    arrived = len(explorer.arrivals)
    if arrived > most_arrivals(fault):
        return [f"{arrived} requests arrived"]
    if all(is_clear(label, fault) for label in labels) and item["state"] != "Succeeded":
        return [f"{UNDECIDED}, and it is {item['state']}: {item['reason']}"]
    return []


def is_clear(label: Label, fault: Fault) -> bool:
    """Whether nobody was ever in doubt, so that the run must have ended with its job."""
    if label.stage is Stage.UNSENT or label.stage is Stage.RECORDED:
        return fault.is_clear
    return SETTLES and label.stage is Stage.NOTED and fault.is_clear and not fault.strangers


def most_arrivals(fault: Fault) -> int:
    """One, and another after an answer that made nothing; what was unclear is sent again only once known."""
    return 2 if fault.loses_sessions or (SETTLES and fault.is_made == "never") else 1
