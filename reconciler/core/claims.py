"""Which names the tree asks for, and what: kept up to date file by file, so that a change costs what it is.

A name is unique in the tree, so two documents with one name make both invalid; manifests that depend on each
other in a circle are invalid, all of them; and so are those that are more than the policy allows. What no
document claims is not decided here: only two complete passes can say that a name is gone (see `plan`).

Of each name only the file is kept in which it stands, as short as the tree keeps it, and what it says is read
from there whenever it is asked for: a tree may hold a hundred thousand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from reconciler.core.conflicts import clash, in_circle
from reconciler.core.dependencies import circles
from reconciler.core.model import Document, Invalid, Manifest, Name, Problem
from reconciler.core.policy import EVERYTHING, Policy, Ranks, one_too_many

MOST_OPEN = 8
"""How many files are held unpacked at a time."""

_ByName = dict[Name | None, list[Document]]


class File(Protocol):
    """One file of the tree."""

    @property
    def documents(self) -> tuple[Document, ...]:
        """What stands in it, in order."""
        ...


class Change(Protocol):
    """One file before and after; None where it was not there."""

    @property
    def before(self) -> File | None:
        """As it was."""
        ...

    @property
    def after(self) -> File | None:
        """As it is."""
        ...


@dataclass(frozen=True, slots=True)
class Desired:
    """A whole tree as wishes, all at once. `nameless` are documents whose name could not be read."""

    wishes: Mapping[Name, Manifest | Invalid]
    nameless: tuple[Invalid, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Every problem in the tree, in the order of files and lines."""
        return problems_of((*(it for it in self.wishes.values() if isinstance(it, Invalid)), *self.nameless))


class Claims:
    """All names of a tree, and what is wished for each, under a policy."""

    def __init__(self, policy: Policy = EVERYTHING) -> None:
        self._policy = policy
        self._files: dict[Name, File] = {}
        """The file of each name that stands in one only."""
        self._contested: dict[Name, dict[str, File]] = {}
        """The files, by path, of each name that stands in several."""
        self._nameless: dict[str, tuple[Invalid, ...]] = {}
        self._nameless_in_order: tuple[Invalid, ...] = ()
        self._has_news_without_name = False
        self._invalid: set[Name] = set()
        self._depends_on: dict[Name, tuple[Name, ...]] = {}
        self._circles: dict[Name, tuple[Name, ...]] = {}
        self._ranks = Ranks(policy)
        self._opened: dict[int, tuple[File, _ByName]] = {}
        """The files that were looked into last, by identity: names that are asked for together share them."""

    def __len__(self) -> int:
        return len(self._files) + len(self._contested)

    def __iter__(self) -> Iterator[Name]:
        yield from self._files
        yield from self._contested

    def __contains__(self, name: object) -> bool:
        return name in self._files or name in self._contested

    @property
    def valid(self) -> int:
        """How many of the names have a valid manifest."""
        return len(self) - len(self._invalid)

    @property
    def nameless(self) -> tuple[Invalid, ...]:
        """The documents whose name could not be read, in the order of the tree: nobody's wish, but told."""
        return self._nameless_in_order

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Every problem in the tree, in the order of files and lines."""
        wishes = map(self.wish, self._invalid)
        return problems_of((*(it for it in wishes if isinstance(it, Invalid)), *self.nameless))

    def wish(self, name: Name) -> Manifest | Invalid | None:
        """What the tree asks for under this name; None if no document claims it."""
        wish = self._as_written(name)
        if not isinstance(wish, Manifest):
            return wish
        way = self._circles.get(name)
        if way is not None:
            return in_circle(wish, way)
        number = self._ranks.beyond(name)
        rule = self._policy.rule_for(wish.path) if number is not None else None
        return one_too_many(wish, rule, number) if rule is not None and number is not None else wish

    def wishes(self, names: Iterable[Name]) -> dict[Name, Manifest | Invalid | None]:
        """What the tree asks for under each of these names, in their order.

        They are looked up file by file: in any other order a file of many documents would be unpacked as
        often as it has names.
        """
        found: dict[Name, Manifest | Invalid | None] = dict.fromkeys(names)
        for name in sorted(found, key=lambda name: id(self._files.get(name))):
            found[name] = self.wish(name)
        self._opened.clear()
        return found

    def update(self, changes: Mapping[str, Change]) -> list[Name]:
        """Take in what has changed, by path; gives the names whose wish may be another now.

        In the order of the changed files, and then those that are only affected by others.
        """
        touched: dict[Name, None] = {}
        moved: set[Name] = set()
        for path, change in changes.items():
            for name in self._take(path, change.before, change.after):
                touched[name] = None
                if self._written_anew(name):
                    moved.add(name)
        if self._has_news_without_name:
            paths = sorted(self._nameless, key=_place)
            self._nameless_in_order = tuple(it for path in paths for it in self._nameless[path])
            self._has_news_without_name = False
        affected = self._weigh(touched, moved)
        self._opened.clear()
        return affected

    def is_invalid(self, name: Name) -> bool:
        """Whether the name is claimed, and not by a manifest that may act."""
        return name in self._invalid

    def loses_names(self, changes: Mapping[str, Change]) -> bool:
        """Whether a file among these lacks a name that it had: the name may stand elsewhere, or be gone."""
        return any(_by_name(change.before).keys() - _by_name(change.after) for change in changes.values())

    def _take(self, path: str, file_before: File | None, file: File | None) -> list[Name]:
        """Take in one file; gives the names of which it says something else."""
        before = _by_name(file_before)
        after = self._look_into(file) if file is not None else {}
        self._take_nameless(path, after.get(None, ()))
        told: list[Name] = []
        for name, documents in after.items():
            if name is not None and file is not None:
                self._claim(name, path, file, is_new=name not in before)
                if documents != before.get(name):
                    told.append(name)
        for name in before:
            if name is not None and name not in after:
                self._release(name, path)
                told.append(name)
        return told

    def _take_nameless(self, path: str, documents: Iterable[Document]) -> None:
        before = self._nameless.pop(path, ())
        after = tuple(it for it in documents if isinstance(it, Invalid))
        if after:
            self._nameless[path] = after
        self._has_news_without_name |= before != after

    def _claim(self, name: Name, path: str, file: File, *, is_new: bool) -> None:
        """A file claims the name; `is_new`: as it was before, it did not."""
        contested, known = self._contested.get(name), self._files.get(name)
        if contested is not None:
            contested[path] = file
        elif known is None or not is_new:
            self._files[name] = file
        else:
            where = self._look_into(known)[name][0].path
            self._contested[name] = {where: known, path: file}
            del self._files[name]

    def _release(self, name: Name, path: str) -> None:
        contested = self._contested.get(name)
        if contested is None:
            del self._files[name]
            return
        del contested[path]
        if len(contested) == 1:
            [self._files[name]] = contested.values()
            del self._contested[name]

    def _written_anew(self, name: Name) -> bool:
        """Keep what follows from a name's own documents; whether it depends on others than before."""
        if name in self._contested:  # known to be invalid, without a look into each of its files
            self._judge(name, _CONTESTED)
            return bool(self._depends_on.pop(name, ()))
        wish = self._as_written(name)
        depends_on = wish.depends_on if isinstance(wish, Manifest) else ()
        before = self._depends_on.pop(name, ())
        if depends_on:
            self._depends_on[name] = depends_on
        self._judge(name, wish)
        return depends_on != before

    def _judge(self, name: Name, wish: Manifest | Invalid | None) -> None:
        """Whether a name acts, by its own documents and its circle."""
        acts = isinstance(wish, Manifest) and name not in self._circles
        self._ranks.put(name, wish if acts and isinstance(wish, Manifest) else None)
        if wish is None or acts:
            self._invalid.discard(name)
        else:
            self._invalid.add(name)

    def _weigh(self, touched: dict[Name, None], moved: set[Name]) -> list[Name]:
        """What follows for other names from those that were touched; all of them."""
        drawn = sorted(self._draw_circles(moved))
        for name in drawn:
            self._judge(name, self._as_written(name))
        ranked = sorted(self._ranks.news())
        for name in ranked:
            self._judge(name, self._as_written(name))
        affected = touched | dict.fromkeys((*drawn, *ranked))
        self._invalid.update(name for name in affected if self._ranks.beyond(name) is not None)
        return list(affected)

    def _draw_circles(self, moved: Iterable[Name]) -> set[Name]:
        """Find the circles anew that these names may have closed or opened; gives whose circle is another.

        A circle lies within what can be reached from any of its names, so no more than that is looked at.
        """
        opened = {id(self._circles[name]) for name in moved if name in self._circles}
        start = {*moved, *(name for name, way in self._circles.items() if id(way) in opened)}
        reached = self._reached_from(start)
        found = circles({name: self._depends_on[name] for name in reached if name in self._depends_on})
        same: dict[tuple[int, int], bool] = {}
        """Whether two ways are equal: the names of one circle share theirs, which may be as long as it."""
        news = set()
        for name in reached:
            before, after = self._circles.get(name), found.get(name)
            pair = id(before), id(after)
            if pair not in same:
                same[pair] = before == after
            if not same[pair]:
                news.add(name)
        for name in news:
            self._circles.pop(name, None)
        self._circles.update(found)
        return news

    def _reached_from(self, start: set[Name]) -> set[Name]:
        reached, line = set(start), list(start)
        while line:
            following = set(self._depends_on.get(line.pop(), ())) - reached
            reached |= following
            line += following
        return reached

    def _as_written(self, name: Name) -> Manifest | Invalid | None:
        """The wish as its own documents give it."""
        contested = self._contested.get(name)
        if contested is not None:
            files = [contested[path] for path in sorted(contested, key=_place)]
        elif name in self._files:
            files = [self._files[name]]
        else:
            return None
        found = [document for file in files for document in self._look_into(file)[name]]
        return found[0] if len(found) == 1 else clash(name, found)

    def _look_into(self, file: File) -> _ByName:
        known = self._opened.get(id(file))
        if known is not None:
            return known[1]
        if len(self._opened) >= MOST_OPEN:
            self._opened.clear()
        by_name = _by_name(file)
        self._opened[id(file)] = file, by_name  # while the file is held, nothing else has its identity
        return by_name


def problems_of(documents: Iterable[Invalid]) -> tuple[Problem, ...]:
    """The problems of these documents, each once, in the order of files and lines."""
    return in_order({problem for document in documents for problem in document.problems})


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """These problems in the order of files and lines, and always in the same."""
    return tuple(sorted(problems, key=_spot))


@dataclass(frozen=True, slots=True)
class Read:
    """A file by the documents that were read of it."""

    documents: tuple[Document, ...]


@dataclass(frozen=True, slots=True)
class Added:
    """A file that was not there before."""

    after: File
    before: None = None


def desired_of(documents: Iterable[Document], policy: Policy = EVERYTHING) -> Desired:
    """One wish a name, from all documents of a tree in its order."""
    by_path: dict[str, list[Document]] = {}
    for document in documents:
        by_path.setdefault(document.path, []).append(document)
    claims = Claims(policy)
    names = claims.update({path: Added(Read(tuple(found))) for path, found in by_path.items()})
    wishes = {name: claims.wish(name) for name in names}
    return Desired({name: wish for name, wish in wishes.items() if wish is not None}, claims.nameless)


def _by_name(file: File | None) -> _ByName:
    found: _ByName = {}
    for document in file.documents if file is not None else ():
        found.setdefault(document.name, []).append(document)
    return found


def _spot(it: Problem) -> tuple[str, int, int, str, str, str]:
    return (it.path, it.line, it.column, it.pointer, it.code, it.message)


_CONTESTED = Invalid(None, "", 0, ())


def _place(path: str) -> list[str]:
    """Sorts paths as a walk through the tree goes."""
    return path.split("/")
