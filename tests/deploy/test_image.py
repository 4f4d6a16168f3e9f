"""The image, as far as it can be checked without a registry: its text, and what its build steps leave behind.

The RUN lines of the build stage are run as they stand there, as a script, with the files that the ignore
file lets through. What they leave is looked at and used from outside.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.tools import DEPLOY, ROOT, ran, tool

CONTAINERFILE = DEPLOY / "Containerfile"


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction: its word and all that follows, its continued lines joined."""

    word: str
    text: str


def stages() -> list[list[Step]]:
    """The steps of each stage, from its FROM on; the ARGs before the first FROM stand in front."""
    found: list[list[Step]] = [[]]
    lines = [line for line in CONTAINERFILE.read_text("utf-8").splitlines() if not line.startswith("#")]
    for text in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        if text:
            word, _, rest = text.partition(" ")
            if word == "FROM":
                found.append([])
            found[-1].append(Step(word, rest))
    return found


def said(stage: list[Step], word: str) -> list[str]:
    return [step.text for step in stage if step.word == word]


def is_let_through(path: str) -> bool:
    """Whether the ignore file lets this path of the repository into a build (its rules as used here)."""
    let = False
    for rule in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        pattern = rule.removeprefix("!")
        parts = path.split("/")
        names = parts if pattern.startswith("**/") else parts[:1]
        if rule and not rule.startswith("#"):
            hit = any(fnmatch.fnmatch(name, pattern.removeprefix("**/")) for name in names)
            let = rule.startswith("!") if hit else let
    return let


def lay_out(context: Path) -> None:
    """The build's context, as COPY would lay it out."""
    listed = ran("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", cwd=ROOT)
    for name in filter(None, listed.split("\0")):
        if is_let_through(name) and (ROOT / name).is_file():
            target = context / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)


@dataclass(frozen=True, slots=True)
class Built:
    """What the build stage left: the virtual environment, and a directory for the state."""

    prefix: Path
    state: Path

    def run(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """The program, with nothing else to be found in its environment."""
        return subprocess.run(
            [self.prefix / "bin" / "reconciler", *arguments],
            cwd=self.state,
            env={"PATH": str(self.prefix / "bin"), "PYTHONDONTWRITEBYTECODE": "1", **environ},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    directory = tmp_path_factory.mktemp("image")
    context, prefix, state = directory / "src", directory / "opt", directory / "state"
    context.mkdir()
    lay_out(context)
    (script,) = said(stages()[1], "RUN")
    kept = {name: os.environ[name] for name in os.environ if name.startswith(("PIP_", "SSL_", "REQUESTS_"))}
    python = directory / "bin"
    python.mkdir()
    (python / "python3").symlink_to(Path(sys.base_prefix) / "bin" / Path(sys.executable).name)
    done = subprocess.run(
        ["sh", "-euc", script],
        cwd=context,
        env={
            **kept,
            "PATH": f"{python}:{os.defpath}",
            "HOME": os.environ.get("HOME", str(directory)),
            "PREFIX": str(prefix),
            "STATE": str(state),
        },
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return Built(prefix, state)


def installed(built: Built) -> set[str]:
    """The packages in the built environment, by their normal names."""
    program = (
        "import importlib.metadata as m, json;"
        "print(json.dumps([one.metadata['Name'] for one in m.distributions()]))"
    )
    return {
        canonicalize_name(name)
        for name in json.loads(ran(str(built.prefix / "bin" / "python"), "-Ic", program))
    }


def asked_for(name: str, seen: set[str]) -> set[str]:
    """This package and, through all levels, what it asks for without extras."""
    seen.add(name)
    for text in requires(name) or []:
        one = Requirement(text)
        if one.marker is None or one.marker.evaluate({"extra": ""}):
            wanted = canonicalize_name(one.name)
            if wanted not in seen:
                asked_for(wanted, seen)
    return seen


def test_the_linter_of_containerfiles_has_no_complaint() -> None:
    assert ran(tool("hadolint"), "--failure-threshold", "style", str(CONTAINERFILE)) == ""


def test_both_stages_stand_on_a_base_that_is_pinned_by_a_digest_from_outside() -> None:
    head, *rest = stages()
    assert "PYTHON_DIGEST" in said(head, "ARG")
    assert [said(stage, "FROM")[0].split(" AS ")[0] for stage in rest] == [
        "${PYTHON_IMAGE}@${PYTHON_DIGEST}"
    ] * 2


def test_the_last_stage_runs_nothing_and_ends_as_a_user_without_rights() -> None:
    last = stages()[-1]
    assert said(last, "RUN") == said(last, "ADD") == said(last, "VOLUME") == []
    assert said(last, "USER") == ["65532:65532"]
    assert said(last, "HEALTHCHECK") == ["NONE"]
    assert json.loads(said(last, "ENTRYPOINT")[0]) == ["reconciler"]
    assert json.loads(said(last, "CMD")[0]) == ["run"]
    labels = said(last, "LABEL")[0]
    for word in ("title", "description", "licenses", "version", "revision"):
        assert f"org.opencontainers.image.{word}=" in labels


def test_all_that_is_written_lies_beside_the_state() -> None:
    """On a read-only root SQLite finds no place for a temporary file, and the state cannot be written."""
    (text,) = (text for text in said(stages()[-1], "ENV"))
    found = dict(word.split("=", 1) for word in text.split())
    assert found["SQLITE_TMPDIR"] == str(Path(found["RECONCILER_STATE"]).parent)
    assert said(stages()[-1], "WORKDIR") == [found["SQLITE_TMPDIR"]]


def test_only_what_the_image_is_built_from_gets_into_a_build() -> None:
    assert [is_let_through(path) for path in ("reconciler/core/plan.py", "schemas/x.json", "README.md")] == [
        True
    ] * 3
    for path in (
        *(".git/config", ".reconciler/state.db", "deploy/Containerfile", "tests/conftest.py", "secret"),
        "reconciler/core/__pycache__/plan.cpython-313.pyc",
    ):
        assert not is_let_through(path)


def test_what_is_installed_is_what_the_program_asks_for_and_nothing_else(built: Built) -> None:
    assert installed(built) == asked_for("explorer-reconciler", set())


def test_the_installed_program_validates_and_submits(built: Built) -> None:
    shutil.copytree(ROOT / "jobs.d", built.state / "jobs.d")
    valid = built.run("validate", "-o", "json", RECONCILER_JOBS_DIR="jobs.d")
    assert valid.returncode == 0, valid.stderr
    assert json.loads(valid.stdout)["problems"] == []
    done = built.run("run", "--once", "--sandbox", RECONCILER_JOBS_DIR="jobs.d", RECONCILER_LOG_FORMAT="json")
    assert done.returncode == 0, done.stderr
    items = json.loads(built.run("get", "--sandbox", "-o", "json").stdout)["items"]
    assert all(item["jobId"] for item in items if item["state"] != "Suspended")


def test_the_program_writes_nothing_into_its_own_place(built: Built) -> None:
    newest = max(path.stat().st_mtime_ns for path in built.prefix.rglob("*"))
    built.run("version")
    built.run("validate", RECONCILER_JOBS_DIR=str(ROOT / "jobs.d"))
    assert max(path.stat().st_mtime_ns for path in built.prefix.rglob("*")) == newest
    source = built.prefix / "lib"
    assert any(source.rglob("reconciler/core/__pycache__/plan.*.pyc"))
