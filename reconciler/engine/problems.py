"""What is wrong in the tree, told once in the log and counted: a problem that stays is no news."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

import structlog

from reconciler.core.claims import Claims, in_order, problems_of
from reconciler.core.model import Invalid, Name, Problem
from reconciler.engine.telemetry import Telemetry

log = structlog.get_logger("reconciler.pass")

MOST_TOLD = 5_000
"""Problems that one pass logs one by one: a hostile tree has a million, and writing them takes minutes."""


@dataclass(slots=True)
class Problems:
    """Remembers what was told, by the name that it is about; what has no name is one lot."""

    telemetry: Telemetry
    _told: dict[Name | None, frozenset[Problem]] = field(default_factory=dict)
    _nameless: tuple[Invalid, ...] = ()

    def tell(self, claims: Claims, names: Sequence[Name]) -> None:
        """Tell what is wrong with these names, and with what has none, as far as it is news."""
        found = chain(self._without_name(claims), _found(claims, names))
        news: set[Problem] = set()
        for about, problems in found:
            told = self._told.pop(about, frozenset())
            news.update(problem for problem in problems if problem not in told)
            if problems:
                self._told[about] = frozenset(problems)
        self._tell(in_order(news))

    def _without_name(self, claims: Claims) -> Iterator[tuple[None, tuple[Problem, ...]]]:
        if claims.nameless is not self._nameless:
            self._nameless = claims.nameless
            yield None, problems_of(claims.nameless)

    def _tell(self, news: Sequence[Problem]) -> None:
        for problem in news:
            self.telemetry.manifest_error(problem.code)
        for problem in news[:MOST_TOLD]:
            log.warning("manifest invalid", problem=str(problem), code=problem.code)
        if len(news) > MOST_TOLD:
            untold = len(news) - MOST_TOLD
            log.warning(
                "more is invalid than is told here; `reconciler validate` tells it all", untold=untold
            )


def _found(claims: Claims, names: Sequence[Name]) -> Iterator[tuple[Name | None, tuple[Problem, ...]]]:
    invalid = claims.wishes(name for name in names if claims.is_invalid(name))
    for name in names:
        wish = invalid.get(name)
        yield name, wish.problems if isinstance(wish, Invalid) else ()
