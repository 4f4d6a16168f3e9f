"""`python -m tests.crash.launcher [--kill|--stop LABEL TIMES] -- COMMAND…`: the program, with a trap in it.

At the given passage of the label the process sends itself SIGKILL or SIGSTOP; apart from that it is the
program's own `main`. With `--serve FD` everything is imported once, and each request on that socket forks a
process which does the same: it saves the seconds in which a fresh interpreter only imports.
"""

from __future__ import annotations

import argparse
import array
import gc
import json
import os
import select
import signal
import socket
import sys
from typing import Any

from tests.crash.hooks import FLAWS, Trap, flaw, hurry, install

MOST_CHANCE = 0.03
"""No backoff is longer than this part of its ceiling: the longest first one is 10 s."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kill", nargs=2, metavar=("LABEL", "TIMES"))
    parser.add_argument("--stop", nargs=2, metavar=("LABEL", "TIMES"))
    parser.add_argument("--flaw", choices=FLAWS)
    parser.add_argument("--serve", type=int, metavar="FD")
    parser.add_argument("command", nargs="*")
    chosen = parser.parse_args()
    command = chosen.command if chosen.serve is None else serve(socket.socket(fileno=chosen.serve), parser)
    if chosen.serve is not None:
        chosen, command = command, command.command
    run(chosen, command)


def run(chosen: argparse.Namespace, command: list[str]) -> None:
    """Be the program, from here to the end of the process."""
    from reconciler.cli.main import main as reconciler

    hurry(MOST_CHANCE)
    if chosen.flaw:
        flaw(chosen.flaw)
    if chosen.kill:
        install(Trap(chosen.kill[0], int(chosen.kill[1]), signal.SIGKILL))
    elif chosen.stop:
        install(Trap(chosen.stop[0], int(chosen.stop[1]), signal.SIGSTOP))
    sys.argv = ["reconciler", *command]
    reconciler()


def serve(requests: socket.socket, parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Fork a process for each request, and tell of the end of each; returns in the forked ones only."""
    import reconciler.cli.get
    import reconciler.cli.run  # noqa: F401 - all that the daemon needs, once

    gc.freeze()  # what is shared with the children is not touched by their collector
    woken, wakes = socket.socketpair()
    for end in (woken, wakes):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
    children: set[int] = set()
    while True:
        ready, _, _ = select.select([requests, woken], [], [])
        if woken in ready:
            woken.recv(4096)
        _tell_news(requests, children)
        if requests not in ready:
            continue
        request, descriptors = _received(requests)
        if request is None:
            for child in children:
                os.kill(child, signal.SIGKILL)
            os._exit(0)
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for end in (requests, woken, wakes):
                end.close()
            return parser.parse_args(_become(request, descriptors))
        children.add(pid)
        for descriptor in descriptors:
            os.close(descriptor)
        _tell(requests, {"started": pid})


def _become(request: dict[str, Any], descriptors: list[int]) -> list[str]:
    """Take over the streams, the directory and the environment that a process of its own would have."""
    for descriptor, stream in zip(descriptors, (1, 2), strict=True):
        os.dup2(descriptor, stream)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(request["environ"])
    os.chdir(request["cwd"])
    arguments: list[str] = request["arguments"]
    return arguments


def _tell_news(requests: socket.socket, children: set[int]) -> None:
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
        if pid == 0:
            return
        if os.WIFSTOPPED(status):
            _tell(requests, {"stopped": pid})
        else:
            children.discard(pid)
            _tell(requests, {"ended": pid, "status": os.waitstatus_to_exitcode(status)})


def _tell(requests: socket.socket, news: dict[str, int]) -> None:
    requests.sendall(json.dumps(news).encode())


def _received(requests: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """One packet with two descriptors; None when nobody is there to ask any more."""
    descriptors = array.array("i")
    text, ancillary, _, _ = requests.recvmsg(1 << 20, socket.CMSG_SPACE(2 * descriptors.itemsize))
    for _, _, data in ancillary:
        descriptors.frombytes(data)
    return json.loads(text) if text else None, list(descriptors)


if __name__ == "__main__":
    main()
