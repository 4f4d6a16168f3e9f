"""TOML files of the operator's: the settings', and the policy that says who may ask for what.

Read once, when the program starts. What a policy means is decided in `core.policy`; here it is seen to that
the file can be read, and that it does not lie among the manifests.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path

from reconciler.core.policy import EVERYTHING, Policy, policy_in
from reconciler.errors import SettingProblem

MAX_BYTES = 1024 * 1024
"""The largest TOML file that is read."""


def toml_at(path: Path, reference: str) -> Mapping[str, object] | SettingProblem:
    """The table that a TOML file holds, or why there is none; `reference` is the page that describes it."""
    try:
        data = _bytes_of(path)
        if data is None:
            return SettingProblem(str(path), "no regular file of at most 1 MiB", "it takes a TOML file")
        return tomllib.loads(data.decode())
    except OSError as error:
        return SettingProblem(str(path), f"unreadable: {error.strerror}", "it takes a TOML file")
    except UnicodeDecodeError:
        why = "no UTF-8"
    except RecursionError:
        why = "lists stand too deep inside each other"
    except ValueError as error:
        why = str(error)
    return SettingProblem(str(path), f"no TOML file: {why}", f"see {reference}")


def policy_at(path: Path, jobs_dir: Path, written_as: str) -> tuple[Policy, list[SettingProblem]]:
    """The policy in a file, and all that is wrong with it; the setting `written_as` names the file."""
    if Path(os.path.realpath(path)).is_relative_to(os.path.realpath(jobs_dir)):
        found = f"{str(path)!r}, which lies among the manifests that it is to rule"
        expected = "it takes a file that their authors cannot write"
        return EVERYTHING, [SettingProblem(written_as, found, expected)]
    table = toml_at(path, "docs/policy.md")
    if isinstance(table, SettingProblem):
        return EVERYTHING, [table]
    policy, flaws = policy_in(table)
    return policy, [SettingProblem(f"{path}: {it.where}", it.found, it.takes) for it in flaws]


def _bytes_of(path: Path) -> bytes | None:
    """A file's bytes; None for what could block, or never end. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(fd, "rb") as file:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            return None
        data = file.read(MAX_BYTES + 1)
    return data if len(data) <= MAX_BYTES else None
