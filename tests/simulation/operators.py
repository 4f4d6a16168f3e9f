"""An operator who looks now and then, and who knows the truth: what `approve` and `resolve` are for."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from random import Random

from reconciler.core.model import JobId, Name, RunKey
from reconciler.core.plan import Plan
from tests.simulation.memory import Disk
from tests.simulation.people import Garden
from tests.simulation.server import INCOMPLETE, Job
from tests.simulation.story import Story
from tests.simulation.truth import Truth

Arguments = dict[str, object]


@dataclass(slots=True)
class Operator:
    """Leaves wishes in the state, as the commands do, and never the same one twice while it is open."""

    disk: Disk
    truth: Truth
    garden: Garden
    dice: Random
    story: Story
    resolves: bool
    """Whether held runs and workflows are looked after, or approvals only."""

    def wishes(self, plan: Plan, now_ms: int) -> int:
        """What is asked of the daemon now; gives how many wishes were left."""
        if self.disk.rows("SELECT 1 FROM wishes WHERE answered_ms IS NULL"):
            return 0
        wishes = self._approvals(plan)
        if self.resolves and not wishes:
            wishes = self._resolutions() or self._releases(plan)
        wishes = wishes or self._steering()
        for kind, arguments in wishes:
            self.story.tell("an operator asks for {} {}", kind, arguments)
            self.disk.connection.execute(
                "INSERT INTO wishes (kind, arguments, asked_ms) VALUES (?, ?, ?)",
                (kind, json.dumps(arguments), now_ms),
            )
        return len(wishes)

    def _approvals(self, plan: Plan) -> list[tuple[str, Arguments]]:
        if plan.is_guarded and (plan.unapproved or plan.unapproved_cancels):
            return [("approve", {"hash": plan.hash})]
        return []

    def _steering(self) -> list[tuple[str, Arguments]]:
        """Now and then something is stopped, tried again, or all of it paused; in the end nothing is."""
        dice, said = self.garden.fates, {"who": "an operator", "why": ""}
        if self.disk.rows("SELECT 1 FROM meta WHERE key = 'pause'"):
            return [("resume", said)] if self.garden.is_calm or dice.random() < 0.3 else []
        if self.garden.is_calm or dice.random() > 0.1:
            return []
        names = sorted(name for name in self.garden.specs if name != "keep")
        if not names or dice.random() < 0.1:
            return [("pause", said)]
        name = dice.choice(names)
        if dice.random() < 0.5:
            return [("cancel", {"name": name, "generation": None, **said})]
        return [("retry", {"name": name, **said})]

    def _resolutions(self) -> list[tuple[str, Arguments]]:
        """What came of a held run, once nothing of it is on its way any more.

        Not for one that misses a parameter: it would be sent, and held, for ever.
        """
        held = [
            row
            for row in self.disk.rows("SELECT * FROM runs WHERE phase = 'Held' ORDER BY name, generation")
            if not self.truth.travelling[_key(row)] and INCOMPLETE not in row["body"]
        ]
        if not held:
            return []
        row = self.dice.choice(held)
        jobs = [job.job_id for job in self.truth.jobs_of.get((_key(row), row["digest"]), ())]
        return [self._resolve(row, next((it for it in jobs if not self._owner(it)), None))]

    def _resolve(self, row: sqlite3.Row, job_id: JobId | None) -> tuple[str, Arguments]:
        arguments: Arguments = {"name": row["name"], "generation": row["generation"], "adopt": job_id}
        return "resolve", arguments

    def _releases(self, plan: Plan) -> list[tuple[str, Arguments]]:
        """For a workflow of a restored state: first its jobs to their runs, then the rest to nobody."""
        for row in self.disk.rows("SELECT * FROM workflows WHERE quarantine = 'Held'"):
            jobs = [self.truth.jobs[JobId(int(job_id))] for job_id in row["strangers"].split()]
            needed = [job for job in jobs if self._is_asked_for(job)]
            if not needed:
                return [("release", {"workflow": row["workflow_id"]})]
            for job in needed:
                assert job.sent is not None
                runs = self.disk.rows(_TAKERS, job.sent.key.name, job.sent.digest)
                if runs:
                    return [self._resolve(runs[0], job.job_id)]
                claims = [it for it in plan.unapproved if it.name == job.sent.key.name]
                if claims and claims[0].manifest.digest == job.sent.digest:
                    name, generation = claims[0].name, claims[0].key.generation
                    return [("resolve", {"name": name, "generation": generation, "adopt": job.job_id})]
        return []

    def _is_asked_for(self, job: Job) -> bool:
        """Whether a run of ours that is, or may come, asks for what this job does, and nobody has it."""
        if job.sent is None or self._owner(job.job_id):
            return False
        name, digest = job.sent.key.name, job.sent.digest
        spec = self.garden.specs.get(name)
        is_wanted = spec is not None and spec.digest == digest
        return is_wanted or any(self.disk.rows(query, name, digest) for query in (_TAKERS, _LAST_SEEN))

    def _owner(self, job_id: JobId) -> bool:
        return bool(self.disk.rows("SELECT 1 FROM runs WHERE job_id = ?", job_id))


def _key(row: sqlite3.Row) -> RunKey:
    return RunKey(Name(row["name"]), row["generation"], row["attempt"])


_LAST_SEEN = "SELECT 1 FROM names WHERE name = ? AND digest = ? AND presence != 'deleted'"
"""Where the tree could not be read since, the daemon goes by what it saw last."""

_TAKERS = (
    "SELECT * FROM runs WHERE name = ? AND digest = ? AND phase IN ('Waiting', 'Held')"
    " ORDER BY generation DESC"
)
