"""From documents to one wish a name, and from changed files to changed wishes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.claims import Claims, Desired, Read, desired_of
from reconciler.core.conflicts import clash, in_circle
from reconciler.core.dependencies import circles
from reconciler.core.model import Document, Invalid, Manifest, Name, Problem
from reconciler.core.policy import one_too_many, policy_in
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


POLICY, _ = policy_in(
    {"rule": [{"path": "/team/", "max_manifests": 2}, {"path": "/none/", "max_manifests": 0}]}
)
PATHS = ("a.yaml", "a/b.yaml", "none/a.yaml", "team/a.yaml", "team/b.yaml", "team.yaml", "z.yaml")
NAMES = tuple(map(Name, "abcd"))


@st.composite
def documents(draw: st.DrawFn, path: str) -> tuple[Document, ...]:
    """What may stand in a file: few names, so that they clash, and wait for each other."""

    def one(line: int) -> Document:
        name = draw(st.sampled_from((*NAMES, None)))
        if name is None or draw(st.integers(0, 4)) == 0:
            problem = Problem(path, line, 1, "", "wrong", draw(st.sampled_from(("one", "two"))))
            return Invalid(name, path, line, (problem,))
        depends_on = draw(st.lists(st.sampled_from(NAMES), max_size=2, unique=True).map(tuple))
        body = draw(st.sampled_from(("1", "2")))
        return replace(manifest(name, body), path=path, line=line, depends_on=depends_on)

    return tuple(map(one, range(1, 1 + draw(st.integers(0, 3)))))


TREES = st.fixed_dictionaries({}, optional={path: documents(path) for path in PATHS})


def plainly(files: dict[str, tuple[Document, ...]]) -> dict[Name, Manifest | Invalid]:
    """The wishes of a whole tree, looked at anew."""
    found: dict[Name, list[Document]] = {}
    for path in sorted(files, key=lambda path: path.split("/")):
        for document in files[path]:
            if document.name is not None:
                found.setdefault(document.name, []).append(document)
    wishes = {name: them[0] if len(them) == 1 else clash(name, them) for name, them in found.items()}
    waits = {name: it.depends_on for name, it in wishes.items() if isinstance(it, Manifest) and it.depends_on}
    for name, way in circles(waits).items():
        one = wishes[name]
        assert isinstance(one, Manifest)
        wishes[name] = in_circle(one, way)
    counts: Counter[int] = Counter()
    manifests = [it for it in wishes.values() if isinstance(it, Manifest)]
    for one in sorted(manifests, key=lambda it: (it.path, it.line)):
        rule = POLICY.rule_for(one.path)
        if rule is not None and rule.max_manifests is not None:
            counts[rule.number] += 1
            if counts[rule.number] > rule.max_manifests:
                wishes[one.name] = one_too_many(one, rule, counts[rule.number])
    return wishes


@given(st.lists(TREES, min_size=1, max_size=4))
def test_whatever_changes_the_claims_are_those_of_the_whole_tree_and_what_is_another_is_told(
    trees: list[dict[str, tuple[Document, ...]]],
) -> None:
    claims = Claims(POLICY)
    before: dict[str, Read] = {}
    wished: dict[Name, Manifest | Invalid] = {}
    for tree in trees:
        after = {path: Read(found) for path, found in tree.items()}
        changes = {
            path: Moved(before.get(path), after.get(path))
            for path in sorted(before | after)
            if before.get(path) != after.get(path)
        }
        told = claims.update(changes)
        wishes = plainly(tree)
        assert {name: claims.wish(name) for name in claims} == wishes
        assert {name for name in NAMES if wished.get(name) != wishes.get(name)} <= set(told)
        assert len(told) == len(set(told))
        assert claims.valid == sum(isinstance(it, Manifest) for it in wishes.values())
        assert claims.problems == Desired(wishes, claims.nameless).problems
        assert list(claims.nameless) == [
            it
            for path in sorted(tree, key=lambda path: path.split("/"))
            for it in tree[path]
            if it.name is None
        ]
        before, wished = after, wishes


def test_a_circle_that_opens_frees_all_that_were_in_it() -> None:
    claims = Claims()
    files = {
        f"{name}.yaml": Read((replace(manifest(name), depends_on=(Name(after),)),))
        for name, after in (("a", "b"), ("b", "c"), ("c", "a"), ("outside", "a"))
    }
    claims.update({path: Moved(None, file) for path, file in files.items()})
    assert claims.valid == 1
    free = Read((manifest("b"),))
    assert claims.update({"b.yaml": Moved(files["b.yaml"], free)}) == ["b", "a", "c"]
    assert (claims.valid, claims.problems) == (4, ())
    assert claims.update({"b.yaml": Moved(free, files["b.yaml"])}) == ["b", "a", "c"]
    assert claims.valid == 1


def test_a_place_that_becomes_free_is_the_next_ones() -> None:
    claims = Claims(POLICY)
    files = {f"team/{name}.yaml": Read((_in_team(name),)) for name in "abcd"}
    claims.update({path: Moved(None, file) for path, file in files.items()})
    assert [claims.is_invalid(name) for name in NAMES] == [False, False, True, True]
    assert claims.update({"team/a.yaml": Moved(files["team/a.yaml"], None)}) == ["a", "c", "d"]
    assert [claims.is_invalid(name) for name in NAMES] == [False, False, False, True]
    assert "number 3" in claims.problems[0].message


def _in_team(name: str) -> Manifest:
    return replace(manifest(name), path=f"team/{name}.yaml")


@dataclass(frozen=True, slots=True)
class Moved:
    """A file before and after."""

    before: Read | None
    after: Read | None


def test_a_name_is_looked_into_only_where_something_changed() -> None:
    """A tree of any size is decoded once; a change afterwards decodes what it touches."""
    looked: list[str] = []

    class Watched:
        def __init__(self, document: Document) -> None:
            self._document = document

        @property
        def documents(self) -> tuple[Document, ...]:
            looked.append(self._document.path)
            return (self._document,)

    claims = Claims()
    files = {f"{n}.yaml": Watched(manifest(f"n{n}")) for n in range(100)}
    claims.update({path: Moved(None, file) for path, file in files.items()})  # type: ignore[arg-type]
    looked.clear()
    new = Watched(replace(manifest("n7", "changed"), path="7.yaml"))
    told = claims.update({"7.yaml": Moved(files["7.yaml"], new)})  # type: ignore[arg-type]
    assert told == ["n7"]
    assert set(looked) <= {"7.yaml", "n7.yaml"}
    assert not claims.loses_names({"7.yaml": Moved(files["7.yaml"], new)})  # type: ignore[arg-type]
    assert claims.loses_names({"7.yaml": Moved(files["7.yaml"], None)})  # type: ignore[arg-type]


class Counted:
    """A file that counts how often it was looked into."""

    def __init__(self, path: str, names: Sequence[str]) -> None:
        self.looks = 0
        self._documents = tuple(
            replace(manifest(name), path=path, line=line) for line, name in enumerate(names, start=1)
        )

    @property
    def documents(self) -> tuple[Document, ...]:
        self.looks += 1
        return self._documents


def added(*files: Counted) -> dict[str, Any]:
    return {file.documents[0].path: Moved(None, file) for file in files}  # type: ignore[arg-type]


def test_a_name_in_many_files_is_not_looked_up_in_all_of_them_for_each() -> None:
    files = [Counted(f"{number}.yaml", ["a"]) for number in range(50)]
    claims = Claims()
    assert claims.update(added(*files)) == [A]
    assert max(file.looks for file in files) <= 4
    assert claims.is_invalid(A)
    wish = claims.wish(A)
    assert isinstance(wish, Invalid)
    assert len(wish.problems) == 50


def test_files_with_many_names_are_looked_into_once_for_all_that_are_asked_for() -> None:
    """Names go by the alphabet through a plan, whatever files they stand in."""
    files = [
        Counted(f"{number}.yaml", [f"n{name:03}" for name in range(200) if name % 20 == number])
        for number in range(20)
    ]
    claims = Claims()
    names = sorted(claims.update(added(*files)))
    before = sum(file.looks for file in files)
    wishes = claims.wishes(names)
    assert list(wishes) == names
    assert all(isinstance(wish, Manifest) for wish in wishes.values())
    assert sum(file.looks for file in files) == before + len(files)
    assert wishes == {name: claims.wish(name) for name in names}
