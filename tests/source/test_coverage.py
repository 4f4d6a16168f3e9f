"""A directory counts as unwatched only after watchdog had its time, and looking costs something only then."""

from __future__ import annotations

import pytest

from reconciler.source import coverage
from reconciler.source.coverage import CATCH_UP_S, COMPARE_S, Coverage, Full, Unwatched


class System:
    """The directories that exist, and those that are watched, by inode."""

    def __init__(self) -> None:
        self.exist = {1: "/x", 2: "/x/a", 3: "/x/b"}
        self.watched: frozenset[int] | None = frozenset({1, 2, 3})
        self.looks = 0

    def directories_below(self, root: str) -> dict[int, str]:
        self.looks += 1
        return self.exist


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> System:
    system = System()
    monkeypatch.setattr(coverage, "directories_below", system.directories_below)
    monkeypatch.setattr(coverage, "watched_inodes", lambda: system.watched)
    return system


def test_while_all_is_watched_it_looks_once_a_minute(system: System) -> None:
    known = Coverage()
    assert known.compare("/x", 0.0) == Full()
    assert known.compare("/x", COMPARE_S - 0.1) is None
    assert system.looks == 1
    assert known.compare("/x", COMPARE_S) == Full()


def test_while_all_is_watched_that_the_last_scan_found_it_lists_nothing(system: System) -> None:
    known = Coverage(lambda: frozenset({1, 2, 3}))
    assert known.compare("/x", 0.0) == Full()
    assert system.looks == 1, "at first there is a doubt"
    assert known.compare("/x", COMPARE_S) == Full()
    assert system.looks == 1
    known.doubt()
    assert known.compare("/x", COMPARE_S + 1) == Full()
    assert system.looks == 2


@pytest.mark.parametrize("found", [None, frozenset({1, 2, 3})])
def test_where_that_is_not_known_or_not_watched_it_lists_the_tree(
    system: System, found: frozenset[int] | None
) -> None:
    known = Coverage(lambda: found)
    known.compare("/x", 0.0)
    system.watched = frozenset({1, 3})
    assert known.compare("/x", COMPARE_S) is None
    assert known.compare("/x", COMPARE_S + CATCH_UP_S) == Unwatched(1, 3)


def test_a_doubt_makes_it_look_at_once(system: System) -> None:
    known = Coverage()
    known.compare("/x", 0.0)
    known.doubt()
    assert known.compare("/x", 1.0) == Full()


def test_what_is_missing_at_two_looks_with_a_second_between_is_unwatched(system: System) -> None:
    system.watched = frozenset({1, 3})
    known = Coverage()
    assert known.compare("/x", 0.0) is None
    assert known.compare("/x", CATCH_UP_S - 0.1) is None
    assert known.compare("/x", CATCH_UP_S) == Unwatched(1, 3)
    assert known.compare("/x", CATCH_UP_S + 1) is None


def test_new_directories_that_are_watched_a_moment_later_are_no_trouble(system: System) -> None:
    known = Coverage()
    system.watched = frozenset({1, 3})
    assert known.compare("/x", 0.0) is None
    system.exist = {1: "/x", 2: "/x/a", 3: "/x/b", 4: "/x/c"}
    system.watched = frozenset({1, 2, 3})
    assert known.compare("/x", 2.0) is None
    system.watched = frozenset({1, 2, 3, 4})
    assert known.compare("/x", 4.0) == Full()


@pytest.mark.parametrize("watched", [None, frozenset({77})])
def test_where_the_kernel_does_not_tell_nothing_is_claimed(
    system: System, watched: frozenset[int] | None
) -> None:
    system.watched = watched
    assert Coverage().compare("/x", 0.0) == Full()
