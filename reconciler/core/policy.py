"""Who may ask for what: the operator's rules, by path, and what they say to a manifest. Pure.

As in CODEOWNERS, the last rule that fits a path decides alone, and what no rule fits may ask for anything.
Which file the rules stand in, and that it is none of the tree's, is the business of `policy_file`.
"""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from reconciler.core.compose import Place
from reconciler.core.fault import Code, Path, quoted
from reconciler.core.glob import Pattern, pattern_in
from reconciler.core.manifest import places_in, read
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

MAX_RULES = 1_000
"""Rules of one policy: each is tried on each file that is read."""

MAX_KEPT = 200_000
"""Paths whose rule is remembered."""

_MOST_SHOWN = 5
"""Workflow IDs that a message lists."""

_WORKFLOW_ID = re.compile(r"[1-9][0-9]{0,39}")
_ASK = "or ask whoever keeps the policy"

_Place = tuple[str, int, Name]
"""Path, line and name of a manifest."""

_NOWHERE: _Place = ("", 0, Name(""))


@dataclass(frozen=True, slots=True)
class Rule:
    """What manifests below one path may ask for.

    `workflow_ids` None stands for any workflow, `max_manifests` None for any number.
    """

    number: int
    path: str
    pattern: Pattern
    workflow_ids: frozenset[WorkflowId] | None = None
    max_manifests: int | None = None
    may_resubmit: bool = True
    may_cancel: bool = True
    may_replace: bool = True

    def __str__(self) -> str:
        return f"rule {self.number} of the policy ({quoted(self.path)})"


@dataclass(frozen=True, slots=True)
class Policy:
    """The operator's rules, in their order. Without any, everything is allowed."""

    rules: tuple[Rule, ...] = ()
    _known: dict[str, tuple[Rule | None]] = field(default_factory=dict, repr=False, compare=False)

    def rule_for(self, path: str) -> Rule | None:
        """The last rule that fits the path (relative to the tree), or a directory that it lies in.

        It is asked for each path by the thread that reads and by the loop, so what was found is kept.
        """
        if not self.rules:
            return None
        kept = self._known.get(path)
        if kept is not None:
            return kept[0]
        if len(self._known) >= MAX_KEPT:
            self._known.clear()
        above = [path[: index + 1] for index, character in enumerate(path) if character == "/"]
        places = (path, *above)
        found = next((it for it in reversed(self.rules) if any(map(it.pattern.fits, places))), None)
        self._known[path] = (found,)
        return found


EVERYTHING = Policy()
"""The policy without a rule."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing wrong with a policy: where it stands, what was found, and what it takes instead."""

    where: str
    found: str
    takes: str


def reader_under(
    policy: Policy, in_tree: Callable[[str], str] = str
) -> Callable[[str, bytes], tuple[Document, ...]]:
    """`manifest.read`, with what is outside the policy invalid.

    `in_tree` gives a file's path within the tree that the policy is for, where it is read by another.
    """

    def read_allowed(path: str, data: bytes) -> tuple[Document, ...]:
        documents, rule = read(path, data), policy.rule_for(in_tree(path))
        if rule is None or not any(map(_offences_against(rule), documents)):
            return documents
        spots = places_in(data)
        return tuple(_judged(document, rule, spots.get(document.line, {})) for document in documents)

    return read_allowed


class Ranks:
    """Where each manifest stands among those of its rule, as far as that allows only so many.

    The first by path and line are those that count, whatever came first in time: two looks at one tree give
    the same answer.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._most = {it.number: it.max_manifests for it in policy.rules if it.max_manifests is not None}
        self._ranked: dict[int, list[_Place]] = {number: [] for number in self._most}
        self._places: dict[Name, tuple[int, _Place]] = {}
        self._beyond: dict[int, dict[Name, int]] = {number: {} for number in self._most}
        self._moved: set[int] = set()

    def put(self, name: Name, manifest: Manifest | None) -> None:
        """The valid manifest of this name now; None for none."""
        if not self._most:
            return
        number, place = self._places.pop(name, (0, _NOWHERE))
        if number:
            ranked = self._ranked[number]
            del ranked[bisect_left(ranked, place)]
            self._moved.add(number)
        rule = self._policy.rule_for(manifest.path) if manifest is not None else None
        if manifest is not None and rule is not None and rule.number in self._most:
            place = (manifest.path, manifest.line, name)
            insort(self._ranked[rule.number], place)
            self._places[name] = rule.number, place
            self._moved.add(rule.number)

    def news(self) -> set[Name]:
        """The names that stand elsewhere beyond what is allowed than when this was last asked."""
        found: set[Name] = set()
        for number in self._moved:
            before, most = self._beyond[number], self._most[number]
            now = {name: rank for rank, (_, _, name) in enumerate(self._ranked[number][most:], most + 1)}
            found |= {name for name in before.keys() | now if before.get(name) != now.get(name)}
            self._beyond[number] = now
        self._moved.clear()
        return found

    def beyond(self, name: Name) -> int | None:
        """The number of a manifest that is one too many, counted from the first; None for one that counts."""
        number, _ = self._places.get(name, (0, _NOWHERE))
        return self._beyond[number].get(name) if number else None


def policy_in(table: Mapping[str, object]) -> tuple[Policy, list[Flaw]]:
    """The policy that a TOML file holds, and all that is wrong with it."""
    flaws = [_unknown("", key, ("rule",)) for key in table if key != "rule"]
    written = table.get("rule", [])
    if not isinstance(written, list) or not all(isinstance(one, dict) for one in written):
        return Policy(), [*flaws, Flaw("rule", "not a list of tables", "it takes [[rule]] above each rule")]
    if len(written) > MAX_RULES:
        found = f"there {len(written):,} times"
        return Policy(), [*flaws, Flaw("rule", found, f"at most {MAX_RULES:,} are read")]
    rules = [_rule(number, one, flaws) for number, one in enumerate(written, start=1)]
    return Policy(tuple(rule for rule in rules if rule is not None)), flaws


_Offence = tuple[str, str]
"""A field of `spec`, and what is to be said of it."""


def _offences_against(rule: Rule) -> Callable[[Document], list[_Offence]]:
    return lambda document: list(_offences(document, rule)) if isinstance(document, Manifest) else []


def _offences(manifest: Manifest, rule: Rule) -> Iterator[_Offence]:
    if rule.workflow_ids is not None and manifest.workflow_id not in rule.workflow_ids:
        found = f"spec.workflowId is {manifest.workflow_id}; {rule} allows {_listed(rule.workflow_ids)}"
        yield "workflowId", f"{found}. Take one of these, {_ASK}" if rule.workflow_ids else found
    if manifest.on_unknown is OnUnknown.RESUBMIT and not rule.may_resubmit:
        yield "onUnknown", _not_allowed("spec.onUnknown is resubmit", rule)
    if manifest.on_delete is OnDelete.CANCEL and not rule.may_cancel:
        yield "onDelete", _not_allowed("spec.onDelete is cancel", rule)
    if manifest.on_change is OnChange.REPLACE and not rule.may_replace:
        yield "onChange", _not_allowed("spec.onChange is replace", rule)


def _not_allowed(found: str, rule: Rule) -> str:
    return f"{found}, which {rule} does not allow. Write another word, {_ASK}"


def _listed(workflow_ids: frozenset[WorkflowId]) -> str:
    ids = sorted(workflow_ids, key=lambda it: (len(it), it))
    more = len(ids) - _MOST_SHOWN
    return ", ".join(ids[:_MOST_SHOWN]) + (f" and {more} more" if more > 0 else "") or "none"


def _judged(document: Document, rule: Rule, spots: Mapping[Path, Place]) -> Document:
    offences = _offences_against(rule)(document)
    if not offences:
        return document
    problems = []
    for name, message in offences:
        spot = spots.get(("spec", name))
        line, column = spot.value if spot else (document.line, 1)
        code = Code.NOT_ALLOWED.value
        problems.append(Problem(document.path, line, column, f"/spec/{name}", code, message))
    problems.sort(key=lambda problem: (problem.line, problem.column))
    return Invalid(document.name, document.path, document.line, tuple(problems))


def one_too_many(manifest: Manifest, rule: Rule, number: int) -> Invalid:
    """A manifest that stands beyond what its rule allows, as this number."""
    allowed = f"{rule.max_manifests} manifest{'' if rule.max_manifests == 1 else 's'}"
    message = f"{rule} allows {allowed}, and by path and line this is number {number}. Remove another, {_ASK}"
    code = Code.TOO_MANY_MANIFESTS.value
    problem = Problem(manifest.path, manifest.line, 1, "/metadata/name", code, message)
    return Invalid(manifest.name, manifest.path, manifest.line, (problem,))


_TRUE_OR_FALSE = "it takes true or false"


def _rule(number: int, written: Mapping[str, object], flaws: list[Flaw]) -> Rule | None:
    """One rule; None, with the reasons among `flaws`, for one that cannot be used."""
    before = len(flaws)
    where = f"rule {number}"
    flaws += [_unknown(f"{where}: ", key, _FIELDS) for key in written if key not in _FIELDS]
    path = written.get("path")
    pattern = _pattern(f"{where}: path", path, flaws)
    workflow_ids = _workflow_ids(f"{where}: workflows", written.get("workflows"), flaws)
    most = written.get("max_manifests")
    if most is not None and not (type(most) is int and most >= 0):
        flaws.append(Flaw(f"{where}: max_manifests", _shown(most), "it takes a whole number from 0 up"))
    for key in _SWITCHES:
        if type(written.get(key, True)) is not bool:
            flaws.append(Flaw(f"{where}: {key}", _shown(written[key]), _TRUE_OR_FALSE))
    if pattern is None or len(flaws) > before:
        return None
    return Rule(
        number=number,
        path=str(path),
        pattern=pattern,
        workflow_ids=workflow_ids,
        max_manifests=most if isinstance(most, int) else None,
        may_resubmit=written.get("on_unknown_resubmit", True) is True,
        may_cancel=written.get("on_delete_cancel", True) is True,
        may_replace=written.get("on_change_replace", True) is True,
    )


_SWITCHES = ("on_unknown_resubmit", "on_delete_cancel", "on_change_replace")
_FIELDS = ("path", "workflows", "max_manifests", *_SWITCHES)


def _pattern(where: str, path: object, flaws: list[Flaw]) -> Pattern | None:
    takes = 'it takes a pattern as in .gitignore, such as "/team-a/" or "*.yaml"'
    if path is None:
        flaws.append(Flaw(where, "not set", takes))
        return None
    found = pattern_in(path) if isinstance(path, str) else None
    if isinstance(found, str):
        flaws.append(Flaw(where, f"{_shown(path)}, in which {found}", takes))
    elif found is None or found.is_negated:
        flaws.append(Flaw(where, _shown(path), takes))
    else:
        return found
    return None


def _workflow_ids(where: str, written: object, flaws: list[Flaw]) -> frozenset[WorkflowId] | None:
    if written is None:
        return None
    takes = "it takes a list of workflow IDs; without it any is allowed"
    if not isinstance(written, list):
        flaws.append(Flaw(where, _shown(written), takes))
        return None
    odd = [one for one in written if type(one) not in (int, str) or not _WORKFLOW_ID.fullmatch(str(one))]
    flaws += [Flaw(where, f"a list with {_shown(one)} in it", takes) for one in odd[:1]]
    return frozenset(WorkflowId(str(one)) for one in written)


def _unknown(where: str, key: str, fields: tuple[str, ...]) -> Flaw:
    near = get_close_matches(key[:60], fields, n=1)
    takes = f"the nearest that exists is {near[0]}" if near else f"there is {', '.join(fields)}"
    return Flaw(where + quoted(key)[1:-1], "no part of a policy", takes)


def _shown(found: object) -> str:
    return quoted(found) if isinstance(found, str) else quoted(str(found))[1:-1]
