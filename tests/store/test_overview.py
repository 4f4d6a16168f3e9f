"""Questions about many names: SQL says of each what `core.item` says; counts, searches, sorts and pages."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.core.model import (
    Accepted,
    Baselined,
    Cancel,
    CancelCause,
    Held,
    JobId,
    JobStatus,
    Name,
    Rejected,
    RunState,
    State,
    Submitting,
    Superseded,
    Unknown,
    Waiting,
)
from reconciler.core.overview import BY_URGENCY, Order, Question
from reconciler.core.sighting import Presence
from reconciler.store.reading import Reader
from tests.core.builders import INTENT, run
from tests.store.known import Known, sighting_of

RUN_STATES: tuple[RunState | None, ...] = (
    None,
    Waiting(),
    Submitting(INTENT),
    Unknown(INTENT, "reset", 0),
    Held(INTENT, "two candidates", (JobId(8), JobId(9))),
    *(Accepted(JobId(7), status, 0) for status in JobStatus),
    *(Accepted(JobId(7), status, 0, 1) for status in JobStatus),
    *(
        Accepted(JobId(7), status, 0, ended_ms, Cancel(cause, "stopped", 0))
        for status, ended_ms, cause in itertools.product(JobStatus, (None, 1), CancelCause)
    ),
    Baselined(0),
    Rejected(40004001, "no such workflow"),
    Superseded("deleted"),
)


@pytest.fixture
def known(tmp_path: Path) -> Iterator[Known]:
    made = Known(tmp_path / "state.db")
    yield made
    made.close()


@pytest.fixture
def reader(tmp_path: Path, known: Known) -> Iterator[Reader]:
    made = Reader.open(tmp_path / "state.db")
    yield made
    made.close()


def names(reader: Reader, **question: object) -> list[str]:
    return [item.name for item in reader.overview(Question(**question)).items]  # type: ignore[arg-type]


def test_the_state_of_every_name_is_the_one_that_its_item_has(known: Known, reader: Reader) -> None:
    cases = itertools.product(Presence, ("one", "two"), RUN_STATES)
    for number, (presence, asks, state) in enumerate(cases):
        known.add(f"n{number}", sighting_of(presence, asks), state)
    items = list(reader.items())
    assert reader.state_counts() == Counter(item.state for item in items)
    assert {item.state for item in items} == set(State) - {State.SUPERSEDED}, "all that can be seen are seen"
    for state in State:
        found = names(reader, states=frozenset({state}), size=1000)
        assert found == [item.name for item in items if item.state is state]


def test_the_newest_run_decides(known: Known, reader: Reader) -> None:
    known.add("a", state=Accepted(JobId(1), JobStatus.FAILED, 0, 1))
    again = run("a", state=Accepted(JobId(1), JobStatus.SUCCESS, 0, 1))
    known.add_run(replace(again, key=replace(again.key, attempt=2)))
    known.add("b", state=Accepted(JobId(1), JobStatus.SUCCESS, 0, 1))
    known.add_run(run("b", state=Waiting(), generation=2))
    assert reader.state_counts() == {State.SUCCEEDED: 1, State.WAITING: 1}


def test_an_item_of_a_page_is_the_item_of_its_name(known: Known, reader: Reader) -> None:
    known.add("sent", state=Submitting(INTENT))
    known.add("behind", state=Waiting())
    shown = {item.name: item for item in reader.overview(Question()).items}
    assert shown == {item.name: item for item in reader.items()}
    assert "behind" in shown[Name("behind")].reason


def test_what_needs_a_person_comes_first_and_names_decide_the_rest(known: Known, reader: Reader) -> None:
    known.add("d-done", state=Accepted(JobId(1), JobStatus.SUCCESS, 0, 1))
    known.add("c-runs", state=Accepted(JobId(1), JobStatus.RUNNING, 0))
    known.add("b-held", state=Held(INTENT, "why", ()))
    known.add("a-done", state=Accepted(JobId(1), JobStatus.SUCCESS, 0, 1))
    assert names(reader) == ["b-held", "c-runs", "a-done", "d-done"]
    assert names(reader, is_reversed=True) == ["a-done", "d-done", "c-runs", "b-held"]
    assert names(reader, order=Order.NAME, is_reversed=True) == ["d-done", "c-runs", "b-held", "a-done"]
    assert set(BY_URGENCY) == set(State)


def test_ages_jobs_and_workflows_are_sorted_as_what_they_are(known: Known, reader: Reader) -> None:
    done = Accepted(JobId(1), JobStatus.SUCCESS, 0, 1)
    known.add("old", sighting_of(updated_ms=5), done, updated_ms=6, workflow_id="10")
    known.add("new", sighting_of(updated_ms=9), done, updated_ms=1, workflow_id="9")
    known.add("none", sighting_of(updated_ms=7))
    assert names(reader, order=Order.AGE) == ["new", "none", "old"]
    assert names(reader, order=Order.JOB) == ["none", "old", "new"]
    assert names(reader, order=Order.WORKFLOW) == ["none", "new", "old"]


@pytest.mark.parametrize(
    "words",
    [
        *(("page",), ("PAGE", "rank"), ("team-a/",), ("team=graph",), ("4216",), ("100",), ("f00d",)),
        *(("succeeded",), ("abab",), ("b.yaml:3",)),
    ],
)
def test_a_name_is_found_by_any_of_its_words(known: Known, reader: Reader, words: tuple[str, ...]) -> None:
    done = Accepted(JobId(1), JobStatus.SUCCESS, 0, 1)
    seen = sighting_of(
        path="team-a/b.yaml", labels={"tier": "x", "team": "graph"}, reason="b.yaml:3: odd", revision="f00d"
    )
    known.add("pagerank", seen, done, workflow_id="4216", trace_id="ab" * 16)
    known.add("other", state=Waiting())
    overview = reader.overview(Question(words=words))
    assert [item.name for item in overview.items] == ["pagerank"]
    assert (overview.counts, overview.matching, overview.known) == ({State.SUCCEEDED: 1}, 1, 2)


@pytest.mark.parametrize("word", ["%", "_", "'", '" OR 1 --', "\x00", "a" * 100_000, "😀"])
def test_a_word_is_only_a_word(known: Known, reader: Reader, word: str) -> None:
    known.add("a", state=Waiting())
    assert names(reader, words=(word,)) == []


def test_a_page_shows_its_part_and_one_behind_the_last_is_the_last(known: Known, reader: Reader) -> None:
    for number in range(25):
        known.add(f"n{number:02}", state=Waiting())
    assert names(reader, size=10, page=2) == [f"n{number}" for number in range(10, 20)]
    last = reader.overview(Question(size=10, page=10**12))
    assert (last.page, last.pages, last.matching, len(last.items)) == (3, 3, 25, 5)
    empty = reader.overview(Question(words=("nothing",), page=7))
    assert (empty.page, empty.pages, empty.matching, empty.known) == (1, 1, 0, 25)


def test_older_runs_that_are_held_are_told_beside(known: Known, reader: Reader) -> None:
    known.add("a", state=Held(INTENT, "why", ()))
    known.add_run(run("a", state=Waiting(), generation=2))
    known.add("b", state=Held(INTENT, "why", ()))
    assert [str(key) for key in reader.overview(Question()).older_held] == ["a#1.1"]
