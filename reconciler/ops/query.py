"""The status page's address: from the parameters after the `?` to a question, and back to links.

Whatever stands there, there is a question: what is not understood is left out, and told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from reconciler.core.model import State
from reconciler.core.overview import Order, Question

MOST_LETTERS = 200
MOST_WORDS = 8
"""What is searched for at most: every word is looked for in every name."""

_SHOWN = 40
_PAGE = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and what of the address was not understood, as sentences."""

    question: Question = field(default_factory=Question)
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What is searched for, as it stands in the field."""
        return " ".join(self.question.words)

    @property
    def sort(self) -> str:
        """The order as the address says it: `age`, or `-age` for the other way round."""
        return _sort(self.question.order, is_reversed=self.question.is_reversed)

    def of_state(self, state: State | None) -> str:
        """The link to the same in this state only; None is every state."""
        return _link(replace(self.question, states=frozenset([state] if state else []), page=1))

    def by(self, order: Order) -> str:
        """The link to the same in this order; to the reverse of it, if that is the order already."""
        is_reversed = self.question.order is order and not self.question.is_reversed
        return _link(replace(self.question, order=order, is_reversed=is_reversed, page=1))

    def at(self, page: int) -> str:
        """The link to another page of the same."""
        return _link(replace(self.question, page=page))


def asked_in(parameters: QueryParams) -> Asked:
    """The question in the parameters of an address."""
    states, strange = _states(parameters.getlist("state"))
    words, is_cut = _words(parameters.get("q", ""))
    sort = parameters.get("sort", "")
    order = next((it for it in Order if it == sort.removeprefix("-")), None)
    page = parameters.get("page", "1")
    is_page = _PAGE.fullmatch(page)
    notes = [f"There is no state {_cut(it)}." for it in strange]
    if sort and order is None:
        notes.append(f"There is no order {_cut(sort)}; there are {', '.join(Order)}.")
    if not is_page:
        notes.append(f"There is no page {_cut(page)}.")
    if is_cut:
        notes.append(f"Only the first {MOST_WORDS} words and {MOST_LETTERS} letters are searched for.")
    question = Question(
        states=states,
        words=words,
        order=order or Order.STATE,
        is_reversed=order is not None and sort.startswith("-"),
        page=int(page) if is_page else 1,
    )
    return Asked(question, tuple(notes))


def _states(given: Sequence[str]) -> tuple[frozenset[State], list[str]]:
    known = {str(state): state for state in State}
    wanted = [text for text in dict.fromkeys(given) if text]
    return (
        frozenset(known[text] for text in wanted if text in known),
        [text for text in wanted if text not in known][:3],
    )


def _words(text: str) -> tuple[tuple[str, ...], bool]:
    words = text[:MOST_LETTERS].split()
    return tuple(words[:MOST_WORDS]), len(text.strip()) > MOST_LETTERS or len(words) > MOST_WORDS


def _link(question: Question) -> str:
    parameters = urlencode(list(_parameters(question)))
    return f"/?{parameters}" if parameters else "/"


def _parameters(question: Question) -> Iterator[tuple[str, str]]:
    """What is not as it is without parameters."""
    yield from (("state", str(state)) for state in State if state in question.states)
    if question.words:
        yield "q", " ".join(question.words)
    sort = _sort(question.order, is_reversed=question.is_reversed)
    if sort != Order.STATE:
        yield "sort", sort
    if question.page > 1:
        yield "page", str(question.page)


def _sort(order: Order, *, is_reversed: bool) -> str:
    return f"-{order}" if is_reversed else str(order)


def _cut(text: str) -> str:
    return f"“{text[:_SHOWN]}…”" if len(text) > _SHOWN else f"“{text}”"
