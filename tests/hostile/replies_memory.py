"""A client in a process of its own, which tells how much memory each reply took: `python -m` with URLs.

Standard input has a line of JSON a reply: [operation, URL, time-out]. For each a line comes back: by how many
bytes the process grew at its peak (proc(5), `VmHWM`, which writing 5 into `clear_refs` sets back), and how it
ended.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
from pathlib import Path

from tests.hostile.test_replies import came_of, end_of


def memory(which: str) -> int:
    """`VmRSS` (now) or `VmHWM` (at its peak), in bytes."""
    found = re.search(rf"^{which}:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) * 1024


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        for line in sys.stdin:
            operation, url, timeout_s = json.loads(line)
            Path("/proc/self/clear_refs").write_text("5")
            before = memory("VmRSS")
            found = asyncio.run(came_of(operation, url, Path(directory), timeout_s))
            print(json.dumps([memory("VmHWM") - before, end_of(operation, found)]), flush=True)
            del found


if __name__ == "__main__":
    main()
