"""The status page: what it shows, in which order, and that no text of a manifest becomes part of it."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from reconciler.core.model import Pause, State
from reconciler.engine.status import LastPass
from reconciler.ops.page import CONTENT_SECURITY_POLICY, MOST_ROWS, status_page
from tests.ops.fakes import NOW_MS, REVISION, item


class _Reading(HTMLParser):
    """The tags and texts of a page, and whether every tag that opens is closed in turn."""

    VOID = frozenset({"meta", "link", "br", "img", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def page_of(
    *items: object, last: LastPass | None = None, job_url: str | None = None, only: State | None = None
) -> str:
    return status_page(items, last, NOW_MS, job_url, only)  # type: ignore[arg-type]


def reading(page: str) -> _Reading:
    found = _Reading()
    found.feed(page)
    assert not found._open
    return found


def names(page: str) -> list[str]:
    return re.findall(r'href="/api/v1/manifests/[^"]*">([^<]*)<', page)


def test_it_shows_of_each_name_what_get_prints() -> None:
    texts = reading(page_of(item("pagerank"))).texts
    for shown in (
        "pagerank",
        "team-a/pagerank.yaml",
        "Running",
        "followed until its end",
        "4216617528",
        "107",
        "42 s",
    ):
        assert shown in texts
    assert REVISION[:12] in texts


def test_what_needs_a_person_comes_first() -> None:
    states = [State.SUCCEEDED, State.RUNNING, State.FAILED, State.HELD, State.INVALID, State.UNKNOWN]
    page = page_of(*(item(f"n-{state.lower()}", state) for state in states))
    assert names(page) == ["n-held", "n-unknown", "n-invalid", "n-failed", "n-running", "n-succeeded"]


def test_every_state_has_a_place_and_a_colour() -> None:
    page = page_of(*(item(f"n-{state.lower()}", state) for state in State))
    assert len(names(page)) == len(State)


def test_it_counts_by_state_and_shows_one_state_on_request() -> None:
    items = [item("a", State.HELD), item("b"), item("c")]
    page = page_of(*items)
    assert re.search(r"<b>3</b> manifests", page)
    assert re.search(r'href="/\?state=Running".*<b>2</b>', page)
    assert names(page_of(*items, only=State.HELD)) == ["a"]


def test_it_says_when_the_last_pass_was_and_what_it_read() -> None:
    assert "No pass has been completed yet" in page_of()
    page = page_of(last=LastPass(REVISION, NOW_MS - 3 * 3600 * 1000))
    assert "Last pass 3 h ago at revision" in page
    assert "revision" not in page_of(last=LastPass(None, NOW_MS)).split("</header>")[0].split("<header>")[1]


@pytest.mark.parametrize(
    ("age_s", "shown"), [(-5, "0 s"), (0, "0 s"), (59, "59 s"), (60, "1 min"), (7300, "2 h"), (1e6, "11 d")]
)
def test_an_age_is_told_in_its_largest_unit(age_s: int, shown: str) -> None:
    assert shown in reading(page_of(item("a", age_s=int(age_s)))).texts


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}", "&lt;"]
)
def test_no_text_becomes_markup(hostile: str) -> None:
    found = reading(page_of(item("a", reason=hostile), last=LastPass(hostile, NOW_MS)))
    assert hostile in found.texts
    assert not {"script", "img"} & set(found.tags)


def test_a_job_links_to_explorers_page_where_a_template_says_how() -> None:
    page = page_of(item("a"), job_url="http://explorer/w/{workflow_id}/{job_id}")
    assert 'href="http://explorer/w/4216617528/107"' in page
    assert "explorer" not in page_of(item("a"))
    assert "explorer/w" not in page_of(item("a", job_id=None), job_url="http://explorer/w/{job_id}")


def test_ten_thousand_manifests_do_not_make_a_page_that_nobody_can_load() -> None:
    page = page_of(*(item(f"n{number}") for number in range(10_000)))
    assert len(names(page)) == MOST_ROWS
    assert "9500 more" in page
    assert len(page) < 1_000_000


def test_the_policy_allows_the_pages_own_style_and_no_script() -> None:
    style = re.search(r"<style>(.*)</style>", page_of(), re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in CONTENT_SECURITY_POLICY
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'none'")
    assert "script" not in CONTENT_SECURITY_POLICY
    assert "style=" not in page_of(item("a"))


@pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed")
@pytest.mark.parametrize("width", [360, 1280])
def test_a_browser_draws_it_without_scrolling_sideways(tmp_path: Path, width: int) -> None:
    page = page_of(*(item("long-name." * 20 + str(number), reason="x" * 300) for number in range(3)))
    measure = "<script>document.title = document.documentElement.scrollWidth + ' of ' + innerWidth</script>"
    framed = tmp_path / "framed.html"
    framed.write_text(page.replace("</body>", f"{measure}</body>").replace('http-equiv="refresh"', ""))
    outer = tmp_path / "outer.html"
    outer.write_text(
        f'<iframe src="framed.html" style="width: {width}px; height: 600px; border: 0"'
        ' onload="document.body.append(this.contentDocument.title)"></iframe>'
    )
    drawn = subprocess.run(
        [
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *("--allow-file-access-from-files", "--dump-dom", "--virtual-time-budget=5000"),
            *(f"--user-data-dir={tmp_path / 'profile'}", outer.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    ).stdout
    found = re.search(r"(\d+) of (\d+)", drawn)
    assert found, drawn
    assert int(found[1]) <= int(found[2]) == width


def test_a_pause_is_shown_with_who_said_so_and_why() -> None:
    pause = Pause("somebody@here", "the <cluster> is moved", NOW_MS - 60_000)
    page = status_page([item("a")], None, NOW_MS, None, None, pause)
    assert "by somebody@here: the &lt;cluster&gt; is moved" in page
    assert "Paused" in reading(page).texts
    assert "Paused" not in reading(page_of(item("a"))).texts


def test_what_keeps_the_daemon_from_its_work_stands_above_all_else_and_is_escaped() -> None:
    page = status_page([], None, NOW_MS, None, None, troubles=["the state is damaged: <b>row</b> 7"])
    assert "the state is damaged: &lt;b&gt;row&lt;/b&gt; 7" in page
    assert 'role="alert"' in page
    assert "No manifests yet" not in page, "nobody knows how many there are"
