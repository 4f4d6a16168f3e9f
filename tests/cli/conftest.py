"""The command as a person starts it: `main()` in this process, with its output and its status."""

from __future__ import annotations

import logging
import os
import resource
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.cli.started import Command, Ended, start


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `reconciler` with these arguments in a directory of its own, which has an empty `jobs.d`."""
    (tmp_path / "jobs.d").mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Ended:
        capsys.readouterr()
        status = start(*arguments)
        out, err = capsys.readouterr()
        return Ended(status, out, err)

    return run


@pytest.fixture(autouse=True)
def _the_process_as_it_was() -> Iterator[None]:
    """`run` changes what belongs to the whole process: the umask, where log lines go, and the like."""
    umask = os.umask(0o022)
    os.umask(umask)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in _OTHERS}
    hooks = threading.excepthook, sys.unraisablehook
    core = resource.getrlimit(resource.RLIMIT_CORE)
    yield
    threading.excepthook, sys.unraisablehook = hooks
    resource.setrlimit(resource.RLIMIT_CORE, core)
    os.umask(umask)
    structlog.reset_defaults()
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, was in levels.items():
        logging.getLogger(name).setLevel(was)


_OTHERS = ("httpcore", "httpx", "uvicorn", "watchdog", "asyncio")
