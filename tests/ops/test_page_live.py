"""A page that stays open: it follows the daemon, keeps what its reader does, and says when nobody answers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from reconciler.core.model import Accepted, JobId, JobStatus, Waiting
from reconciler.ops import templating
from tests.ops.browsing import violations
from tests.store.known import Known, sighting_of

Open = Callable[..., Page]

RUNNING = Accepted(JobId(1), JobStatus.RUNNING, 0)
FAILED = Accepted(JobId(1), JobStatus.FAILED, 0, 1)
LOW = {"viewport": {"width": 1000, "height": 300}}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templating, "REFRESH_S", 0.1)


def replace(known: Known, name: str, state: object) -> None:
    known.remove(name)
    known.add(name, state=state)  # type: ignore[arg-type]


def test_what_changes_is_shown_and_all_else_stays_where_it_is(open_page: Open, known: Known) -> None:
    for number in range(60):
        known.add(f"n{number:02}", state=RUNNING)
    page = open_page("/?sort=name", **LOW)
    page.get_by_role("link", name="n40", exact=True).focus()
    page.evaluate("scrollTo(0, document.getElementById('m-n40').offsetTop)")
    page.evaluate(
        "window.before = {row: document.getElementById('m-n50'), table: document.querySelector('table')}"
    )
    before = page.evaluate("scrollY")
    assert before > 0
    page.evaluate("getSelection().selectAllChildren(document.getElementById('m-n45').querySelector('.why'))")
    selected = page.evaluate("String(getSelection())")
    replace(known, "n50", FAILED)
    expect(page.locator("#m-n50 .state")).to_have_text("Failed")
    expect(page.locator("#count-Failed b")).to_have_text("1")
    kept = (
        "before.row === document.getElementById('m-n50') && before.table === document.querySelector('table')"
    )
    assert page.evaluate(kept), "the same elements, not others like them"
    assert page.evaluate("scrollY") == before
    assert page.evaluate("String(getSelection())") == selected != ""
    expect(page.get_by_role("link", name="n40", exact=True)).to_be_focused()


def test_rows_come_go_and_change_places_and_the_focus_stays_on_its_row(open_page: Open, known: Known) -> None:
    for name in ("a", "b", "c", "d"):
        known.add(name, state=RUNNING)
    page = open_page()
    page.get_by_role("link", name="c", exact=True).focus()
    known.remove("a")
    known.add("e", state=RUNNING)
    replace(known, "c", FAILED)
    expect(page.locator("#manifests tbody th a")).to_have_text(["c", "b", "d", "e"])
    expect(page.get_by_role("link", name="c", exact=True)).to_be_focused()
    known.remove("c")
    expect(page.locator("#manifests tbody th a")).to_have_text(["b", "d", "e"])
    expect(page.get_by_role("main")).to_be_focused()


def test_what_is_being_typed_stays(open_page: Open, known: Known) -> None:
    known.add("a", state=RUNNING)
    page = open_page()
    box = page.get_by_role("searchbox")
    box.fill("half a wo")
    replace(known, "a", FAILED)
    expect(page.locator("#m-a .state")).to_have_text("Failed")
    expect(box).to_have_value("half a wo")
    expect(box).to_be_focused()


def test_a_page_of_one_manifest_and_an_empty_list_follow_as_well(open_page: Open, known: Known) -> None:
    one, all_of_them = open_page("/manifests/a"), open_page("/")
    expect(one.get_by_role("heading", level=1)).to_have_text("Not found")
    known.add("a", sighting_of(reason="waits"), Waiting())
    expect(one.get_by_role("heading", level=1)).to_have_text("a")
    expect(all_of_them.locator("#m-a .state")).to_have_text("Waiting")
    assert violations(one) == violations(all_of_them) == []


def test_a_daemon_that_does_not_answer_is_told_and_so_is_its_return(open_page: Open, known: Known) -> None:
    known.add("a", state=RUNNING)
    page = open_page()
    notice = page.locator("#connection")
    expect(notice).to_have_text("")
    page.route("**/*", lambda route: route.abort())
    expect(notice).to_contain_text("The daemon does not answer. What you see is from 20")
    expect(notice).to_contain_text("UTC")
    expect(page.locator("#m-a .state")).to_have_text("Running")
    assert violations(page) == []
    page.unroute_all(behavior="wait")
    replace(known, "a", FAILED)
    expect(page.locator("#m-a .state")).to_have_text("Failed")
    expect(notice).to_have_text("")


def test_an_answer_that_is_no_page_of_ours_is_not_shown(open_page: Open, known: Known) -> None:
    known.add("a", state=RUNNING)
    page = open_page()
    page.route("**/*", lambda route: route.fulfill(status=502, body="<h1>Bad Gateway</h1>"))
    expect(page.locator("#connection")).to_contain_text("The daemon does not answer.")
    expect(page.locator("#m-a .state")).to_have_text("Running")


def test_updates_can_be_paused_and_go_on(open_page: Open, known: Known) -> None:
    known.add("a", state=RUNNING)
    page = open_page()
    button = page.get_by_role("button", name="Pause updates")
    with page.expect_response(lambda _: True):
        pass  # one is answered, and none is under way
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    replace(known, "a", FAILED)
    page.wait_for_timeout(500)
    expect(page.locator("#m-a .state")).to_have_text("Running")
    button.click()
    expect(page.locator("#m-a .state")).to_have_text("Failed")


def test_nothing_is_asked_while_nobody_looks(open_page: Open, known: Known) -> None:
    known.add("a", state=RUNNING)
    page = open_page()
    asked: list[str] = []
    page.evaluate(
        "Object.defineProperty(document, 'hidden', {configurable: true, get: () => window.isHidden});"
        "window.isHidden = true; document.dispatchEvent(new Event('visibilitychange'))"
    )
    page.wait_for_load_state("networkidle")
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(500)
    assert asked == []
    replace(known, "a", FAILED)
    page.evaluate("window.isHidden = false; document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#m-a .state")).to_have_text("Failed")


def test_a_newer_program_brings_its_own_page(
    open_page: Open, known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    known.add("a", state=RUNNING)
    page = open_page()
    page.evaluate("window.isOld = true")
    monkeypatch.setattr(templating, "_BUILD", "another")
    expect(page.locator("body[data-build=another]")).to_have_count(1)
    assert page.evaluate("window.isOld") is None
