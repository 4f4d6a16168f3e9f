"""Put a backup in the place of the state: its bytes come on standard input. The daemon must not run.

What was there before is moved aside, not removed. The high-water file is left where it is: by it the daemon
sees that the state is older than it was. Without an argument the place is that of the image.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path


def place(state: Path) -> None:
    """Write the backup beside the state, check it, and exchange the two. Raises OSError or sqlite3.Error."""
    arrived = state.with_name(f"{state.name}.arrived")
    arrived.unlink(missing_ok=True)  # of a try that was cut short
    with arrived.open("xb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
        file.flush()
        os.fsync(file.fileno())
    arrived.chmod(0o600)
    try:
        check(arrived)
    except sqlite3.Error:
        arrived.unlink()
        raise
    mark = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    for suffix in ("-wal", "-shm", ""):
        old = state.with_name(state.name + suffix)
        if old.exists():
            old.rename(old.with_name(f"{old.name}.before-{mark}"))
    arrived.rename(state)
    descriptor = os.open(state.parent, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    print(f"{state} is in place; what was there before ends in .before-{mark}")  # noqa: T201 - for whoever runs it


def check(copy: Path) -> None:
    """Raises sqlite3.Error if these bytes are no whole database: an empty or cut stream is none."""
    with closing(sqlite3.connect(f"file:{copy}?mode=ro&immutable=1", uri=True)) as database:
        found = database.execute("PRAGMA integrity_check").fetchall()
        tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if found != [("ok",)] or not tables:
        raise sqlite3.DatabaseError("what came is no whole copy of a state; nothing was changed")


if __name__ == "__main__":
    place(Path(sys.argv[1] if len(sys.argv) > 1 else "/var/lib/reconciler/state.db"))
