"""The pages in a real browser: what is shown, found and reached, on any screen, with and without script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from reconciler.core.model import (
    Accepted,
    Held,
    Job,
    JobId,
    JobStatus,
    Pause,
    Task,
    Unknown,
    Waiting,
    WorkflowId,
)
from reconciler.engine.standing import Guarded, PutOff, Standing
from tests.core.builders import INTENT, run
from tests.ops.browsing import StateView, is_wider_than_the_window, violations
from tests.ops.fakes import NOW_MS, REVISION
from tests.ops.test_page import LAST
from tests.store.known import Known, sighting_of

Open = Callable[..., Page]

PHONE = {"viewport": {"width": 375, "height": 700}}
DONE = Accepted(JobId(1), JobStatus.SUCCESS, NOW_MS - 9_000, NOW_MS - 2_000)
FAILED = Accepted(JobId(1), JobStatus.FAILED, NOW_MS - 9_000, NOW_MS - 2_000)
HOSTILE = "<img src=x onerror=alert(1)>"


def fill(known: Known) -> None:
    """Some of each: done, failed, running, waiting, held with candidates, looked for."""
    labels = {"team": "graph", "tier": "batch"}
    seen = sighting_of(
        path="team-a/pagerank.yaml", labels=labels, revision=REVISION, updated_ms=NOW_MS - 2_000
    )
    known.add("pagerank", seen, DONE, revision=REVISION, trace_id="ab" * 16)
    known.add_tasks(100, [Task("query_1", "Query", JobStatus.SUCCESS, NOW_MS - 8_000, NOW_MS - 4_000)])
    known.tell("pagerank", "Claimed", "a new manifest", NOW_MS - 9_500)
    known.tell("pagerank", "Accepted", "", NOW_MS - 9_000, job_id=100, workflow_id="1", revision=REVISION)
    known.add("louvain", sighting_of(path="team-b/louvain.yaml"), FAILED)
    known.add("sssp", sighting_of(path="team-b/sssp.yaml"), Accepted(JobId(1), JobStatus.RUNNING, NOW_MS))
    known.add("waits", sighting_of(reason="waits behind a run of its workflow"), Waiting())
    known.add("lost", None, Unknown(INTENT, "no whole reply within 30 s", NOW_MS + 30_000))
    known.add("held", None, Held(INTENT, "two jobs may be its own", (JobId(901), JobId(902))))
    known.show_job(Job(JobId(901), WorkflowId("1"), "run", JobStatus.RUNNING, NOW_MS, NOW_MS, None), NOW_MS)


def trouble(view: StateView, known: Known) -> None:
    """Everything that a head can say at once."""
    known.pause(Pause("ann@laptop", "the cluster is moved", NOW_MS - 600_000))
    view.stands = Standing(
        troubles=("the disk is full: database or disk is full",),
        last_pass=LAST,
        put_off=PutOff(130.0, "index.lock is there"),
        probe_in_s=12.0,
        guarded=Guarded("ab" * 32, 73, 2),
        nameless=("team-a/odd.yaml:3:9: metadata has no name",),
        more_nameless=2,
    )


def names(page: Page) -> list[str]:
    return page.locator("#manifests tbody th a").all_inner_texts()


def test_the_list_shows_what_needs_a_person_first_and_leads_to_each_manifest(
    open_page: Open, known: Known
) -> None:
    fill(known)
    page = open_page()
    assert names(page) == ["held", "lost", "louvain", "sssp", "waits", "pagerank"]
    expect(page).to_have_title("waits for a person · 6 manifests · reconciler")
    page.get_by_role("link", name="pagerank", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("pagerank")
    expect(page.get_by_text("It is wanted. It is known. It goes on.")).to_be_visible()
    expect(page.get_by_role("link", name="100").first).to_have_attribute(
        "href", "http://127.0.0.1:1/jobs/100"
    )
    expect(page.get_by_role("region", name="Tasks of job 100")).to_contain_text("query_1")
    expect(page.get_by_role("region", name="Events, the newest first").locator("tbody tr")).to_have_count(2)


def test_searching_and_filtering_stand_in_the_address(open_page: Open, known: Known) -> None:
    fill(known)
    page = open_page()
    page.get_by_role("searchbox", name="Search").fill("team-b")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=2, name="2 manifests with “team-b”")).to_be_visible()
    assert page.url.endswith("/?q=team-b")
    page.get_by_role("link", name="1 Failed").click()
    expect(page.get_by_role("heading", level=2)).to_have_text(
        ["What asks for a person", "1 manifest in state Failed with “team-b”"]
    )
    assert page.url.endswith("/?state=Failed&q=team-b")
    assert names(page) == ["louvain"]
    assert names(open_page("/?state=Failed&q=team-b")) == ["louvain"]
    page.get_by_role("searchbox").fill("team=graph")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("None is as you ask now.")).to_be_visible()


def test_columns_sort(open_page: Open, known: Known) -> None:
    fill(known)
    page = open_page()
    page.get_by_role("columnheader", name="Manifest").get_by_role("link").click()
    expect(page.get_by_role("columnheader", name="Manifest")).to_have_attribute("aria-sort", "ascending")
    assert names(page) == ["held", "lost", "louvain", "pagerank", "sssp", "waits"]
    page.get_by_role("columnheader", name="Manifest").get_by_role("link").click()
    expect(page.get_by_role("columnheader", name="Manifest")).to_have_attribute("aria-sort", "descending")
    assert names(page) == ["waits", "sssp", "pagerank", "louvain", "lost", "held"]


@pytest.mark.parametrize("has_script", [True, False])
def test_all_of_many_manifests_can_be_reached_page_by_page(
    open_page: Open, known: Known, has_script: bool
) -> None:
    known.add_many(250)
    page = open_page("/?sort=name", java_script_enabled=has_script)
    found = names(page)
    for first in (101, 201):
        page.get_by_role("link", name="Next").click()
        expect(page.get_by_role("heading", level=2)).to_contain_text(f"{first}–")
        found += names(page)
    assert found == [f"n{number:06}" for number in range(250)]
    assert page.get_by_role("link", name="Next").count() == 0


def test_without_script_one_can_read_search_and_look_into_a_manifest(open_page: Open, known: Known) -> None:
    fill(known)
    page = open_page(java_script_enabled=False)
    assert page.locator("noscript meta, meta[http-equiv=refresh]").count() == 1
    expect(page.get_by_role("button", name="Pause updates")).to_be_hidden()
    page.get_by_role("searchbox").fill("held")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="held", exact=True).click()
    expect(page.get_by_text("reconciler resolve held --generation 1 --adopt 902")).to_be_visible()
    expect(page.get_by_text("reconciler resolve held --generation 1 --not-created")).to_be_visible()


def test_hostile_texts_are_texts(open_page: Open, known: Known, view: StateView) -> None:
    seen = sighting_of(path=HOSTILE, reason=HOSTILE, revision=HOSTILE, labels={HOSTILE: HOSTILE})
    known.add(HOSTILE, seen, Waiting())
    known.tell(HOSTILE, HOSTILE, HOSTILE, NOW_MS, revision=HOSTILE)
    view.stands = Standing(last_pass=LAST, troubles=(HOSTILE,), nameless=(HOSTILE,))
    page = open_page("/?q=%3Cimg&state=%3Cscript%3Ealert(1)%3C/script%3E")
    assert names(page) == [HOSTILE]
    assert page.locator("img").count() == 0
    expect(page.get_by_text("There is no state “<script>alert(1)</script>”.")).to_be_visible()
    page.get_by_role("link", name=HOSTILE).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    assert page.locator("img").count() == 0


def test_a_name_that_nobody_knows_has_a_page_that_leads_back(open_page: Open) -> None:
    page = open_page("/manifests/nobody")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not found")
    page.get_by_role("link", name="All manifests").click()
    expect(page.get_by_role("heading", level=2)).to_have_text("No manifests yet")


def test_the_keyboard_alone_leads_past_the_head_and_into_a_manifest(open_page: Open, known: Known) -> None:
    fill(known)
    page = open_page()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the manifests")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to the manifests")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    link = page.get_by_role("link", name="held", exact=True)
    for _ in range(20):
        page.keyboard.press("Tab")
        if link.evaluate("it => it === document.activeElement"):
            break
    expect(link).to_be_focused()
    assert link.evaluate("it => getComputedStyle(it).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("held")


def test_a_screen_reader_finds_landmarks_headings_and_a_table(open_page: Open, known: Known) -> None:
    fill(known)
    page = open_page("/", **PHONE)
    for role in ("banner", "search", "navigation", "main", "contentinfo"):
        expect(page.get_by_role(role)).to_have_count(1)  # type: ignore[arg-type]
    table = page.get_by_role("table", name="6 manifests")
    expect(table.get_by_role("rowheader")).to_have_count(6)
    row = table.get_by_role("row", name="louvain")
    expect(row.get_by_role("cell").first).to_have_text("Failed")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_colour_scheme(open_page: Open, scheme: Any) -> None:
    page = open_page(color_scheme=scheme)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(245, 246, 248)", "dark": "rgb(16, 21, 28)"}[scheme]


LONG = "long-name." * 20 + "end"


def test_nothing_has_to_be_scrolled_sideways_on_a_phone(
    open_page: Open, known: Known, view: StateView
) -> None:
    fill(known)
    seen = sighting_of(
        path="directory/" * 20, reason="x" * 500, revision=REVISION, labels={"l" * 63: "v" * 63}
    )
    known.add(LONG, seen, None)
    known.add_run(run(LONG, state=Held(INTENT, "y" * 500, (JobId(2**62),)), workflow="9" * 40))
    known.tell(LONG, "Held", "z" * 500, NOW_MS, job_id=2**62, trace_id="f" * 32)
    trouble(view, known)
    page = open_page("/", **PHONE)
    for path in ("/", f"/manifests/{LONG}", "/manifests/held", "/?q=" + "w" * 200, f"/manifests/{'u' * 253}"):
        page.goto(path)
        assert not is_wider_than_the_window(page), path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [{}, PHONE], ids=["desk", "phone"])
def test_axe_has_nothing_against_any_page(
    open_page: Open, known: Known, view: StateView, scheme: Any, screen: dict[str, Any]
) -> None:
    page = open_page("/", color_scheme=scheme, **screen)
    assert violations(page) == [], "nothing is known"
    fill(known)
    known.add_many(150)
    paths = ("/", "/manifests/pagerank", "/manifests/held", "/?q=nothing", "/nowhere", "/?page=2&state=x")
    for path in paths:
        page.goto(path)
        assert violations(page) == [], path
    trouble(view, known)
    for path in ("/?state=Held", "/manifests/lost"):
        page.goto(path)
        assert violations(page) == [], f"{path} in trouble"
