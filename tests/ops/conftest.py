"""Fixtures for pages in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from reconciler.engine.standing import Standing
from tests.ops.browsing import CHROMIUM, PATIENCE_MS, StateView, chromium, served
from tests.ops.test_page import LAST
from tests.store.known import Known


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For one module: while Playwright runs, its thread has an event loop, and may have no other."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with chromium() as started:
        yield started


@pytest.fixture
def known(tmp_path: Path) -> Iterator[Known]:
    made = Known(tmp_path / "state.db")
    yield made
    made.close()


@pytest.fixture
def view(tmp_path: Path, known: Known) -> StateView:
    return StateView(state=tmp_path / "state.db", stands=Standing(last_pass=LAST))


@pytest.fixture
def base(view: StateView) -> Iterator[str]:
    with served(view) as url:
        yield url


@pytest.fixture
def open_page(browser: Browser, base: str) -> Iterator[Callable[..., Page]]:
    """Opens a page; whatever the browser has to complain of, or asks of somebody else, fails the test."""
    with ExitStack() as stack:
        complaints: list[str] = []

        def opened(path: str = "/", **how: Any) -> Page:
            context = browser.new_context(base_url=base, **how)
            stack.callback(context.close)
            context.set_default_timeout(PATIENCE_MS)
            page = context.new_page()
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("dialog", lambda dialog: complaints.append(dialog.message))
            page.on("console", lambda said: complaints.append(said.text) if "Policy" in said.text else None)
            page.on("request", lambda it: None if it.url.startswith(base) else complaints.append(it.url))
            page.goto(path)
            return page

        yield opened
    assert [it for it in complaints if not it.startswith("data:")] == []
