"""What makes documents invalid that are valid alone: two of one name, and those that wait for each other."""

from __future__ import annotations

from reconciler.core.fault import Code
from reconciler.core.model import Document, Invalid, Manifest, Name, Problem

MOST_SHOWN = 12
"""How many names of a circle are shown; a longer one is cut short in its middle."""


def in_circle(manifest: Manifest, way: tuple[Name, ...]) -> Invalid:
    """A manifest that waits for itself, by this way: it could never start."""
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


def clash(name: Name, found: list[Document]) -> Invalid:
    """All documents that claim one name, in the order of the tree, as one that does not act."""
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
