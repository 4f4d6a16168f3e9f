"""The page's address: every one is a question, and what is not understood is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from reconciler.core.model import State
from reconciler.core.overview import Order, Question
from reconciler.ops.query import MOST_WORDS, Asked, asked_in


def asked(query: str) -> Asked:
    return asked_in(QueryParams(query))


def test_an_address_without_parameters_asks_for_the_first_page_of_all() -> None:
    assert asked("") == Asked(Question())


def test_states_words_order_and_page_stand_in_the_address() -> None:
    found = asked("state=Held&state=Failed&q=team%3Dgraph++page&sort=-age&page=3")
    states = frozenset({State.HELD, State.FAILED})
    assert found == Asked(Question(states, ("team=graph", "page"), Order.AGE, is_reversed=True, page=3))
    assert (found.text, found.sort) == ("team=graph page", "-age")


@pytest.mark.parametrize(
    ("query", "note"),
    [
        ("state=held", "There is no state “held”."),
        ("sort=size", "There is no order “size”; there are state, name, workflow, job, age."),
        ("page=-1", "There is no page “-1”."),
        ("page=9e9", "There is no page “9e9”."),
        ("page=" + "9" * 50, f"There is no page “{'9' * 40}…”."),
        ("q=" + "a" * 201, "Only the first 8 words and 200 letters are searched for."),
        ("q=" + "a+" * 9, "Only the first 8 words and 200 letters are searched for."),
    ],
)
def test_what_is_not_understood_is_left_out_and_told(query: str, note: str) -> None:
    found = asked(query)
    assert found.notes == (note,)
    assert (found.question.states, found.question.order, found.question.page) == (frozenset(), Order.STATE, 1)
    assert len(found.question.words) <= MOST_WORDS


def test_links_keep_what_is_asked_and_begin_at_the_first_page_where_that_changes() -> None:
    found = asked("state=Held&q=a+b&sort=age&page=3")
    assert found.of_state(State.FAILED) == "/?state=Failed&q=a+b&sort=age"
    assert found.of_state(None) == "/?q=a+b&sort=age"
    assert found.at(4) == "/?state=Held&q=a+b&sort=age&page=4"
    assert found.by(Order.AGE) == "/?state=Held&q=a+b&sort=-age"
    assert asked("sort=-age").by(Order.AGE) == "/?sort=age"
    assert asked("sort=age").by(Order.STATE) == "/"


@given(st.text())
def test_every_address_is_a_question_that_its_own_link_asks_again(query: str) -> None:
    found = asked(query)
    again = asked(found.at(found.question.page).removeprefix("/").removeprefix("?"))
    assert again.question == found.question
    assert again.notes == ()
