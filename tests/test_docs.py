"""The documents: links lead somewhere, commands work, and the README begins as it promises.

A fenced block that is marked `sh test` is run, in a directory of its own with a copy of `jobs.d`; every line
of it has to succeed.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md")])
MOST_SECONDS = 600

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[(?:[^\]\[]|\[[^\]]*\])*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (?P<text>.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: where it is, what its first line says it is, and what it holds."""

    where: str
    info: str
    text: str


def blocks(page: Path) -> Iterator[Block]:
    for fence in _FENCE.finditer(page.read_text("utf-8")):
        line = fence.string.count("\n", 0, fence.start()) + 1
        yield Block(f"{page.relative_to(ROOT)}:{line}", fence["info"].strip(), fence["text"])


def prose(page: Path) -> str:
    """A page without its blocks and its code, in which a link is no link."""
    return re.sub(r"`[^`\n]*`", "", _FENCE.sub("", page.read_text("utf-8")))


def anchor(heading: str) -> str:
    """The anchor that a forge gives a heading: small letters and hyphens."""
    text = re.sub(r"[^\w\- ]", "", heading.replace("`", "").strip().lower())
    return text.replace(" ", "-")


def anchors(page: Path) -> set[str]:
    return {anchor(heading["text"]) for heading in _HEADING.finditer(_FENCE.sub("", page.read_text("utf-8")))}


def broken_links(page: Path) -> list[str]:
    """Links within the repository whose file, or whose heading, does not exist."""
    broken = []
    for link in _LINK.finditer(prose(page)):
        path, _, fragment = link["target"].partition("#")
        if re.match(r"[a-z]+:", path):
            continue
        target = (page.parent / path).resolve() if path else page
        is_there = target.is_relative_to(ROOT) and target.exists()
        if not is_there or (fragment and target.suffix == ".md" and fragment not in anchors(target)):
            broken.append(link["target"])
    return broken


TESTED = [block for page in PAGES for block in blocks(page) if block.info == "sh test"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert broken_links(page) == []


def test_the_readme_begins_with_the_command_to_run_and_the_command_to_test() -> None:
    commands = [block.text for block in blocks(README) if block.info == "sh"]
    assert commands[:2] == ["make run\n", "make test\n"]


@pytest.mark.parametrize("block", TESTED, ids=lambda block: block.where)
def test_commands_of_the_documents_work(block: Block, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "jobs.d", tmp_path / "jobs.d")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    with subprocess.Popen(
        ["sh", "-euc", block.text],
        cwd=tmp_path,
        env={**os.environ, "PATH": path, "HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as shell:
        try:
            said, _ = shell.communicate(timeout=MOST_SECONDS)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)  # a command that hangs outlives its shell
    assert shell.returncode == 0, f"{block.where}:\n{said}"


def test_a_broken_link_would_be_found(tmp_path: Path) -> None:
    page = ROOT / "docs" / "settings.md"
    assert page in PAGES
    odd = tmp_path / "odd.md"
    odd.write_text("# A `b`, c\n[x](missing.md) [y](#nowhere) [z](#a-b-c) `[no](link.md)`\n")
    found = {target: target in anchors(odd) for target in ("nowhere", "a-b-c")}
    assert found == {"nowhere": False, "a-b-c": True}
    assert [link["target"] for link in _LINK.finditer(prose(odd))] == ["missing.md", "#nowhere", "#a-b-c"]
