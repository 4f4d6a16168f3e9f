"""When the status page is first painted: with many manifests beside a few, in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from bench.browser import Browser
from bench.place import Place
from bench.row import Goal, Row, against, left_out
from bench.samples import alternating

FIGURE = "first paint of the page"
MANY, FEW = 10_000, 10


def rows(place: Place) -> Iterator[Row]:
    """One row."""
    program = shutil.which("chromium")
    if program is None:
        yield left_out(FIGURE, None, "there is no chromium")
        return
    many = place.done_site(20 if place.is_brief else MANY)
    few = place.done_site(FEW, name="few")
    with many.daemon() as of_many, few.daemon() as of_few, Browser(program, place.directory) as browser:
        place.settle(of_many)
        place.settle(of_few)
        urls = [f"http://127.0.0.1:{daemon.port}/" for daemon in (of_many, of_few)]
        for url in urls:
            browser.first_paint_s(url)
        large, small = alternating(
            place.times(9), [lambda: browser.first_paint_s(urls[0]), lambda: browser.first_paint_s(urls[1])]
        )
    yield against(FIGURE, many.count, "s", large, f"of {FEW}", small, Goal(3))
