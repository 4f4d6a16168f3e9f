"""What a daemon costs while nothing happens, with the settings that it has by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench.place import Place
from bench.row import Goal, Row, absolute
from bench.samples import Samples

WINDOW_S = 65.0
"""As long as from one pass to the next, and the pass: whenever it begins, a whole one is in it."""


def rows(place: Place) -> Iterator[Row]:
    """One row, for the largest size."""
    size = max(place.sizes)
    site = place.done_site(size)
    with site.daemon() as daemon:
        daemon.until_passes(1)
        window_s = 0.5 if place.is_brief else WINDOW_S
        if not place.is_brief:
            daemon.until_passes(daemon.passes()[0] + 1, look_s=1)
            time.sleep(1)
        began, used_s = time.monotonic(), daemon.cpu_s()
        time.sleep(window_s)  # not looked at meanwhile: a look is work
        share = (daemon.cpu_s() - used_s) / (time.monotonic() - began)
        passes = daemon.passes()[0]
    note = f"over {window_s:g} s, {passes} passes since the start"
    yield absolute("idle, of one core", size, "%", Samples.of([share * 100]), Goal(0.5, "%"), note)
