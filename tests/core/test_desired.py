"""From documents to one wish a name."""

from __future__ import annotations

import time
from dataclasses import replace

from reconciler.core.desired import desired_of, wishes_of
from reconciler.core.model import Invalid, Name
from reconciler.core.plan import Absent, Unreadable
from tests.core.builders import invalid, manifest

A, B = Name("a"), Name("b")


def test_each_name_is_one_wish() -> None:
    desired = desired_of([manifest("a"), manifest("b")])
    assert set(desired.wishes) == {A, B}
    assert desired.problems == ()


def test_two_documents_with_one_name_make_both_invalid_and_each_names_the_other() -> None:
    first, second = manifest("a"), invalid("a", "copy.yaml")
    desired = desired_of([first, second, manifest("b")])
    clash = desired.wishes[A]
    assert isinstance(clash, Invalid)
    duplicates = [problem for problem in clash.problems if problem.code == "duplicate_name"]
    assert [problem.path for problem in duplicates] == ["a.yaml", "copy.yaml"]
    assert "copy.yaml:1" in duplicates[0].message
    assert "a.yaml:1" in duplicates[1].message
    assert desired.wishes[B] == manifest("b")


def test_a_name_that_stands_a_hundred_thousand_times_is_told_in_time_that_grows_with_it() -> None:
    """It took minutes, in the daemon's own loop, when each place was compared with all others."""
    crowd = [manifest("a")] * 100_000
    began_s = time.thread_time()
    clash = desired_of(crowd).wishes[A]
    assert time.thread_time() - began_s < 60
    assert isinstance(clash, Invalid)
    assert {problem.message.split(";")[0] for problem in clash.problems[3:]} == {
        "metadata.name 'a' stands also at a.yaml:1, a.yaml:1, a.yaml:1 and 99996 more"
    }


def test_manifests_that_depend_on_each_other_in_a_circle_are_invalid_and_show_it() -> None:
    round_about = {"a": ("b",), "b": ("c",), "c": ("a",), "own": ("own",), "outside": ("a",), "free": ()}
    documents = [
        replace(manifest(name), depends_on=tuple(map(Name, names))) for name, names in round_about.items()
    ]
    desired = desired_of(documents)
    invalid_names = {name for name, wish in desired.wishes.items() if isinstance(wish, Invalid)}
    assert invalid_names == {"a", "b", "c", "own"}
    assert {problem.pointer for problem in desired.problems} == {"/spec/dependsOn"}
    assert "a → b → c → a" in desired.problems[0].message


def test_a_document_without_a_name_is_told_and_is_nobodys_wish() -> None:
    desired = desired_of([invalid(None, "broken.yaml")])
    assert desired.wishes == {}
    assert [problem.path for problem in desired.problems] == ["broken.yaml"]


def test_a_known_name_that_the_tree_lacks_is_absent_once_more() -> None:
    desired = desired_of([manifest("b")])
    assert wishes_of(desired, {A: "a.yaml"}, {}, seen)[A] == Absent(1)
    assert wishes_of(desired, {A: "a.yaml"}, {A: 1}, seen)[A] == Absent(2)


def test_a_name_whose_file_cannot_be_read_is_not_absent() -> None:
    wishes = wishes_of(
        desired_of([]), {A: "a.yaml", B: "b.yaml"}, {A: 1, B: 1}, lambda path: path == "a.yaml"
    )
    assert wishes == {A: Unreadable("a.yaml"), B: Absent(2)}


def seen(_: str) -> bool:
    return False
