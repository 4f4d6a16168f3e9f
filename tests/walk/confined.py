"""A daemon as a hardened pod has it: no privileges, nothing writable but its state, the manifests read-only.

Namespaces are made by `unshare` without any right of ours: the first makes us root of a file system view in
which everything is read-only but for the state; the second takes that away again. The process stays the one
that was started, so it is signalled and waited for as always.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.walk.daemon import Daemon, Installation

USER = 65532
_VIEW = """\
mount --make-rprivate /
mkdir -p "$STATE_DIR"
mount --bind "$STATE_DIR" "$STATE_DIR"
mount --bind "$MANIFESTS" "$MANIFESTS"
mount -o remount,bind,ro "$MANIFESTS"
mount -o remount,bind,ro /
exec unshare --user --map-user="$USER_ID" --map-group="$USER_ID" \
  setpriv --no-new-privs -- "$@"
"""


def unshared(*command: str) -> list[str]:
    return ["unshare", "--user", "--map-root-user", "--mount", *command]


class ConfinedDaemon(Daemon):
    """Its manifests lie below `manifests`, which it can read only."""

    def __init__(self, installation: Installation, manifests: Path) -> None:
        super().__init__(installation)
        self._manifests = manifests

    def _start(self) -> subprocess.Popen[str]:
        allowed = subprocess.run(unshared("true"), capture_output=True, check=False, timeout=120)
        if allowed.returncode:
            pytest.skip("this system lets nobody make user namespaces")
        views = {
            "STATE_DIR": str(self.installation.state.parent),
            "MANIFESTS": str(self._manifests),
            "USER_ID": str(USER),
        }
        return subprocess.Popen(
            unshared("sh", "-euc", _VIEW, "sh", sys.executable, "-m", "reconciler", "run"),
            cwd=self.installation.directory,
            env={**self.installation.environ(), **views, **self._as_in_the_image()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _as_in_the_image(self) -> dict[str, str]:
        """The variables of `deploy/Containerfile`: SQLite, too, finds no other place to write to."""
        return {"PYTHONDONTWRITEBYTECODE": "1", "SQLITE_TMPDIR": str(self.installation.state.parent)}

    def is_confined(self) -> bool:
        """Whether the process has no capability, can gain none, and sees a read-only root."""
        proc = Path("/proc") / str(self.process.pid)
        status = dict(re.findall(r"^(\w+):\s+(.*)$", (proc / "status").read_text(), re.MULTILINE))
        capabilities = {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")}
        mounts = [line.split() for line in (proc / "mountinfo").read_text().splitlines()]
        by_place = {mount[4]: mount[5].split(",") for mount in mounts}
        mapped = (proc / "uid_map").read_text().split()
        return (
            {int(one, 16) for one in capabilities} == {0}
            and status["NoNewPrivs"] == "1"
            and mapped[0] == str(USER)
            and "ro" in by_place["/"]
            and "ro" in by_place[str(self._manifests)]
            and "rw" in by_place[str(self.installation.state.parent)]
        )
