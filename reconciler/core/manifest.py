"""From a file's bytes to manifests, or to problems that say what to write.

The walk: `documents` (bytes → texts) → `yaml` (text → events) → `compose` (events → value) → `schema` (is
it a manifest?) → a manifest with its canonical body and its `digest`. Where nothing is odd, `clean` takes the
place of `yaml` and `compose`. What fails on the way is told, all at once, and never stops another document.
Which files there are, and whether names are unique, is decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.core.clean import clean
from reconciler.core.compose import NOTHING, Composed, Place, compose, places
from reconciler.core.digest import canonical_body, digest
from reconciler.core.documents import Text, Unread, texts
from reconciler.core.explain import Finding, explain
from reconciler.core.fault import Code, Fault, Path, pointer
from reconciler.core.model import (
    Document,
    Invalid,
    Manifest,
    Name,
    OnChange,
    OnDelete,
    OnUnknown,
    Problem,
    WorkflowId,
)
from reconciler.core.schema import is_valid, schema
from reconciler.core.yaml import Events, parse

MAX_PROBLEMS = 100
"""Problems of one document that are told; the last then says how many there were."""

MAX_FILE_PROBLEMS = 1_000
"""Problems after which the further documents of a file get one each: it could have a hundred thousand."""

# What a name looks like in text that could not be parsed: in lines below `metadata:`, or in braces after it.
_METADATA = re.compile(r"(?m)^[\"']?metadata[\"']?[ \t]*:[^\n]*(?:\n(?:[ \t#][^\n]*)?(?=\n|\Z))*")
_NAME_LINE = re.compile(
    r"(?m)^([ \t]+)[\"']?name[\"']?[ \t]*:[ \t]+[\"']?([a-z0-9.-]+)[\"']?[ \t]*(?:[ \t]#.*)?\r?$"
)
_NAME_IN_BRACES = re.compile(
    r"(?m)(?:^|[\"'])metadata[\"']?\s*:\s*\{(?:[^{}]|\{[^{}]*\})*?"
    r"(?<![\w.-])name[\"']?\s*:\s*[\"']?([a-z0-9.-]+)[\"']?\s*[,}]"
)


# A word's member by a look into a dictionary: calling the class takes five times as long.
_ON_UNKNOWN = {word.value: word for word in OnUnknown}
_ON_CHANGE = {word.value: word for word in OnChange}
_ON_DELETE = {word.value: word for word in OnDelete}


def read(path: str, data: bytes) -> tuple[Document, ...]:
    """Every document of one file, in order: a manifest, or what is wrong with it. Never raises.

    `path` is relative to the jobs directory, with `/`; it is only repeated in what is returned. Documents
    without content are left out.
    """
    documents, told = list[Document](), 0
    for text in texts(data):
        document = _document(path, text, is_explained=told < MAX_FILE_PROBLEMS)
        if document is not None:
            documents.append(document)
            told += len(document.problems) if isinstance(document, Invalid) else 0
    return tuple(documents)


def places_in(data: bytes) -> Mapping[int, Mapping[Path, Place]]:
    """Where the values of each document stand, by the line that the document begins on."""
    found: dict[int, Mapping[Path, Place]] = {}
    for text in texts(data):
        if isinstance(text, Text):
            events = parse(text.text, text.line)
            found[_first_line(events, text)] = places(events.events, text.line)
    return found


def _document(path: str, text: Text | Unread, *, is_explained: bool) -> Document | None:
    if isinstance(text, Unread):
        return Invalid(_name_in_text(text.text), path, text.line, _problems(path, [text.fault]))
    found = None if text.faults else clean(text.text)
    if found is not None and is_valid(found.value):
        return _accepted(path, text.line + found.lines_above, found.value)
    events = parse(text.text, text.line)
    composed = compose(events.events, text.line)
    faults = [*text.faults, *composed.faults, *([events.fault] if events.fault else [])]
    if not faults and composed.value is NOTHING:
        return None
    line = _first_line(events, text)
    if not faults and is_valid(composed.value):
        return _accepted(path, line, composed.value)  # type: ignore[arg-type]
    name = _name_in(composed) or (_name_in_text(text.text) if events.fault else None)
    if not is_explained:
        message = (
            f"this document has problems too; the first {MAX_FILE_PROBLEMS:,} of the file are told. Mend"
        )
        untold = Fault(line, 1, (), Code.TOO_MANY_PROBLEMS, f"{message} those")
        return Invalid(name, path, line, _problems(path, [untold]))
    return Invalid(name, path, line, _problems(path, _explained(faults, composed, events, text)))


def _accepted(path: str, line: int, value: Mapping[str, Any]) -> Manifest:
    spec, metadata = value["spec"], value["metadata"]
    workflow_id = WorkflowId(str(int(spec["workflowId"])))
    body = canonical_body(spec.get("input", {}))
    return Manifest(
        name=Name(metadata["name"]),
        workflow_id=workflow_id,
        body=body,
        digest=digest(workflow_id, body, spec.get("rerun")),
        path=path,
        line=line,
        is_suspended=spec.get("suspend", False),
        labels=metadata.get("labels", {}),
        on_unknown=_ON_UNKNOWN[spec.get("onUnknown", "auto")],
        on_change=_ON_CHANGE[spec.get("onChange", "submit")],
        on_delete=_ON_DELETE[spec.get("onDelete", "orphan")],
        backoff_limit=int(spec.get("backoffLimit", 0)),
        active_deadline_s=spec.get("activeDeadlineSeconds"),
        depends_on=tuple(spec.get("dependsOn", ())),
    )


def _first_line(events: Events, text: Text) -> int:
    """Where the document's content begins."""
    for event in events.events[2:3]:
        if event.start_mark is not None:
            return text.line + event.start_mark.line
    blank = re.match(r"(?:[ \t]*(?:#[^\n]*)?\n|---[ \t\r]*\n)*", text.text)
    return text.line + (blank[0].count("\n") if blank else 0)


def _explained(faults: list[Fault], composed: Composed, events: Events, text: Text) -> list[Fault]:
    """The faults so far, and what the schema says about as much of the document as could be read."""
    if composed.value is NOTHING:
        return faults
    value = composed.value
    found = [] if is_valid(value) else explain(value)  # type: ignore[arg-type]
    spots = places(events.events, text.line)
    is_cut_short = events.fault is not None
    return faults + [
        _fault(finding, spots)
        for finding in found
        if finding.path not in composed.unread and not (is_cut_short and finding.code is Code.MISSING_FIELD)
    ]


def _fault(finding: Finding, spots: Mapping[Path, Place]) -> Fault:
    place = spots[finding.path]
    line, column = place.key if finding.is_about_key else place.value
    return Fault(line, column, finding.path, finding.code, finding.message)


def _problems(path: str, faults: Iterable[Fault]) -> tuple[Problem, ...]:
    """As many problems as a person reads at once, from the top of the file down."""
    ordered = sorted(faults, key=lambda fault: (fault.line, fault.column))
    if len(ordered) > MAX_PROBLEMS:
        first_untold = ordered[MAX_PROBLEMS - 1]
        message = f"{len(ordered) - MAX_PROBLEMS + 1:,} or more problems follow. Mend those above first"
        more = Fault(first_untold.line, first_untold.column, (), Code.TOO_MANY_PROBLEMS, message)
        ordered = [*ordered[: MAX_PROBLEMS - 1], more]
    return tuple(
        Problem(path, fault.line, fault.column, pointer(fault.path), fault.code.value, fault.message)
        for fault in ordered
    )


def _name_in(composed: Composed) -> Name | None:
    """`metadata.name`, where it is usable as a name, however little else could be read."""
    match composed.value:
        case {"metadata": {"name": str(name)}} if ("metadata", "name") not in composed.unread:
            return Name(name) if _is_name(name) else None
    return None


def _name_in_text(text: str) -> Name | None:
    """The name as far as the text alone tells it, where parsing ended before it.

    An error above `metadata` must not make what runs under that name look deleted.
    """
    block = _METADATA.search(text)
    lines = _NAME_LINE.finditer(block[0]) if block else ()
    # The line that is indented least is metadata's own; a label may be called name as well.
    line = min(lines, key=lambda found: len(found[1]), default=None)
    braces = _NAME_IN_BRACES.search(text)
    name = line[2] if line else braces[1] if braces else ""
    return Name(name) if _is_name(name) else None


def _is_name(text: str) -> bool:
    rule = schema()["properties"]["metadata"]["properties"]["name"]
    return len(text) <= rule["maxLength"] and re.search(rule["pattern"], text) is not None
