"""Every command on a real terminal, narrow and wide, with the longest names and with texts that attack it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.core.model import (
    Cancel,
    CancelCause,
    JobId,
    JobStatus,
    Manifest,
    Name,
    Pause,
    Policies,
    RunKey,
    Task,
    WorkflowId,
)
from reconciler.core.outcome import Created, NotCreated, Receipt, Refused, Unclear
from reconciler.core.plan import Claim
from reconciler.core.reason import Reason
from reconciler.core.sighting import Presence, Sighting
from reconciler.store.port import Terms
from tests.cli.holds import shown as listed
from tests.cli.lasting import STATE, left_behind
from tests.cli.terminal import PATIENCE_S, ROOT, Shown, opened, shown
from tests.core.builders import manifest
from tests.engine.stage import QUICK, SLOW, Stage, manifest_text, now_ms
from tests.walk.other_explorer import OtherExplorer

WIDTHS = (80, 200)
ATTACK = "\x1b[2J\x9b31m\u202e\x07\r\nend 蒂姆"
"""What clears a screen, colours it, turns its text around, rings, and begins another line."""

LONGEST_ID = JobId(2**63 - 2)
NAMES = {
    word: Name(f"{word}-{'n' * (252 - len(word))}") for word in ("done", "held", "lost", "refused", "new")
}
OF_ALL: Sequence[tuple[str, ...]] = (
    ("get",),
    ("get", "-o", "wide"),
    ("get", "--sort-by", "age"),
    ("get", "-l", "team=graph", "--state", "Held"),
    ("plan",),
    ("history",),
    ("doctor",),
    ("--help",),
    ("get", "--help"),
    ("results", "--help"),
)
DATA: Sequence[tuple[str, ...]] = (
    *(("get", "-o", "json"), ("get", "-o", "yaml"), ("get", "-o", "name"), ("plan", "-o", "json")),
    *(("plan", "-o", "markdown"), ("history", "-o", "json"), ("doctor", "-o", "json"), ("validate",)),
    *(("get", f"no\x1b[2J{'x' * 300}"), ("describe", "no\x1b[2J"), ("approve", "no\x1b[2J")),
    *(("get", "-l", "a\x1b[2J b"), ("get", "--state", "no\x1b[2J"), ("history", "--since", "\x1b[2J")),
)
CHANGING: Sequence[tuple[str, ...]] = (
    ("retry", NAMES["refused"], "--why", ATTACK),
    ("retry", ATTACK),
    ("cancel", NAMES["done"], "--why", ATTACK),
    ("resume", "--why", ATTACK),
    ("pause", "--why", ATTACK),
    ("resolve", NAMES["held"], "--adopt", "7"),
    ("resolve", NAMES["lost"], "--not-created"),
    ("baseline", NAMES["new"]),
    ("baseline", ATTACK),
    ("approve", ATTACK),
    ("backup", f"copy{ATTACK}.db"),
    ("init", f"new{ATTACK}"),
    *(
        ("completion", "bash"),
        ("completion", ATTACK),
        ("schema",),
        ("version",),
        (ATTACK,),
        ("get", f"--{ATTACK}"),
    ),
)


def of_one(name: str) -> list[tuple[str, ...]]:
    return [("describe", name), ("explain", name), ("history", name)]


def are_well(found: Sequence[Shown], columns: int | None) -> None:
    """Nothing broke, nothing escaped, and no line is longer than the terminal."""
    for it in found:
        assert "Traceback" not in it.text, it.text
        assert it.steering() == [], it.arguments
        if columns is not None:
            assert it.widest <= columns, (it.arguments, it.plainly)


async def ran(stage: Stage, wanted: Manifest, receipt: Receipt) -> RunKey:
    """A run of this manifest, whose request came to this."""
    key = RunKey(wanted.name, 1, 1)
    policies = Policies(depends_on=(NAMES["held"],), backoff_limit=3)
    seen = Sighting(
        name=wanted.name,
        presence=Presence.WANTED,
        path=f"odd{ATTACK}.yaml",
        digest=wanted.digest,
        workflow_id=WorkflowId(SLOW),
        reason="",
        revision=None,
        updated_ms=now_ms(),
        policies=policies,
        labels={"team": "graph"},
    )
    await stage.store.observe([seen], [Claim(wanted, key, Reason.FIRST)], [], now_ms())
    begun = await stage.store.begin(key, "ab" * 16, now_ms())
    await stage.store.record(begun, receipt, now_ms(), 0.0, 60_000)
    return key


async def attacked(stage: Stage) -> None:
    """A state in which every text that comes from outside attacks the terminal, under the longest names."""
    body = b'{"input":{"query_1":{"name":"' + b"x" * 300 + b'"}}}'
    of = {word: replace(manifest(name, word, workflow=SLOW), body=body) for word, name in NAMES.items()}
    await stage.store.workflow_listed(SLOW, [], now_ms())
    held = await ran(stage, of["held"], Unclear(ATTACK))
    candidates = [replace(listed(number), name=f"job {ATTACK}" * 9) for number in (7, 8)]
    for _ in range(2):
        await stage.store.looked(held, candidates, Terms(60_000, is_exclusive=False, chance=0.5), now_ms())
    done = await ran(stage, of["done"], Created(LONGEST_ID))
    await stage.store.cancel(done, Cancel(CancelCause.OPERATOR, ATTACK, now_ms()))
    await stage.store.cancel_answered(done, ATTACK, now_ms())
    await stage.store.job_changed(done, JobStatus.INTERRUPTED, now_ms(), now_ms())
    tasks = [Task(f"query_1{ATTACK}", ATTACK, JobStatus.FAILED, now_ms(), now_ms())]
    await stage.store.tasks_seen(done, [*tasks, Task("t" * 253, "", None, None, None)], now_ms())
    await ran(stage, of["refused"], NotCreated(Refused(40004001, ATTACK * 3)))
    await ran(stage, of["lost"], Unclear(ATTACK))
    await stage.store.pause(Pause(f"anna{ATTACK}", ATTACK, now_ms()))


def attack_tree(jobs: Path) -> None:
    """Manifests of the same names, changed, and one that nobody can read."""
    for word, name in NAMES.items():
        (jobs / f"{word}.yaml").write_text(manifest_text(name, SLOW, "y" * 200))
    (jobs / "odd\x1b[2J\x9b.yaml").write_bytes(b"metadata: {name: \x1b[2J}\n\xff")
    (jobs / "wrong.yaml").write_text("kind: [" + "x\u202e" * 200)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "jobs.d").mkdir()
    return tmp_path


@pytest.mark.parametrize("columns", WIDTHS)
def test_without_any_manifest_every_command_says_so(site: Path, columns: int) -> None:
    found = shown([*OF_ALL, *of_one("nobody")], columns, site)
    are_well(found, columns)
    assert {it.arguments[0]: it.status for it in found if it.arguments[0] != "--help"} == {
        "get": 0,
        "plan": 0,
        "history": 1,
        "doctor": 78,
        "results": 0,
        "describe": 1,
        "explain": 1,
    }
    are_well(shown(DATA, columns, site), None)


@pytest.mark.parametrize("columns", WIDTHS)
def test_long_names_and_hostile_texts_break_nothing(site: Path, columns: int) -> None:
    left_behind(site, attacked)
    attack_tree(site / "jobs.d")
    commands = [*OF_ALL, *(command for name in NAMES.values() for command in of_one(name))]
    found = shown(commands, columns, site)
    of_plan = next(it for it in found if it.arguments == ("plan",))
    are_well([it for it in found if it is not of_plan], columns)
    are_well([of_plan], None)  # the problems of manifests stand among its lines, and are as long as they are
    by_arguments = {it.arguments: it for it in found}
    assert "\x1b[33mHeld" in by_arguments["get",].text
    assert "\\u001b[2J" in by_arguments["history", NAMES["refused"]].text
    assert by_arguments["explain", NAMES["done"]].plainly.count("\n") > 3
    are_well(shown(DATA, columns, site), None)


@pytest.mark.parametrize("columns", WIDTHS)
def test_commands_that_change_something_are_no_way_in_either(site: Path, columns: int) -> None:
    left_behind(site, attacked)
    attack_tree(site / "jobs.d")
    are_well(shown(CHANGING, columns, site), None)
    are_well(shown([*OF_ALL[:1], *of_one(NAMES["held"])], columns, site), columns)


@pytest.mark.parametrize("columns", WIDTHS)
def test_results_that_attack_are_shown_and_do_nothing(site: Path, columns: int) -> None:
    left_behind(site, attacked)
    rows = {"query_1": [["a" * 300, f"b{ATTACK}", "c"] for _ in range(3)]}
    (site / "password").write_text("nebula-password")
    with OtherExplorer(
        first_id=LONGEST_ID, job_s=0.0, rows=rows, tasks_of=lambda job: dict.fromkeys(job.input, "Task")
    ) as explorer:
        explorer.add_job(SLOW, b'{"input":{"query_1":{}}}')
        settings = {
            "RECONCILER_EXPLORER_URL": explorer.url,
            "RECONCILER_USERNAME": "root",
            "RECONCILER_PASSWORD_FILE": "password",
            "RECONCILER_GRAPHD_ADDRESS": "graphd:9669",
        }
        name = NAMES["done"]
        data = [("results", name, "-o", it) for it in ("json", "csv")]
        table, *others = shown([("results", name), *data, ("doctor",)], columns, site, **settings)
    assert [it.status for it in (table, *others[:2])] == [0, 0, 0]
    are_well([table, others[-1]], columns)
    are_well(others, None)


def many(count: int) -> list[Name]:
    return [Name(f"{number:04}-{'n' * 248}") for number in range(count)]


def five_thousand(site: Path) -> None:
    """A tree and a state of 5,000 of the longest names."""
    names = many(5000)
    for at in range(0, len(names), 200):
        texts = [manifest_text(name, QUICK) for name in names[at : at + 200]]
        (site / "jobs.d" / f"{at}.yaml").write_text("---\n".join(texts))

    async def scene(stage: Stage) -> None:
        await stage.store.workflow_listed(QUICK, [], now_ms())
        await stage.parts.reconciler.reconcile()

    left_behind(site, scene)


def test_five_thousand_manifests_fit(site: Path) -> None:
    """They are made by another process: the memory of this one is what others are measured by."""
    make = (
        f"from pathlib import Path; from {__name__} import five_thousand; five_thousand(Path({str(site)!r}))"
    )
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", make], check=True, capture_output=True, env=environ)
    names = many(5000)
    commands = [
        ("get",),
        ("get", "-o", "wide"),
        ("plan",),
        ("history",),
        *of_one(names[4999]),
        ("get", names[7][:-1]),
    ]
    for columns in WIDTHS:
        found = shown(commands, columns, site)
        are_well(found[:-1], columns)
        assert len(found[0].plainly.splitlines()) == 5001
        assert [it.status for it in found] == [*[0] * 7, 1]
        assert f"the nearest is {names[7]}" in found[-1].plainly


def test_watching_a_terminal_adds_rows_and_ends_with_ctrl_c(site: Path) -> None:
    left_behind(site, attacked)
    command = [sys.executable, "-m", "reconciler", "get", "--watch", "--state", "held"]
    with opened(command, 80, site) as terminal:
        terminal.read("Held")
        terminal.type(b"\x03")
        terminal.read()
        assert terminal.process.wait(PATIENCE_S) == 130
    are_well([Shown((), 130, terminal.text.replace("^C", ""))], 80)


def test_watching_without_a_terminal_adds_lines(site: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "reconciler", "get", "-w", "-o", "json"],
        cwd=site,
        env={"PATH": "/bin", "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as watching:
        deadline = threading.Timer(PATIENCE_S, watching.kill)
        deadline.start()
        try:
            left_behind(site, attacked)
            assert watching.stdout
            lines = [watching.stdout.readline() for _ in NAMES if _ != "new"]
            watching.send_signal(signal.SIGINT)
            _, errors = watching.communicate(timeout=PATIENCE_S)
        finally:
            deadline.cancel()
            watching.kill()
    assert watching.returncode == 130
    assert errors.strip() == ""  # click ends the line that ^C stands on
    assert all(line.startswith('{"name": "') and "\x1b" not in line for line in lines)
    assert (site / STATE).exists()
