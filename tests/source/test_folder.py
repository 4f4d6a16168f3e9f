"""What is remembered of the tree, and what of it is told as changed."""

from __future__ import annotations

from reconciler.source.cache import SourceFile
from reconciler.source.folder import Change, Memory
from tests.core.builders import invalid, manifest

ONE, TWO = (SourceFile.of(bytes(16), (manifest("a", asks),)) for asks in ("one", "two"))
HIDING = SourceFile.of(bytes(16), (invalid(None),))
NOTHING = SourceFile.of(bytes(16), ())


def test_changes_gather_until_they_are_taken_and_tell_how_it_was_before_them_all() -> None:
    memory = Memory()
    memory.folder("").folders = {"f": None}
    folder = memory.folder("f/")
    memory.keep(folder, "f/", "a.yaml", ONE)
    first = memory.take_changes()
    assert (dict(first), len(first)) == ({"f/a.yaml": Change(None, ONE)}, 1)
    memory.drop("f/", folder, "a.yaml")
    memory.keep(folder, "f/", "a.yaml", TWO)
    assert memory.take_changes() == {"f/a.yaml": Change(ONE, TWO)}
    assert not memory.take_changes()


def test_the_same_documents_from_other_bytes_are_no_change() -> None:
    memory = Memory()
    folder = memory.folder("")
    memory.keep(folder, "", "a.yaml", ONE)
    memory.take_changes()
    memory.keep(folder, "", "a.yaml", SourceFile.of(b"\1" * 16, ONE.documents))
    assert not memory.take_changes()


def test_what_hides_names_and_what_holds_documents_is_known_at_each_moment() -> None:
    memory = Memory()
    folder = memory.folder("")
    for file, hiding, filled in (
        (HIDING, {"a.yaml"}, 1),
        (ONE, set(), 1),
        (NOTHING, set(), 0),
        (ONE, set(), 1),
    ):
        memory.keep(folder, "", "a.yaml", file)
        assert (memory.hiding, memory.filled) == (hiding, filled)
    memory.drop_folder("")
    assert (memory.filled, memory.folders) == (0, {})


def test_what_could_not_be_read_is_not_all_read_and_a_broken_document_is() -> None:
    memory = Memory()
    folder = memory.folder("")
    memory.keep(folder, "", "a.yaml", SourceFile.of(b"\1" * 16, HIDING.documents))
    assert (memory.hiding, memory.is_all_read) == ({"a.yaml"}, True)
    memory.unruled.add("rules/")
    assert not memory.is_all_read
    memory.unruled.discard("rules/")
    memory.keep(folder, "", "refused/", HIDING)
    assert not memory.is_all_read


def test_a_folder_that_goes_takes_all_below_it_along() -> None:
    memory = Memory()
    outer, inner = memory.folder("f/"), memory.folder("f/g/")
    outer.folders = {"g": None}
    memory.keep(inner, "f/g/", "a.yaml", ONE)
    memory.unruled.add("f/g/")
    memory.take_changes()
    memory.drop_folder("f/")
    assert memory.take_changes() == {"f/g/a.yaml": Change(ONE, None)}
    assert (memory.folders, memory.unruled) == ({}, set())
