"""The people around the daemon: those who write manifests, and the tree that the daemon reads of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from random import Random

from reconciler.core.model import (
    DEFAULTS,
    Digest,
    Document,
    Invalid,
    Manifest,
    Name,
    OnChange,
    OnDelete,
    OnUnknown,
    Policies,
    Problem,
    WorkflowId,
)
from reconciler.source.cache import SourceFile
from reconciler.source.folder import Change
from reconciler.source.heard import Heard
from reconciler.source.putoff import PutOff, PutOffReason
from reconciler.source.tree import Missing, Snapshot
from tests.simulation.story import Story

COMPLETE = ("good",) * 10 + ("bad",)
KINDS = (*COMPLETE, "incomplete")
_NO_HASH = bytes(16)
POLICIES = ("auto",) * 4 + ("hold", "resubmit")


@dataclass(frozen=True, slots=True)
class Spec:
    """What somebody wrote under a name."""

    name: str
    version: int
    workflow_id: str
    kind: str = "good"
    policy: str = "auto"
    is_suspended: bool = False
    is_invalid: bool = False
    life: Policies = DEFAULTS

    def __str__(self) -> str:
        notes = [self.kind, self.policy]
        notes += ["suspended"] * self.is_suspended + ["invalid"] * self.is_invalid
        notes += [f"{field}: {value}" for field, value in asdict(self.life).items() if value]
        return f"{self.name}: version {self.version} for workflow {self.workflow_id} ({', '.join(notes)})"

    @property
    def body(self) -> bytes:
        mark = b"" if self.kind == "good" else b',"%s":1' % self.kind.encode()
        return b'{"input":{"query_1":{"v":"%s/%d"%s}}}' % (self.name.encode(), self.version, mark)

    @property
    def digest(self) -> Digest:
        return _digest(self.workflow_id, self.body)

    def document(self) -> Document:
        path = f"{self.name}.yaml"
        if self.is_invalid:
            problem = Problem(path, 1, 1, "/spec", "wrong", "spec is wrong")
            return Invalid(Name(self.name), path, 1, (problem,))
        return Manifest(
            name=Name(self.name),
            workflow_id=WorkflowId(self.workflow_id),
            body=self.body,
            digest=self.digest,
            path=path,
            is_suspended=self.is_suspended,
            on_unknown=OnUnknown(self.policy),
            on_change=self.life.on_change,
            on_delete=self.life.on_delete,
            backoff_limit=self.life.backoff_limit,
            active_deadline_s=self.life.active_deadline_s,
            depends_on=self.life.depends_on,
        )


@cache
def _digest(workflow_id: str, body: bytes) -> Digest:
    return Digest(sha256(workflow_id.encode() + body).hexdigest())


@dataclass(slots=True)
class Garden:
    """The tree of manifests, and what people do to it."""

    dice: Random
    story: Story
    workflows: list[str]
    bad_scan_p: float = 0.0
    kinds: tuple[str, ...] = KINDS
    is_calm: bool = False
    fates: Random = field(default_factory=Random)
    """A die of its own for what becomes of jobs: the weather of a seed does not depend on it."""

    most_resubmissions: Counter[str] = field(default_factory=Counter)
    """The largest `backoffLimit` that ever stood under a name."""

    specs: dict[str, Spec] = field(default_factory=dict)
    policies: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """All policies under which a digest of a name ever stood in the tree."""

    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How many times a name began to ask for this: it may have at most so many jobs of it."""

    _digests: dict[str, str] = field(default_factory=dict)
    _files: dict[str, tuple[Spec, SourceFile]] = field(default_factory=dict)
    _gone: list[Spec] = field(default_factory=list)
    _names: int = 0
    _versions: int = 0
    _commits: int = 0

    def plant(self, count: int) -> None:
        """The manifests that are there at the beginning, and one that asks for nothing."""
        self.put(Spec("keep", 0, self.workflows[0], is_suspended=True))
        for _ in range(count):
            self.put(self._new())

    def put(self, spec: Spec) -> None:
        self._commits += 1
        if self._digests.get(spec.name) != spec.digest:
            self._digests[spec.name] = spec.digest
            self.asked[spec.name, spec.digest] += 1
        self.specs[spec.name] = spec
        most = self.most_resubmissions
        most[spec.name] = max(most[spec.name], spec.life.backoff_limit)
        self.policies.setdefault((spec.name, spec.digest), set()).add(spec.policy)
        self.story.tell("somebody writes {}", spec)

    def may_repeat(self, name: str, digest: str) -> bool:
        return "resubmit" in self.policies.get((name, digest), ())

    def wanted(self) -> dict[str, Spec]:
        """What should have been submitted in the end."""
        return {name: it for name, it in self.specs.items() if not (it.is_suspended or it.is_invalid)}

    def edit(self) -> None:
        """Somebody changes something."""
        old = self._some()
        if old is None:
            self.put(self._new())
            return
        change: Callable[[Spec], Spec | None] = self.dice.choices(*zip(*self._edits(), strict=True))[0]
        new = change(old)
        if new is not None:
            self.put(new)
        elif old.name in self.specs:
            self._commits += 1
            self._gone.append(self.specs.pop(old.name))
            self.story.tell("somebody deletes {}", old.name)

    async def scan(self, seen: dict[str, SourceFile], _: Heard) -> Snapshot | PutOff | Missing:
        """What a pass sees, where the last one has `seen` these files."""
        await asyncio.sleep(0.001 + 0.01 * self.dice.random())
        hidden: frozenset[str] = frozenset()
        specs = self.specs
        if not self.is_calm and self.dice.random() < self.bad_scan_p:
            match self.dice.randrange(4):
                case 0:
                    return PutOff(PutOffReason.INDEX_LOCK, "git is busy")
                case 1:
                    return Missing("it is not there")
                case 2:
                    specs = {}
                case _:
                    hidden = frozenset(f"{name}.yaml" for name in specs if self.dice.random() < 0.5)
                    specs = {name: it for name, it in specs.items() if f"{name}.yaml" not in hidden}
        files = {f"{name}.yaml": self._file(spec) for name, spec in sorted(specs.items())}
        pairs = {path: Change(seen.get(path), files.get(path)) for path in sorted(seen | files)}
        changes = {path: change for path, change in pairs.items() if change.before != change.after}
        seen.clear()
        seen.update(files)
        return Snapshot(
            root=Path("/"),
            files=files,
            unreadable=hidden,
            revision=f"commit-{self._commits}",
            changes=changes,
            has_documents=bool(files),
        )

    def _file(self, spec: Spec) -> SourceFile:
        known = self._files.get(spec.name)
        if known is not None and known[0] is spec:
            return known[1]
        file = SourceFile.of(_NO_HASH, (spec.document(),))
        self._files[spec.name] = (spec, file)
        return file

    def _some(self) -> Spec | None:
        others = [spec for spec in self.specs.values() if spec.name != "keep"]
        return self.dice.choice(others) if others else None

    def _new(self) -> Spec:
        self._names += 1
        dice = self.dice
        return Spec(
            f"n{self._names}",
            self._version(),
            dice.choice(self.workflows),
            dice.choice(self.kinds),
            dice.choice(POLICIES),
            life=self._life(self._names),
        )

    def _life(self, number: int) -> Policies:
        """Some policies for the name of this number; it depends on older ones only, so not in a circle."""
        dice = self.fates
        older = [Name(f"n{dice.randrange(1, number)}")] if number > 1 and dice.random() < 0.15 else []
        return Policies(
            on_change=dice.choice((*[OnChange.SUBMIT] * 3, OnChange.QUEUE, OnChange.REPLACE)),
            on_delete=dice.choice((OnDelete.ORPHAN, OnDelete.CANCEL)),
            backoff_limit=dice.choice((0, 0, 1, 2)),
            active_deadline_s=dice.choice((None, None, None, 8.0)),
            depends_on=tuple(older),
        )

    def _version(self) -> int:
        self._versions += 1
        return self._versions

    def _edits(self) -> list[tuple[Callable[[Spec], Spec | None], int]]:
        dice = self.dice
        return [
            (lambda it: replace(it, version=self._version(), kind=dice.choice(self.kinds)), 8),
            (lambda it: replace(it, version=max(1, it.version - 1)), 2),
            (lambda it: replace(it, workflow_id=dice.choice(self.workflows)), 1),
            (lambda it: replace(it, is_suspended=not it.is_suspended), 2),
            (lambda it: replace(it, is_invalid=not it.is_invalid), 1),
            (lambda it: replace(it, policy=dice.choice(POLICIES), life=self._life(int(it.name[1:]))), 1),
            (lambda it: replace(it), 1),
            (lambda _: self._new(), 5),
            (lambda _: None, 2),
            (lambda it: self._gone.pop() if self._gone and self._gone[-1].name not in self.specs else it, 2),
        ]
