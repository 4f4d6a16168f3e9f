"""What the tree asks for, name by name: from the documents of all files to one wish a name.

A name is unique in the tree, so two documents with one name make both invalid; and manifests that depend on
each other in a circle are invalid, all of them. What no document claims is not decided here: only two
complete passes can say that a name is gone (see `plan`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from reconciler.core.dependencies import circles
from reconciler.core.fault import Code
from reconciler.core.model import Document, Invalid, Manifest, Name, Problem
from reconciler.core.plan import Absent, Unreadable, Wish

MOST_SHOWN = 12
"""How many names of a circle are shown; a longer one is cut short in its middle."""


@dataclass(frozen=True, slots=True)
class Desired:
    """The tree as wishes. `nameless` are documents whose name could not be read: nobody's wish, but told."""

    wishes: Mapping[Name, Manifest | Invalid]
    nameless: tuple[Invalid, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Every problem in the tree, in the order of files and lines."""
        invalid = [wish for wish in self.wishes.values() if isinstance(wish, Invalid)]
        found = {problem for document in (*invalid, *self.nameless) for problem in document.problems}
        return tuple(sorted(found, key=lambda problem: (problem.path, problem.line, problem.column)))


def desired_of(documents: Iterable[Document]) -> Desired:
    """One wish a name, from all documents of a tree."""
    claimed: dict[Name, list[Document]] = {}
    nameless: list[Invalid] = []
    for document in documents:
        if document.name is None:
            nameless.append(document)  # only an Invalid has no name
        else:
            claimed.setdefault(document.name, []).append(document)
    wishes = {name: found[0] if len(found) == 1 else _clash(name, found) for name, found in claimed.items()}
    return Desired(_without_circles(wishes), tuple(nameless))


def wishes_of(
    desired: Desired, known: Mapping[Name, str], absences: Mapping[Name, int], hides: Callable[[str], bool]
) -> dict[Name, Wish]:
    """What is wished for each name: of the tree, and of those `known` (name to path) that it lacks.

    `absences` counts the complete passes in a row that lacked a name, this one not included. A name is not
    absent where the tree `hides` its last path: nobody can read what stands there now.
    """
    wishes: dict[Name, Wish] = dict(desired.wishes)
    for name, path in known.items():
        if name not in wishes:
            wishes[name] = Unreadable(path) if hides(path) else Absent(absences.get(name, 0) + 1)
    return wishes


def _without_circles(wishes: dict[Name, Manifest | Invalid]) -> dict[Name, Manifest | Invalid]:
    """The same wishes, where those that wait for themselves are invalid: none of them could ever start."""
    manifests = {
        name: wish for name, wish in wishes.items() if isinstance(wish, Manifest) and wish.depends_on
    }
    found = circles({name: manifest.depends_on for name, manifest in manifests.items()})
    return wishes | {name: _in_circle(manifests[name], way) for name, way in found.items()}


def _in_circle(manifest: Manifest, way: tuple[Name, ...]) -> Invalid:
    shown = way if len(way) <= MOST_SHOWN else (*way[: MOST_SHOWN - 2], "…", way[-1])
    problem = Problem(
        path=manifest.path,
        line=manifest.line,
        column=1,
        pointer="/spec/dependsOn",
        code=Code.DEPENDENCY_CIRCLE.value,
        message=f"spec.dependsOn leads back to where it began: {' → '.join(shown)}. Each waits for the next,"
        " so none of them can start. Take one of these names out of a dependsOn",
    )
    return Invalid(manifest.name, manifest.path, manifest.line, (problem,))


def _clash(name: Name, found: list[Document]) -> Invalid:
    places = [f"{document.path}:{document.line}" for document in found]
    clashes = [
        Problem(
            path=document.path,
            line=document.line,
            column=1,
            pointer="/metadata/name",
            code=Code.DUPLICATE_NAME.value,
            message=f"metadata.name {name!r} stands also at {_others(places, index)}; a name is unique in the"
            " tree. Rename or remove all but one; until then none of them acts.",
        )
        for index, document in enumerate(found)
    ]
    own = [problem for document in found if isinstance(document, Invalid) for problem in document.problems]
    return Invalid(name, found[0].path, found[0].line, (*clashes, *own))


def _others(places: list[str], index: int) -> str:
    others = [place for at, place in enumerate(places[:4]) if at != index][:3]
    more = len(places) - 1 - len(others)
    return ", ".join(others) + (f" and {more} more" if more else "")
