"""Runs whose fate nobody knows, as the engine leaves them: for the commands that show and end holds."""

from __future__ import annotations

from reconciler.core.model import Job, JobId, JobStatus, WorkflowId
from reconciler.core.outcome import Unclear
from reconciler.store.port import Terms
from tests.engine.stage import SLOW, Stage, now_ms

CREATED_MS = 1_764_000_000_000


def shown(number: int) -> Job:
    """A job as a listing shows it; its name steers a terminal."""
    return Job(
        JobId(number), WorkflowId(SLOW), f"job\x1b[2J {number}", JobStatus.RUNNING, CREATED_MS, None, None
    )


async def unknown(stage: Stage, name: str = "a", value: str = "x") -> None:
    """A run of this name whose request came to nothing that can be read."""
    key = await stage.claimed(name, SLOW, value)
    begun = await stage.store.begin(key, "ab" * 16, now_ms())
    await stage.store.record(begun, Unclear("HTTP 502 without a code of Explorer's"), now_ms(), 0.0, 60_000)


async def held(stage: Stage, *candidates: int, name: str = "a", value: str = "x") -> None:
    """A run of this name that is held with these candidates."""
    await unknown(stage, name, value)
    key = (await stage.latest(name)).key
    for _ in range(2):
        terms = Terms(60_000, is_exclusive=False, chance=0.5)
        await stage.store.looked(key, [shown(it) for it in candidates], terms, now_ms())
