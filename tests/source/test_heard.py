"""What was heard adds up, and names files only as long as it is worth it."""

from __future__ import annotations

from reconciler.source.heard import ANYTHING, MOST_PATHS, NOTHING, Heard

A, B = Heard(frozenset({"/x/a.yaml"})), Heard(frozenset({"/x/b.yaml"}))


def test_what_was_heard_of_files_adds_up() -> None:
    assert NOTHING | NOTHING == NOTHING
    assert A | NOTHING == A
    both = A | B
    assert both.paths == {"/x/a.yaml", "/x/b.yaml"}


def test_with_anything_else_it_does_not_matter_which_files() -> None:
    assert A | ANYTHING == ANYTHING == ANYTHING | A == ANYTHING | NOTHING


def test_too_many_files_are_anything() -> None:
    many = Heard(frozenset(map(str, range(MOST_PATHS))))
    assert (many | NOTHING) == many
    assert (many | A) == ANYTHING
