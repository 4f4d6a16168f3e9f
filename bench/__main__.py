"""`python -m bench`: measure the figures that are asked for, and print one table."""

from __future__ import annotations

import argparse
import json
import platform
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.figures import (
    event,
    follow,
    growth,
    idle,
    latency,
    link,
    memory,
    page,
    shell,
    start,
    submit,
    swap,
    synced,
    unchanged,
    validate,
)
from bench.place import Place
from bench.row import Row
from bench.server import Server
from bench.table import table

FIGURES = {
    "unchanged": unchanged,
    "link": link,
    "swap": swap,
    "event": event,
    "latency": latency,
    "validate": validate,
    "growth": growth,
    "submit": submit,
    "synced": synced,
    "shell": shell,
    "follow": follow,
    "idle": idle,
    "memory": memory,
    "start": start,
    "page": page,
}
SIZES = (1_000, 10_000, 100_000)
DIRECTORY = Path(__file__).parent.parent / ".bench"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; gives the exit status: 0 also where a goal is missed, 1 where a figure broke."""
    asked = _parser().parse_args(arguments)
    asked.dir.mkdir(parents=True, exist_ok=True)
    # A worktree without its repository: what lies below is no part of the checkout around it.
    (asked.dir / ".git").write_text("gitdir: none\n")
    names = asked.only.split(",") if asked.only else list(FIGURES)
    sizes = tuple(int(size) for size in asked.sizes.split(",")) if asked.sizes else SIZES
    port_file = asked.dir / "port"
    port = int(port_file.read_text()) if port_file.exists() else 0
    with Server(port) as server:
        port_file.write_text(str(server.port))
        place = Place(asked.dir, server, sizes, asked.rounds, asked.brief)
        rows = [row for name in names for row in _measured(name, place)]
    print(_as_json(rows) if asked.json else table(rows))
    return 1 if any(row.note.startswith("broke") for row in rows) else 0


def _measured(name: str, place: Place) -> Iterator[Row]:
    """A figure's rows; one that breaks says so, and the others go on."""
    print(f"{name} ...", file=sys.stderr, flush=True)
    try:
        for row in FIGURES[name].rows(place):
            print(f"  {table([row]).splitlines()[-1]}", file=sys.stderr, flush=True)
            yield row
    except Exception as error:
        traceback.print_exc()
        yield Row(name, None, "", note=f"broke: {error}".splitlines()[0])


def _as_json(rows: Sequence[Row]) -> str:
    about = {"python": platform.python_version(), "machine": platform.platform()}
    return json.dumps({"about": about, "rows": [row.as_json() for row in rows]}, indent=2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description=main.__doc__)
    parser.add_argument("--only", default="", metavar="NAME,…", help=", ".join(FIGURES))
    parser.add_argument("--sizes", default="", metavar="N,…", help="how many manifests (1000,10000,100000)")
    parser.add_argument("--rounds", type=int, default=5, help="more rounds, steadier medians (5)")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--brief", action="store_true", help="only show that it can be measured")
    parser.add_argument("--dir", type=Path, default=DIRECTORY, help="where trees, states and rivals are kept")
    return parser


if __name__ == "__main__":
    # Ended from outside, it still ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(main())
