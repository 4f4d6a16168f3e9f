"""A process of its own that listens at a directory, for tests that stop it or take its rights away.

`python -m tests.source.listener DIRECTORY [LIMIT=NUMBER …]`: limits are files of `/proc/sys/user`, set before
it listens (only in a user namespace of its own). For each line `SECONDS` on stdin it checks, its monotonic
clock at that time, and prints one JSON object; a hint that events were lost is printed when it comes.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from reconciler.source.watch import Hint, HintKind, Watch

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0


def main(directory: str, *limits: str) -> None:
    """Listen until stdin ends."""
    for limit in limits:
        name, _, number = limit.partition("=")
        Path("/proc/sys/user", name).write_text(number)
    now_s = 0.0
    watch = Watch(Path(directory), tell_loss, monotonic=lambda: now_s)
    watch.start()
    tell({"ready": True})
    for line in sys.stdin:
        now_s = float(line)
        troubles = [[trouble.reason, trouble.detail] for trouble in watch.check()]
        tell({"troubles": troubles, "without": watch.without.reason if watch.without else None})
    watch.stop()


def tell_loss(hint: Hint) -> None:
    """Print the hint that events were lost; of the others there are too many."""
    if hint.kind is HintKind.LOST:
        tell({"hint": hint.kind})


def tell(what: dict[str, object]) -> None:
    """One line of JSON."""
    print(json.dumps(what), flush=True)


class Listener:
    """The process, from outside. `prefix` goes before its command line."""

    def __init__(self, directory: Path, *limits: str, prefix: tuple[str, ...] = ()) -> None:
        command = [*prefix, sys.executable, "-m", "tests.source.listener", str(directory), *limits]
        # Unbuffered, so that what `select` sees is all that there is.
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        assert self.next() == {"ready": True}

    def __enter__(self) -> Listener:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.process.kill()
        self.process.communicate(timeout=PATIENCE_S)

    def next(self) -> dict[str, object]:
        """The next thing that it prints; fails if nothing comes."""
        assert self.process.stdout
        assert select.select([self.process.stdout], [], [], PATIENCE_S)[0], "nothing was told"
        line = self.process.stdout.readline()
        return dict(json.loads(line)) if line else {"ended": self.process.wait()}

    def check(self, now_s: float) -> tuple[list[str], object]:
        """Let it check at that time: the reasons of all troubles, and what it does without."""
        assert self.process.stdin
        self.process.stdin.write(f"{now_s}\n".encode())
        told = self.next()
        while "hint" in told:
            told = self.next()
        troubles = told["troubles"]
        assert isinstance(troubles, list)
        return [reason for reason, _ in troubles], told["without"]

    def cpu_ticks(self) -> int:
        """The processor time it used so far, in clock ticks (proc(5): utime and stime of all its threads)."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])


if __name__ == "__main__":
    main(*sys.argv[1:])
