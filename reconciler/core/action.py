"""The plan's values: what is wished for, what is observed, and what may follow.

How one follows from the other is decided in `plan`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from reconciler.core.model import (
    DEFAULTS,
    CancelCause,
    Digest,
    Invalid,
    JobId,
    Manifest,
    Name,
    Pause,
    Policies,
    Run,
    RunKey,
    WorkflowId,
)
from reconciler.core.reason import Reason
from reconciler.core.sighting import Sighting


@dataclass(frozen=True, slots=True)
class Absent:
    """No document claims the name, for this many complete passes in a row."""

    passes: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The name's last file is there, but what it holds cannot be told."""

    path: str


Wish = Manifest | Invalid | Absent | Unreadable


@dataclass(frozen=True, slots=True)
class Observed:
    """What the state knows of one name: its newest run, and the digests that an operator released.

    `unfinished` are all of its runs whose jobs exist and have not ended, or may exist for all that is known;
    oldest first, the newest run included. `sighting` is what the last complete pass saw of it.
    """

    latest: Run | None = None
    approved: frozenset[Digest] = frozenset()
    unfinished: tuple[Run, ...] = ()
    sighting: Sighting | None = None

    @property
    def policies(self) -> Policies:
        """The policies of its last valid manifest."""
        return self.sighting.policies if self.sighting is not None else DEFAULTS


class Quarantine(StrEnum):
    """Where a workflow of a restored state stands: to be listed, or held by jobs that the state knows not.

    A run that the state has forgotten may have made them.
    """

    WAITS = "Waits"
    HELD = "Held"


@dataclass(frozen=True, slots=True)
class Workflow:
    """What the state knows of one workflow.

    `highest` is the highest job ID ever seen there, 0 for none, None while the workflow was never listed.
    `is_guarded` says that it had jobs when it was first listed, while the state was without any run.
    `asks_again_ms` is when a listing that failed may be tried again, `trouble` why it failed. `strangers` are
    the jobs that hold a workflow of a restored state. `open_run` is its run whose outcome is not known yet.
    """

    workflow_id: WorkflowId
    highest: JobId | None = None
    is_guarded: bool = False
    asks_again_ms: int = 0
    trouble: str = ""
    quarantine: Quarantine | None = None
    strangers: tuple[JobId, ...] = ()
    open_run: RunKey | None = None

    @property
    def needs_listing(self) -> bool:
        """Whether it has to be listed before a run of it may start."""
        match self.quarantine:
            case Quarantine.HELD:
                return False  # an operator has to speak first
            case Quarantine.WAITS:
                return True
            case None:
                return self.highest is None


@dataclass(frozen=True, slots=True)
class Claim:
    """Make this run: durable before it is sent, and the older run `replaces` is given up.

    Its first attempt starts a generation. A later one is sent at `not_before_ms` at the earliest; `detail`
    says what came of the one before. `then` is what it waits for once it is claimed, if it is not sent next.
    """

    manifest: Manifest
    key: RunKey
    why: Reason
    replaces: RunKey | None = None
    not_before_ms: int = 0
    detail: str = ""
    resubmissions: int = 0
    then: Wait | None = None

    @property
    def name(self) -> Name:
        """The name that is acted on."""
        return self.key.name


@dataclass(frozen=True, slots=True)
class Submit:
    """Create the job of a run that is claimed, at `not_before_ms` or later.

    `detail` says what came of the last try, if there was one.
    """

    key: RunKey
    workflow_id: WorkflowId
    why: Reason
    not_before_ms: int = 0
    detail: str = ""

    @property
    def name(self) -> Name:
        """The name that is acted on."""
        return self.key.name


@dataclass(frozen=True, slots=True)
class GiveUp:
    """End a run that was never sent and is no longer wanted."""

    key: RunKey
    why: Reason

    @property
    def name(self) -> Name:
        """The name that is acted on."""
        return self.key.name


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing yet. `until_ms` is when to look again, None if something else has to happen first."""

    name: Name
    why: Reason
    until_ms: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nothing is left to do until the manifest or its run changes, or `until_ms` has come."""

    name: Name
    why: Reason
    detail: str = ""
    until_ms: int | None = None


Action = Claim | Submit | GiveUp | Wait | Nothing


@dataclass(frozen=True, slots=True)
class CancelJob:
    """Have this run's job stopped: the intent is durable before any request is sent."""

    key: RunKey
    job_id: JobId
    cause: CancelCause
    why: Reason

    @property
    def name(self) -> Name:
        """The name that is acted on."""
        return self.key.name


@dataclass(frozen=True, slots=True)
class Plan:
    """One action a name, the jobs to stop, the workflows to list first, and what needs an operator's word.

    `unapproved` would start new runs and nobody has released them, whether or not the guard holds them;
    `unapproved_cancels` would stop jobs because of what became of their manifests. `approve` releases exactly
    these, by `hash`. `cancels` are those that are to be carried out now. `deadlines` say by when names are to
    be planned again, because a job of theirs becomes overdue then.
    """

    actions: tuple[Action, ...]
    to_list: tuple[WorkflowId, ...]
    unapproved: tuple[Claim, ...]
    is_guarded: bool
    cancels: tuple[CancelJob, ...] = ()
    unapproved_cancels: tuple[CancelJob, ...] = ()
    deadlines: Mapping[Name, int] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        """SHA-256 in hex over the sorted lines of what nobody has released.

        They are `submit <name> <digest>` and `cancel <name>#<generation>.<attempt> <job>`.
        """
        lines = [f"submit {claim.name} {claim.manifest.digest}\n" for claim in self.unapproved]
        lines += [f"cancel {it.key} {it.job_id}\n" for it in self.unapproved_cancels]
        return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()

    def once_claimed(self) -> Plan:
        """The same plan after its claims were made: what they started is for nobody to approve any more."""
        waiting = {action.name for action in self.actions if isinstance(action, Wait)}
        done = {it.key for it in self.cancels}
        return replace(
            self,
            unapproved=tuple(it for it in self.unapproved if it.name in waiting),
            unapproved_cancels=tuple(it for it in self.unapproved_cancels if it.key not in done),
        )


@dataclass(frozen=True, slots=True)
class World:
    """What is observed: names and workflows as the state knows them.

    `in_use` counts for each workflow the runs whose jobs run, or may run for all that is known. `pause` is
    there while an operator wants nothing submitted.
    """

    names: Mapping[Name, Observed] = field(default_factory=dict)
    workflows: Mapping[WorkflowId, Workflow] = field(default_factory=dict)
    in_use: Mapping[WorkflowId, int] = field(default_factory=dict)
    pause: Pause | None = None

    def workflow(self, workflow_id: WorkflowId) -> Workflow:
        """The workflow, or one of which nothing is known yet."""
        return self.workflows.get(workflow_id) or Workflow(workflow_id)
