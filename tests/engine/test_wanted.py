"""What is wished for each name: from the looks that counted, and from what the state knows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.claims import Claims
from reconciler.core.model import Name
from reconciler.core.plan import Absent, Unreadable
from reconciler.core.sighting import Presence
from reconciler.engine.wanted import Wanted
from reconciler.errors import StateUnwritable
from reconciler.source.cache import SourceFile
from reconciler.source.folder import Change
from reconciler.source.tree import Snapshot
from reconciler.store.sqlite import SqliteStore
from tests.core.builders import manifest
from tests.store.contract import sighting
from tests.store.test_sqlite import opened

A, B = Name("a"), Name("b")


def file(name: str, asks: str = "one") -> SourceFile:
    return SourceFile.of(bytes(16), (manifest(name, asks),))


def look(
    *changes: tuple[SourceFile | None, SourceFile | None],
    hidden: frozenset[str] = frozenset(),
    is_complete: bool = True,
) -> Snapshot:
    """What a look brings: each file is told by its manifest's name."""
    named = {_path(change): Change(*change) for change in changes}
    return Snapshot(Path("/"), {}, hidden, None, named, has_documents=True, is_complete=is_complete)


def _path(change: tuple[SourceFile | None, SourceFile | None]) -> str:
    return next(it for it in change if it is not None).documents[0].path


def play(directory: Path, scene: Callable[[SqliteStore, Wanted], Awaitable[None]]) -> None:
    async def main() -> None:
        async with opened(directory / "state.db") as store:
            await scene(store, Wanted(store, Claims()))

    asyncio.run(main())


async def taken(wanted: Wanted, seen: Snapshot) -> list[Name]:
    """The names that one pass gives, whose plan was recorded."""
    wanted.keep(seen)
    changed = await wanted.take_in()
    with wanted.counting(seen) as absent:
        return [*changed, *absent]


def test_what_the_state_knows_and_the_tree_lacks_is_found_by_the_first_look(tmp_path: Path) -> None:
    async def scene(store: SqliteStore, wanted: Wanted) -> None:
        await store.observe([sighting("a"), sighting("b"), sighting("c", Presence.DELETED)], [], [], 10)
        assert await wanted.known() == 2
        assert await taken(wanted, look((None, file("a")))) == [A, B]
        assert wanted.wish(A) == manifest("a")
        assert wanted.wish(B) == Absent(1)
        assert wanted.wish(Name("c")) is None
        assert wanted.is_first_absence
        assert await taken(wanted, look()) == [B]
        assert wanted.wish(B) == Absent(2)
        wanted.deleted(B)
        assert await taken(wanted, look()) == []

    play(tmp_path, scene)


def test_only_complete_looks_count_as_absence(tmp_path: Path) -> None:
    async def scene(store: SqliteStore, wanted: Wanted) -> None:
        await store.observe([sighting("a")], [], [], 10)
        await taken(wanted, look())
        for _ in range(3):
            assert await taken(wanted, look(is_complete=False)) == []
            assert wanted.is_first_absence
        assert wanted.wish(A) == Absent(1)

    play(tmp_path, scene)


def test_what_is_hidden_is_not_absent_and_begins_anew(tmp_path: Path) -> None:
    async def scene(store: SqliteStore, wanted: Wanted) -> None:
        await store.observe([sighting("a")], [], [], 10)
        await taken(wanted, look())
        assert await taken(wanted, look(hidden=frozenset({"a.yaml"}))) == [A]
        assert wanted.wish(A) == Unreadable("a.yaml")
        assert await taken(wanted, look(hidden=frozenset({"a.yaml"}))) == []
        await taken(wanted, look())
        assert wanted.wish(A) == Absent(1)

    play(tmp_path, scene)


def test_a_pass_that_could_not_be_recorded_does_not_count(tmp_path: Path) -> None:
    async def scene(store: SqliteStore, wanted: Wanted) -> None:
        await store.observe([sighting("a")], [], [], 10)
        await wanted.take_in()
        with pytest.raises(StateUnwritable), wanted.counting(look()):
            raise StateUnwritable("full")
        assert wanted.wish(A) is None
        await taken(wanted, look())
        assert wanted.wish(A) == Absent(1)

    play(tmp_path, scene)


def test_a_name_that_a_file_loses_is_lacking_until_another_claims_it(tmp_path: Path) -> None:
    async def scene(store: SqliteStore, wanted: Wanted) -> None:
        await store.observe([sighting("a")], [], [], 10)
        await taken(wanted, look((None, file("a"))))
        wanted.keep(look((file("a"), None), is_complete=False))
        assert wanted.loses_names
        assert await taken(wanted, look()) == [A, A]
        assert wanted.wish(A) == Absent(1)
        assert await taken(wanted, look((None, file("a")))) == [A]
        assert wanted.wish(A) == manifest("a")

    play(tmp_path, scene)


def test_looks_that_did_not_count_lose_nothing(tmp_path: Path) -> None:
    """A tree tells each change once, whatever becomes of the pass."""

    async def scene(store: SqliteStore, wanted: Wanted) -> None:
        one, two = file("a", "one"), file("a", "two")
        await taken(wanted, look((None, one)))
        wanted.keep(look((one, None)))
        wanted.keep(look((None, two), (None, file("b"))))
        assert not wanted.loses_names
        assert wanted.wish(A) == manifest("a", "one")
        assert await taken(wanted, look()) == [A, B]
        assert wanted.wish(A) == manifest("a", "two")

    play(tmp_path, scene)


def test_a_state_that_cannot_say_what_it_knows_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(store: SqliteStore, wanted: Wanted) -> None:
        await store.observe([sighting("a"), sighting("b")], [], [], 10)
        await taken(wanted, look((None, file("a"))))

        async def refuses(*_: Any) -> Any:
            raise StateUnwritable("the disk does not answer")

        with monkeypatch.context() as patch:
            patch.setattr(store, "world", refuses)
            wanted.keep(look((file("a"), None)))
            with pytest.raises(StateUnwritable):
                await wanted.take_in()
        assert sorted(await taken(wanted, look())) == [A, A, B]  # what changed, and two that are absent
        assert (wanted.wish(A), wanted.wish(B)) == (Absent(1), Absent(1))
        assert await wanted.known() == 2

    play(tmp_path, scene)


def test_a_first_look_that_could_not_be_compared_is_told_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(store: SqliteStore, wanted: Wanted) -> None:
        async def refuses(*_: Any) -> Any:
            raise StateUnwritable("the disk does not answer")

        with monkeypatch.context() as patch:
            patch.setattr(store, "known", refuses)
            wanted.keep(look((None, file("a"))))
            with pytest.raises(StateUnwritable):
                await wanted.take_in()
        assert await taken(wanted, look((None, file("b")))) == [A, B]
        assert await taken(wanted, look()) == []

    play(tmp_path, scene)
