"""Processes of the launcher, forked from one that has imported everything: as `Installation` and `Daemon`."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.crash.labels import Label
from tests.walk.daemon import PATIENCE_S, ROOT, Daemon, Installation


class Process:
    """As much of `subprocess.Popen` as `Daemon` uses, for a process that somebody else is the parent of."""

    stdout: IO[str]

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.has_stopped = threading.Event()
        self._has_ended = threading.Event()

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if not self._has_ended.wait(timeout):
            raise subprocess.TimeoutExpired("a launched process", timeout or 0)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):  # it has ended, and we are about to be told
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def end(self, status: int) -> None:
        self.returncode = status
        self._has_ended.set()


class Zygote:
    """The process that has imported everything, and forks. Used as a context manager, from any thread."""

    def __enter__(self) -> Zygote:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.launcher", "--serve", str(theirs.fileno())],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(ROOT),
                "PYTHONUTF8": "1",
                "PYTHONWARNINGS": "error",
            },
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
        self._socket = ours
        self._started: queue.SimpleQueue[Process] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._process.wait(PATIENCE_S)
        self._reading.join()
        self._socket.close()

    def start(
        self, arguments: Sequence[str], cwd: Path, environ: dict[str, str], stderr: int = subprocess.STDOUT
    ) -> Process:
        """Fork a process that runs the launcher with these arguments."""
        out, theirs = os.pipe()
        request = {"arguments": list(arguments), "cwd": str(cwd), "environ": environ}
        with self._lock:
            descriptors = [theirs, theirs if stderr == subprocess.STDOUT else stderr]
            socket.send_fds(self._socket, [json.dumps(request).encode()], descriptors)
            os.close(theirs)
            process = self._started.get(timeout=PATIENCE_S)
        process.stdout = os.fdopen(out)
        return process

    def _read(self) -> None:
        processes: dict[int, Process] = {}
        while text := self._socket.recv(4096):
            news = json.loads(text)
            if "started" in news:
                processes[news["started"]] = Process(news["started"])
                self._started.put(processes[news["started"]])
            elif "stopped" in news:
                processes[news["stopped"]].has_stopped.set()
            else:
                processes.pop(news["ended"]).end(news["status"])


@dataclass
class Launched(Installation):
    """An installation whose commands and daemons are forked from a zygote."""

    zygote: Zygote = field(kw_only=True)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        with Path(os.devnull).open("w") as nowhere:
            process = self.zygote.start(
                ["--", *arguments], self.directory, self.environ(), stderr=nowhere.fileno()
            )
        with process.stdout:
            said = process.stdout.read()
        return subprocess.CompletedProcess(arguments, process.wait(PATIENCE_S), said, "")

    def daemon(self, *trap: str) -> Daemon:
        return LaunchedDaemon(self, trap)


class LaunchedDaemon(Daemon):
    """A daemon with a trap in it, such as `--kill`, a label, and at which passage."""

    def __init__(self, installation: Launched, trap: Sequence[str] = ()) -> None:
        super().__init__(installation)
        self._launched, self._trap = installation, trap

    def _start(self) -> Process:
        arguments = [*self._trap, "--", "run"]
        return self._launched.zygote.start(
            arguments, self.installation.directory, self.installation.environ()
        )


def killed_at(label: Label) -> tuple[str, str, str]:
    return ("--kill", label.name, str(label.times))


def stopped_at(label: Label) -> tuple[str, str, str]:
    return ("--stop", label.name, str(label.times))
