"""The gauges: what is counted, and when."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.core.model import JobStatus
from reconciler.core.outcome import Unclear
from reconciler.engine import gauges as module
from tests.engine.stage import SLOW, Stage, now_ms, play


def last(stage: Stage, name: str) -> dict[str, int]:
    [counts] = stage.told.of(name)[-1]
    return {str(key): count for key, count in counts.items() if count}


def test_names_jobs_and_the_queue_are_counted(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.claimed("waiting")
        for name in ("lost", "held"):
            await stage.claimed(name)
        stage.write_text("odd.yaml", "\0")
        stage.write("suspended", suspend=True)
        await stage.parts.reconciler.reconcile()
        for name in ("lost", "held"):
            begun = await stage.store.begin((await stage.latest(name)).key, "ab" * 16, now_ms())
            await stage.store.record(begun, Unclear("reset"), now_ms(), 0.0, 60_000)
        await stage.store.stop_looking(begun.key, "it cannot be found", now_ms())
        await stage.parts.gauges.refresh()
        assert not stage.told.of("queue"), "the queue is told each round, and once"
        stage.parts.gauges._tell_queue()
        states = {"Waiting": 1, "Unknown": 1, "Held": 1, "Suspended": 1, "Invalid": 1}
        assert last(stage, "manifests") == states
        assert stage.told.of("held") == stage.told.of("unknown_outcomes") == [(1,)]
        [(depth, oldest_s)] = stage.told.of("queue")
        assert depth == 3
        assert 0 <= oldest_s < 5
        [(size,)] = stage.told.of("state_bytes")
        assert size > 4096

    play(tmp_path, scene)


def test_jobs_are_counted_by_status(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.claimed("a", SLOW)
        async with stage.working():
            await stage.until(lambda: stage.parts.follower.jobs)
        await stage.parts.gauges.refresh()
        assert last(stage, "jobs") == {"Preparing": 1}
        [job] = stage.parts.follower.jobs.values()
        await stage.store.job_changed(job.subject.key, JobStatus.RUNNING, None, now_ms())
        await stage.parts.gauges.refresh()
        assert last(stage, "jobs") == {"Running": 1}

    play(tmp_path, scene)


def test_they_are_refreshed_after_changes_and_not_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REFRESH_S", 0.01)

    async def scene(stage: Stage) -> None:
        async with stage.running(stage.parts.gauges.run()):
            await stage.until(lambda: stage.told.of("manifests"))
            await stage.claimed("a")
            await stage.until(lambda: last(stage, "manifests") == {"Waiting": 1})
            for _ in range(50):
                await stage.told.news()
            count = len(stage.told.of("manifests"))
            for _ in range(5):
                await stage.told.news()
            assert len(stage.told.of("manifests")) == count
            queues = len(stage.told.of("queue"))
            for times in (1, 2):
                await stage.store.check_writable()
                await stage.until(lambda: len(stage.told.of("queue")) >= queues + times)  # noqa: B023
            assert len(stage.told.of("manifests")) == count, (
                "it was only tried whether the state can be written"
            )
            stage.write_text("odd.yaml", "\0")
            await stage.parts.reconciler.reconcile()
            await stage.store.check_writable()
            await stage.until(lambda: last(stage, "manifests") == {"Waiting": 1, "Invalid": 1})

    play(tmp_path, scene)
