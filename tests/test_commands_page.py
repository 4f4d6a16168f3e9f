"""The page of commands: each of its examples is run, and says what the page says.

Times, ages, hashes and the numbers of jobs differ from run to run; a line `…` stands for lines that are left
out. `python -m tests.test_commands_page` writes the page anew from what the commands say.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.cli.main import COMMANDS

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "commands.md"
PATIENCE_S = 300.0

_CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_VOLATILE = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "TIME"),
    (re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{32,64}\b"), "HEX"),
    (re.compile(r"\b\d+[smhd](\d+[smh])?\b"), "AGE"),
    (re.compile(r"\b1\d\d\b"), "JOB"),
    (re.compile(r"gives a user \d+ watches"), "gives a user N watches"),
    (re.compile(r"\b\d+ (runs|intents)\b"), r"N \1"),
    (re.compile(r"reconciler \d+\S*"), "reconciler VERSION"),
    (re.compile(r"\S+@\S+"), "SOMEBODY"),
    (re.compile(r"try \d+: intent \d+"), "INTENT"),
    (re.compile(r"(ok|warn) +revision.*(\n {6}to do:.*)?"), "REVISION"),
    (re.compile(r" +"), " "),
)


def examples(page: str) -> list[tuple[str, str]]:
    """Each command of the page with what it says there."""
    found = []
    for block in _CONSOLE.findall(page):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, said = part.partition("\n")
            found.append((command, said))
    return found


def steady(text: str) -> str:
    """The text without what differs from run to run."""
    for pattern, instead in _VOLATILE:
        text = pattern.sub(instead, text)
    return text.strip()


def agrees(said: str, shown: str) -> bool:
    """Whether a command said what the page shows."""
    parts = [re.escape(part) for part in re.split(r"^ ?…$", steady(shown), flags=re.MULTILINE)]
    return re.fullmatch(".*".join(parts), steady(said), re.DOTALL) is not None


@contextmanager
def site() -> Iterator[dict[str, str]]:
    """A directory with the examples, whose jobs on the sandbox have ended; gives the environment in it."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        shutil.copytree(ROOT / "jobs.d", directory / "jobs.d")
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        environ = {"PATH": path, "HOME": name, "PWD": name, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
        with subprocess.Popen(
            [sys.executable, "-m", "reconciler", "run", "--sandbox", "--listen", "127.0.0.1:0"],
            cwd=name,
            env=environ | {"RECONCILER_POLL_S": "0.3"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as daemon:
            try:
                until_all_ended(environ)
                daemon.send_signal(signal.SIGTERM)
                daemon.wait(PATIENCE_S)
            finally:
                daemon.kill()
        yield environ


def until_all_ended(environ: dict[str, str]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        items = json.loads(say("reconciler get --sandbox -o json", environ))["items"]
        if len(items) > 5 and {item["state"] for item in items} <= {"Succeeded", "Suspended"}:
            return
        assert time.monotonic() < deadline_s, items
        threading.Event().wait(0.2)


def say(command: str, environ: dict[str, str]) -> str:
    """What this command says, to either stream; a terminal would show both."""
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=environ["PWD"],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return done.stdout


def test_every_example_of_the_page_says_what_the_page_says() -> None:
    with site() as environ:
        for command, shown in examples(PAGE.read_text("utf-8")):
            said = say(command, environ)
            assert agrees(said, shown), f"$ {command}\n{said}\ninstead of\n{shown}"


def test_every_command_is_on_the_page() -> None:
    page = _CONSOLE.sub("", PAGE.read_text("utf-8"))
    headings = ", ".join(re.findall(r"^### (.+)$", page, re.MULTILINE)).split(", ")
    assert sorted(headings) == sorted(COMMANDS)


def test_another_output_would_be_found() -> None:
    assert agrees("job 104, 5s ago\nx\ny\nz\n", "job 107, 12s ago\n…\nz\n")
    assert not agrees("job 104, running\n", "job 107, done\n")


def _write() -> None:
    page = PAGE.read_text("utf-8")
    with site() as environ:
        for block in _CONSOLE.findall(page):
            commands = [part.partition("\n")[0] for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
            filled = "".join(f"$ {command}\n{_told(say(command, environ))}" for command in commands)
            page = page.replace(f"```console\n{block}```", f"```console\n{filled}```", 1)
    PAGE.write_text(page, "utf-8")


def _told(said: str) -> str:
    """What was said, with nobody's name and machine in it."""
    return re.sub(r"\S+@[^\s:.]+", "anna@ops", said)


if __name__ == "__main__":
    _write()
