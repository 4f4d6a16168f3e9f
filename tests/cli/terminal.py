"""Commands on a real terminal: a pseudo-terminal of so many columns, behind which nobody types anything.

As a script it runs commands in one process, and says where each begins and how it ended.
"""

from __future__ import annotations

import codecs
import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from reconciler.cli.render import width_of

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0
OUR_COLOURS = re.compile(r"\x1b\[(?:3[1236]|0)m")
STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


@dataclass(frozen=True)
class Shown:
    """What a terminal was sent by one command, and how that ended."""

    arguments: tuple[str, ...]
    status: int
    text: str

    @property
    def plainly(self) -> str:
        """The text without the colours that are ours, and with Python's line breaks."""
        return OUR_COLOURS.sub("", self.text).replace("\r\n", "\n")

    @property
    def widest(self) -> int:
        """The width of the longest line; an error is a sentence that the terminal itself wraps."""
        return max(width_of(line) for line in self.plainly.split("\n") if not line.startswith("error: "))

    def steering(self) -> list[str]:
        """What would steer the terminal, besides our colours."""
        return STEERING.findall(self.plainly)


class Terminal:
    """One end of a pseudo-terminal; a process has the other."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        self.process = process
        self._descriptor = descriptor
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self.text = ""

    def read(self, until: str | None = None) -> str:
        """All that came so far, once this is in it, or once the process has ended."""
        deadline_s = time.monotonic() + PATIENCE_S
        while until is None or until not in self.text:
            assert time.monotonic() < deadline_s, f"{until!r} did not come after\n{self.text[-2000:]}"
            if not select.select([self._descriptor], [], [], 0.2)[0]:
                continue
            try:
                came = os.read(self._descriptor, 65536)
            except OSError:  # EIO: nobody has the other end any more
                break
            self.text += self._decode(came)
        return self.text

    def type(self, keys: bytes) -> None:
        os.write(self._descriptor, keys)


@contextmanager
def opened(command: Sequence[str], columns: int, directory: Path, **environ: str) -> Iterator[Terminal]:
    """A process on a terminal of its own, which the block's end ends."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    usual = {"PATH": os.environ["PATH"], "HOME": str(directory), "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    process = subprocess.Popen(
        command,
        cwd=directory,
        env={**usual, "TERM": "xterm-256color", **environ},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        preexec_fn=lambda: os.login_tty(theirs),
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(ours)


def shown(commands: Sequence[Sequence[str]], columns: int, directory: Path, **environ: str) -> list[Shown]:
    """What each of these commands shows on a terminal of so many columns."""
    script = [sys.executable, "-m", "tests.cli.terminal", json.dumps([list(it) for it in commands])]
    with opened(script, columns, directory, **environ) as terminal:
        text = terminal.read()
    found = re.findall(r"<<(\d+)>>\r\n(.*?)<<(\d+) ends with (-?\d+)>>\r\n", text, re.DOTALL)
    assert len(found) == len(commands), text[-4000:]
    return [
        Shown(tuple(arguments), int(status), said)
        for arguments, (_, said, _, status) in zip(commands, found, strict=True)
    ]


def _main() -> None:
    from reconciler.cli.main import main

    for number, arguments in enumerate(json.loads(sys.argv[1])):
        print(f"<<{number}>>", flush=True)
        sys.argv = ["reconciler", *arguments]
        status: object = None
        try:
            main()
        except SystemExit as ended:
            status = ended.code
        with suppress(ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        print(f"<<{number} ends with {int(str(status or 0))}>>", flush=True)


if __name__ == "__main__":
    _main()
