"""A page in a real browser: the ops port on a state that a test writes, and Chromium before it.

The ops port is served from a thread of its own: Playwright keeps the main thread's event loop for itself.
"""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import axe_playwright_python
from playwright.sync_api import Browser, Page, expect, sync_playwright

from reconciler.core.model import Name
from reconciler.core.overview import Overview, Question
from reconciler.core.record import Dossier
from reconciler.ops.http import ops_app
from reconciler.ops.metrics import Metrics
from reconciler.ops.server import serving
from reconciler.setting_kinds import Address
from reconciler.store.dossier import dossier_of
from reconciler.store.reading import Reader
from tests.ops.fakes import NOW_MS, FakeView

PATIENCE_MS = 120_000
expect.set_options(timeout=PATIENCE_MS)
CHROMIUM = shutil.which("chromium")
AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text("utf-8")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync")


@dataclass(slots=True)
class StateView(FakeView):
    """A daemon whose state is a real file."""

    state: Path = Path()

    async def overview(self, question: Question) -> Overview | None:
        if not self.stands.is_open:
            return None
        with closing(Reader.open(self.state)) as reader:
            return reader.overview(question)

    async def dossier(self, name: str, events: int) -> Dossier | None:
        with closing(Reader.open(self.state)) as reader:
            return dossier_of(reader, Name(name), events)


@contextmanager
def served(view: FakeView) -> Iterator[str]:
    """The ops port of this view, at the address that is given, in a thread of its own."""
    loop = asyncio.new_event_loop()
    stop, places, is_up = asyncio.Event(), list[Address](), threading.Event()

    async def serve() -> None:
        app = ops_app(view, Metrics("1"), job_url="http://127.0.0.1:1/jobs/{job_id}", now_ms=lambda: NOW_MS)
        async with serving(app, Address("127.0.0.1", 0)) as address:
            places.append(address)
            is_up.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), name="ops port")
    thread.start()
    try:
        assert is_up.wait(PATIENCE_MS / 1000)
        yield f"http://{places[0]}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's own Chromium, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET), timeout=PATIENCE_MS)
        try:
            yield browser
        finally:
            browser.close()


def violations(page: Page) -> list[str]:
    """What axe-core has against the page as it is now, best practices included."""
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [
        f"{one['id']}: {node['html']}: {node['failureSummary']}" for one in found for node in one["nodes"]
    ]


def is_wider_than_the_window(page: Page) -> bool:
    """Whether one has to scroll sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))
