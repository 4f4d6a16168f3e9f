"""A plan as rows for people and programs: each with a word for what happens, its reason, and what changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from reconciler.core.difference import Asked, Change, differences
from reconciler.core.model import Invalid, JobId, Manifest, Name, Run, RunKey, WorkflowId
from reconciler.core.plan import Action, CancelJob, Claim, GiveUp, Nothing, Observed, Submit, Wait
from reconciler.core.reason import Reason
from reconciler.core.wording import reason_of, until_of, word_of
from reconciler.engine.planning import Planning

WORDS = (
    *("submit", "cancel", "give up", "wait", "cancelling", "unknown", "held", "missing", "invalid"),
    "nothing",
)
"""What may happen to a name, in the order in which a person wants to read it."""

PENDING = frozenset({"submit", "cancel", "give up", "wait"})
"""What `--detailed-exitcode` counts as changes."""

Bodies = Mapping[Name, tuple[bytes, ...]]
"""What the last generations of names asked for, the newest first; those that are kept."""


@dataclass(frozen=True, slots=True)
class Row:
    """What happens to one name, or to one of its jobs, and why.

    `until_ms` is when, at the earliest, or for a running job by when it has to end. `changes` are the values
    that a changed manifest asks for anew; `note` says what cannot be shown of them.
    """

    word: str
    name: Name
    reason: str
    until_ms: int | None = None
    key: RunKey | None = None
    workflow_id: WorkflowId | None = None
    job_id: JobId | None = None
    changes: tuple[Change, ...] = ()
    note: str = ""

    def told(self) -> str:
        """The reason for a person, with the job that it is about and what cannot be shown."""
        job = f"job {self.job_id}: " if self.job_id is not None else ""
        return f"{job}{self.reason}{f'; {self.note}' if self.note else ''}"


def rows_of(planning: Planning, bodies: Bodies) -> list[Row]:
    """Every row of a plan, in the order of WORDS and then of the tree."""
    actions = [action for action in planning.plan.actions if not _is_told_by_cancel(action, planning)]
    rows = [*_cancels(planning), *(_row(action, planning, bodies) for action in actions)]
    return sorted(rows, key=lambda row: WORDS.index(row.word))


def changed_names(planning: Planning) -> list[Name]:
    """The names whose manifests ask for something else than their last run."""
    return [
        name
        for name, wish in planning.desired.wishes.items()
        if isinstance(wish, Manifest) and _former(planning, wish) is not None
    ]


def counts_of(rows: Sequence[Row], nameless: Sequence[Invalid]) -> Counter[str]:
    """How many rows there are of each word; documents without a name are invalid too."""
    counts = Counter(row.word for row in rows)
    counts["invalid"] += len(nameless)
    return counts


def summary(counts: Mapping[str, int]) -> str:
    """The counts as a sentence."""
    parts = [
        f"{counts.get(word, 0)} {text}"
        for word, text in _SUMMED.items()
        if counts.get(word) or word == "submit"
    ]
    return f"Plan: {', '.join(parts)}, {counts.get('nothing', 0)} with nothing to do."


_SUMMED = {
    "submit": "to submit",
    "cancel": "to cancel",
    "give up": "to give up",
    "wait": "waiting",
    "cancelling": "being cancelled",
    "unknown": "being looked for",
    "held": "held",
    "missing": "not shown by Explorer",
    "invalid": "invalid",
}


def _cancels(planning: Planning) -> Iterator[Row]:
    """The jobs to stop: those that are stopped now, and those that wait for what their name waits for."""
    now = {it.key for it in planning.plan.cancels}
    waits = {action.name: action.why for action in planning.plan.actions if isinstance(action, Wait)}
    for it in planning.plan.cancels:
        yield _cancel("cancel", it, str(it.why))
    for it in planning.plan.unapproved_cancels:
        if it.key not in now:
            yield _cancel("wait", it, f"{waits.get(it.name, Reason.TOO_MANY_CANCELS)}: {it.why}")


def _is_told_by_cancel(action: Action, planning: Planning) -> bool:
    """Whether all that is to be done for a name is to stop its jobs, which have rows of their own."""
    is_gone = planning.desired.wishes.get(action.name) is None
    return (
        is_gone and isinstance(action, Wait) and action.why in (Reason.TOO_MANY_CANCELS, Reason.TOO_MANY_NEW)
    )


def _cancel(word: str, it: CancelJob, reason: str) -> Row:
    return Row(word, it.name, reason, key=it.key, job_id=it.job_id)


def _row(action: Action, planning: Planning, bodies: Bodies) -> Row:
    wish = planning.desired.wishes.get(action.name)
    changes, note = _changes(wish, planning, bodies) if isinstance(wish, Manifest) else ((), "")
    return Row(
        word=word_of(action),
        name=action.name,
        reason=reason_of(action),
        until_ms=until_of(action),
        key=_key_of(action, planning),
        workflow_id=_workflow_of(action, wish if isinstance(wish, Manifest) else None),
        changes=changes,
        note=note,
    )


def _key_of(action: Action, planning: Planning) -> RunKey | None:
    match action:
        case Claim(key=key) | Submit(key=key) | GiveUp(key=key):
            return key
        case Wait() | Nothing():
            latest = planning.world.names.get(action.name, Observed()).latest
            return latest.key if latest else None
        case _:
            assert_never(action)


def _workflow_of(action: Action, manifest: Manifest | None) -> WorkflowId | None:
    match action:
        case Submit(workflow_id=workflow_id):
            return workflow_id
        case _:
            return manifest.workflow_id if manifest else None


def _former(planning: Planning, manifest: Manifest) -> Run | None:
    """The last run of a manifest that asks for something else now."""
    latest = planning.world.names.get(manifest.name, Observed()).latest
    return latest if latest is not None and latest.digest != manifest.digest else None


def _changes(manifest: Manifest, planning: Planning, bodies: Bodies) -> tuple[tuple[Change, ...], str]:
    former = _former(planning, manifest)
    if former is None or manifest.is_suspended:
        return (), ""
    kept = bodies.get(manifest.name)
    if not kept:
        return (), "what its last run asked for is not kept"
    before, after = Asked(former.workflow_id, kept[0]), Asked(manifest.workflow_id, manifest.body)
    return differences(before, after), "" if kept[0] != manifest.body else _other_than_input(former, manifest)


def _other_than_input(former: Run, manifest: Manifest) -> str:
    return "spec.rerun changed" if former.workflow_id == manifest.workflow_id else ""
