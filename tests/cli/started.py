"""Starting `main()` in this process, and what came of it."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest import mock

import pytest

from reconciler.cli.main import main
from tests.engine.stage import DEADLINE_S


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


Command = Callable[..., Ended]


def start(*arguments: str) -> int:
    """The exit status of `reconciler` with these arguments."""
    with mock.patch.object(sys, "argv", ["reconciler", *arguments]), pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def until(is_so: Callable[[], object]) -> object:
    """What this gives, once that is true."""
    deadline_s = time.monotonic() + DEADLINE_S
    while not (found := is_so()):
        assert time.monotonic() < deadline_s
        threading.Event().wait(0.02)
    return found
