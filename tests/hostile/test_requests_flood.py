"""Thousands of clients of a real daemon that send nothing, or too slowly: it answers, and does its work."""

from __future__ import annotations

import os
import resource
import selectors
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.walk.daemon import Daemon, Installation
from tests.walk.manifests import manifest
from tests.walk.other_explorer import OtherExplorer

SILENT = 10_000
SLOW = 1_000
AT_ONCE = 100
"""How many connections are begun together: fewer than the daemon's backlog holds."""

REQUEST = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
DEADLINE_S = 120.0


@pytest.fixture
def descriptors() -> Iterator[int]:
    """As many file descriptors as the system allows us; gives how many are ours to use."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield before[1] - 500
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@contextmanager
def connections(address: tuple[str, int], count: int) -> Iterator[list[socket.socket]]:
    """So many connections, all kept open on this side, whatever the other does."""
    with ExitStack() as stack:
        made: list[socket.socket] = []
        while len(made) < count:
            made += _batch(address, min(AT_ONCE, count - len(made)), stack)
        yield made


def _batch(address: tuple[str, int], count: int, stack: ExitStack) -> list[socket.socket]:
    batch = []
    with selectors.DefaultSelector() as waiting:
        for _ in range(count):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(address)
            waiting.register(one, selectors.EVENT_WRITE)
            batch.append(one)
        deadline = time.monotonic() + DEADLINE_S
        while waiting.get_map():
            assert time.monotonic() < deadline, "connections are not taken"
            for key, _ in waiting.select(1.0):
                waiting.unregister(key.fileobj)
    return batch


def address_of(daemon: Daemon) -> tuple[str, int]:
    host, _, port = daemon.says("status page")[0]["url"].removeprefix("http://").strip("/").rpartition(":")
    return host, int(port)


def works(daemon: Daemon, site: Installation, name: str) -> None:
    """It answers a probe, and submits a new manifest."""
    daemon.until(lambda: daemon.status_of("/livez") == 200, "an answer")
    site.write(f"{name}.yaml", manifest(name, version=1))
    daemon.until_states(**{name: "Succeeded"})
    daemon.until(lambda: daemon.status_of("/readyz") == 200, "an answer")


def test_a_flood_of_clients_that_say_nothing_or_little_changes_nothing(
    tmp_path: Path, descriptors: int
) -> None:
    silent = min(SILENT, descriptors - SLOW)
    with OtherExplorer() as explorer:
        site = Installation(tmp_path / "site", explorer.url)
        with site.daemon() as daemon:
            address = address_of(daemon)
            with connections(address, silent):
                works(daemon, site, "a")
                with connections(address, SLOW) as slow:
                    for byte in REQUEST:
                        for one in slow:
                            with suppress(OSError):  # closed by the daemon, to make room
                                one.send(bytes([byte]))
                    works(daemon, site, "b")
                open_ones = len(os.listdir(f"/proc/{daemon.process.pid}/fd"))  # noqa: PTH208
            works(daemon, site, "c")
            assert not [line for line in daemon.log if line["level"] in ("error", "critical")]
            assert daemon.stop() == 0
    print(f"\n{silent} silent and {SLOW} slow connections; the daemon had {open_ones} descriptors at the end")
    assert open_ones < 400
    assert len(explorer.submissions()) == 3
