"""A headless Chromium, spoken to by its DevTools protocol over a pipe: when a page is first painted."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PATIENCE_S = 60.0
ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--remote-debugging-pipe",),
)
LAUNCH = """\
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""
"""Chromium reads commands from descriptor 3 and writes what happens to 4."""


class Browser:
    """One browser, from the start of a block to its end; its profile is in `directory`."""

    def __init__(self, program: str, directory: Path) -> None:
        self._command = [program, *ARGUMENTS, f"--user-data-dir={directory / 'chromium'}"]
        self._ids = itertools.count(1)

    def __enter__(self) -> Browser:
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        given = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (theirs_in, theirs_out)]
        launch = [sys.executable, "-c", LAUNCH, *map(str, given), *self._command]
        self._process = subprocess.Popen(launch, pass_fds=given, stderr=subprocess.DEVNULL)
        for fd in (theirs_in, theirs_out, *given):
            os.close(fd)
        self._to = os.fdopen(ours_out, "wb", buffering=0)
        self._from = os.fdopen(ours_in, "rb")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._to.close()
        self._from.close()

    def first_paint_s(self, url: str) -> float:
        """Seconds from the navigation to the first paint with content, in a tab of its own."""
        target = self._ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self._ask("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        self._ask("Page.navigate", {"url": url}, session)
        asked = {
            "expression": "(performance.getEntriesByName('first-contentful-paint')[0] || {}).startTime",
            "returnByValue": True,
        }
        deadline = time.monotonic() + PATIENCE_S
        while "value" not in (said := self._ask("Runtime.evaluate", asked, session)["result"]):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{url} was not painted")
            time.sleep(0.05)
        self._ask("Target.closeTarget", {"targetId": target})
        return float(said["value"]) / 1000

    def _ask(self, method: str, parameters: dict[str, Any], session: str | None = None) -> Any:
        number = next(self._ids)
        message = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        self._to.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = json.loads(self._message())
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def _message(self) -> bytes:
        """The next message, which ends with a zero byte."""
        read = bytearray()
        while (byte := self._from.read(1)) != b"\0":
            if not byte:
                raise RuntimeError("the browser has ended")
            read += byte
        return bytes(read)
