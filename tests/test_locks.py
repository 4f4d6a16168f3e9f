"""The lock files cover what `pyproject.toml` asks for, with hashes, and belong to no machine and no index."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
RUN = ROOT / "requirements.lock"
TEST = ROOT / "requirements-test.lock"
FUZZ = ROOT / "requirements-fuzz.lock"
LOCKS = [RUN, TEST, FUZZ]

RUNTIME = PROJECT["project"]["dependencies"]
TO_INSTALL = [*PROJECT["build-system"]["requires"], "editables"]
WANTED = {
    RUN: [*RUNTIME, *TO_INSTALL],
    TEST: [*RUNTIME, *PROJECT["project"]["optional-dependencies"]["test"]],
    FUZZ: [*RUNTIME, *TO_INSTALL, *PROJECT["project"]["optional-dependencies"]["fuzz"]],
}

_PIN = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)(?P<extras>\[[a-z0-9,-]+\])?==(?P<version>[^ ;\\]+)(?P<marker> ; [^\\]+)? \\$"
)
_HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")


def pins(lock: Path) -> dict[str, Version]:
    found = (_PIN.match(line) for line in lock.read_text("utf-8").splitlines())
    return {canonicalize_name(pin["name"]): Version(pin["version"]) for pin in found if pin}


def extras(lock: Path) -> dict[str, str]:
    """Each pin's extras, as they stand there: `[toml]`, or nothing."""
    found = (_PIN.match(line) for line in lock.read_text("utf-8").splitlines())
    return {canonicalize_name(pin["name"]): pin["extras"] or "" for pin in found if pin}


def asked_with_extras(names: set[str]) -> set[tuple[str, str]]:
    """What these packages, as far as they are installed, ask of each other with extras."""
    asked = set()
    for name in names:
        try:
            wanted = [Requirement(text) for text in requires(name) or []]
        except PackageNotFoundError:  # it is pinned for another platform
            continue
        asked |= {
            (canonicalize_name(one.name), f"[{','.join(sorted(one.extras))}]")
            for one in wanted
            if one.extras and (one.marker is None or one.marker.evaluate({"extra": ""}))
        }
    return asked


def uncovered(wanted: list[str], locked: dict[str, Version]) -> list[str]:
    """The requirements that no pin meets."""
    requirements = [Requirement(text) for text in wanted]
    return [
        str(one)
        for one in requirements
        if (version := locked.get(canonicalize_name(one.name))) is None or version not in one.specifier
    ]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_covers_what_the_project_asks_for(lock: Path) -> None:
    assert uncovered(WANTED[lock], pins(lock)) == [], "run `make lock`"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_holds_pins_with_hashes_and_nothing_else(lock: Path) -> None:
    odd = [
        line
        for line in lock.read_text("utf-8").splitlines()
        if not _PIN.match(line) and not _HASH.match(line)
    ]
    assert odd == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_pin_names_the_extras_that_others_ask_for(lock: Path) -> None:
    """Else pip takes `coverage[toml]` for unpinned on the day when a newer coverage is released."""
    pinned = extras(lock)
    asked = asked_with_extras(set(pinned))
    assert {one for one in asked if pinned[one[0]] != one[1]} == set(), "run `make lock`"


def test_what_is_tested_is_what_runs() -> None:
    tested = pins(TEST)
    assert {name: tested.get(name) for name in pins(RUN)} == pins(RUN)
    assert {name: pins(FUZZ).get(name) for name in pins(RUN)} == pins(RUN)


def test_a_lock_that_lags_behind_would_be_found() -> None:
    locked = {"httpx": Version("0.27.0"), "rich": Version("15.0")}
    assert uncovered(["httpx>=0.28", "rich>=13", "click"], locked) == ["httpx>=0.28", "click"]
