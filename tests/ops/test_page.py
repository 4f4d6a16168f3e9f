"""The status page: what it shows, in which order, and that no text of a manifest becomes part of it."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from reconciler.core.item import Item
from reconciler.core.model import Pause, State
from reconciler.core.overview import Question
from reconciler.engine.standing import Standing
from reconciler.engine.status import LastPass
from reconciler.ops.head import head_of
from reconciler.ops.page import missing_page, status_page
from reconciler.ops.query import Asked
from reconciler.ops.templating import CONTENT_SECURITY_POLICY
from tests.ops.fakes import NOW_MS, REVISION, item, overview

LAST = LastPass(REVISION, NOW_MS - 3 * 3600 * 1000)


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
    *items: Item,
    question: Question | None = None,
    notes: tuple[str, ...] = (),
    stands: Standing | None = None,
    pause: Pause | None = None,
    job_url: str | None = None,
) -> str:
    asked = Asked(question or Question(), notes)
    known = overview(*items, question=asked.question, pause=pause)
    head = head_of(stands or Standing(last_pass=LAST), NOW_MS, known)
    return status_page(head, asked, known, NOW_MS, job_url=job_url, version="1.2.3")


def reading(page: str) -> _Reading:
    found = _Reading()
    found.feed(page)
    assert not found._open
    return found


def names(page: str) -> list[str]:
    return re.findall(r'<a href="/manifests/[^"]*" id="[^"]*">([^<]*)<', page)


def test_it_shows_of_each_name_what_get_prints() -> None:
    texts = reading(page_of(item("pagerank"))).texts
    shown = ("pagerank", "team-a/pagerank.yaml", "Running", "followed until its end", "4216617528", "107")
    assert {*shown, "42s", REVISION[:12]} <= set(texts)


def test_a_time_says_exactly_when_and_in_which_zone() -> None:
    page = page_of(item("pagerank"))
    exactly = 'datetime="2025-11-24T15:59:18.000Z" title="2025-11-24 15:59:18 UTC"'
    assert f"<time {exactly}>42s</time>" in page


def test_every_state_has_a_colour() -> None:
    page = page_of(*(item(f"n-{state.lower()}", state) for state in State))
    assert len(names(page)) == len(State)


def test_it_counts_by_state_and_each_count_links_to_its_manifests() -> None:
    items = [item("a", State.HELD), item("b"), item("c")]
    page = page_of(*items)
    assert re.search(r'<a href="/" aria-current="true"><b>3</b> all</a>', page)
    assert re.search(r'<a href="/\?state=Running"><b>2</b> <span class="state busy">Running', page)
    only_held = page_of(*items, question=Question(states=frozenset({State.HELD})))
    assert names(only_held) == ["a"]
    assert re.search(r'<a href="/\?state=Held" aria-current="true"><b>1</b>', only_held)


def test_a_state_that_is_asked_for_is_counted_even_if_nothing_is_in_it() -> None:
    page = page_of(item("a"), question=Question(states=frozenset({State.HELD}), words=("x",)))
    assert "No manifest in state Held with “x”" in page
    assert re.search(r'href="/\?state=Held&amp;q=x" aria-current="true"><b>0</b>', page)


def test_a_page_says_which_part_it_is_and_links_to_the_others() -> None:
    items = [item(f"n{number:04}") for number in range(1_234)]
    page = page_of(*items, question=Question(words=("n",), page=3))
    assert len(names(page)) == 100
    assert "201–300 of 1,234 manifests with “n”" in page
    assert "Page 3 of 13" in page
    for link in ("/?q=n", "/?q=n&amp;page=2", "/?q=n&amp;page=4", "/?q=n&amp;page=13"):
        assert f'href="{link}"' in page
    assert 'aria-label="Pages"' not in page_of(item("a"))


def test_the_column_that_sorts_says_so_and_its_link_turns_the_order_round() -> None:
    page = page_of(item("a"))
    assert re.search(r'aria-sort="ascending"><a href="/\?sort=-state"', page)
    assert len(re.findall("<th [^>]*aria-sort", page)) == 1


def test_it_says_how_the_daemon_is_and_what_it_read() -> None:
    page = page_of()
    assert "is well</span></h1>" in page
    assert f'<code title="{REVISION}">{REVISION[:12]}</code>' in page
    assert "3h ago</time>" in page


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}", "&lt;", "' x='"]
)
def test_no_text_becomes_markup(hostile: str) -> None:
    odd = replace(item(hostile, reason=hostile), path=hostile, revision=hostile)
    last = LastPass(hostile, NOW_MS)
    page = page_of(
        odd,
        question=Question(words=(hostile,)),
        notes=(hostile,),
        stands=Standing(last_pass=last, troubles=(hostile,), nameless=(hostile,)),
        pause=Pause(hostile, hostile, 0),
    )
    found = reading(page)
    assert hostile in found.texts
    assert found.tags.count("script") == 1, "its own"
    assert "img" not in found.tags


def test_what_steers_or_hides_is_shown_as_an_escape() -> None:
    texts = reading(page_of(item("a", reason="safe\u202e fdp.exe\x00"))).texts
    assert "safe\\u202e fdp.exe\\u0000" in texts


def test_a_job_links_to_explorers_page_where_a_template_says_how() -> None:
    page = page_of(item("a"), job_url="http://explorer/w/{workflow_id}/{job_id}")
    assert 'href="http://explorer/w/4216617528/107"' in page
    assert "explorer/w" not in page_of(item("a"))
    assert "explorer/w" not in page_of(item("a", job_id=None), job_url="http://explorer/w/{job_id}")


def test_the_policy_allows_the_pages_own_style_and_script_and_asks_nobody_else() -> None:
    page = page_of(item("a"))
    for tag in ("style", "script"):
        text = re.search(rf"<{tag}>(.*)</{tag}>", page, re.DOTALL)
        assert text
        digest = base64.b64encode(hashlib.sha256(text[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in CONTENT_SECURITY_POLICY
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'none'; ")
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "http" not in CONTENT_SECURITY_POLICY
    assert "style=" not in page
    assert not re.search(r"<[^>]* on\w+=", page)


def test_without_scripts_a_page_is_loaded_anew_now_and_then() -> None:
    assert '<noscript><meta http-equiv="refresh" content="30"></noscript>' in page_of()


def test_what_keeps_the_daemon_from_its_work_stands_above_all_else() -> None:
    head = head_of(Standing(is_open=False, troubles=("the state is damaged: <b>row</b> 7",)), NOW_MS)
    page = status_page(head, Asked(), None, NOW_MS, job_url=None, version="1")
    assert "the state is damaged: &lt;b&gt;row&lt;/b&gt; 7" in page
    assert 'role="alert"' in page
    assert "No manifests yet" not in page, "nobody knows how many there are"


def test_a_daemon_that_is_opening_its_state_says_so() -> None:
    head = head_of(Standing(is_open=False), NOW_MS)
    page = status_page(head, Asked(), None, NOW_MS, job_url=None, version="1")
    assert "The state is being opened." in page


def test_an_empty_state_says_where_manifests_come_from() -> None:
    assert "Write one into the jobs directory" in page_of()


def test_what_is_not_there_has_a_page_that_leads_back() -> None:
    head = head_of(Standing(last_pass=LAST), NOW_MS)
    page = missing_page(head, "Not found", "no <b>", NOW_MS, version="1")
    assert "no &lt;b&gt;" in page
    assert '<a href="/">All manifests</a>' in page
    reading(page)
