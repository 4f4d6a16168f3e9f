"""What is old is forgotten in small bites; what is young, and every run, is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reconciler.engine.keeper import DAY_MS, Keeper
from tests.engine.stage import Stage, now_ms, play


def keeper(stage: Stage, history_days: float, deleted_days: float, later_days: float) -> Keeper:
    """The keeper of a daemon that is asked so many days from now."""
    return replace(
        stage.parts.keeper,
        history_days=history_days,
        deleted_days=deleted_days,
        now_ms=lambda: now_ms() + int(later_days * DAY_MS),
    )


async def deleted(stage: Stage) -> None:
    """A name that was deleted, and one that was not."""
    stage.write("a", suspend=True)
    stage.write("b", suspend=True)
    await stage.parts.reconciler.reconcile()
    stage.remove("a")
    for _ in range(2):
        await stage.parts.reconciler.reconcile()
    assert await stage.states() == {"a": "Deleted", "b": "Suspended"}


def test_what_is_young_is_kept_and_nothing_is_written(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await deleted(stage)
        commits = stage.commits["done"]
        assert not await keeper(stage, 90, 30, later_days=29).forget()
        assert not await keeper(stage, 0, 0, later_days=10_000).forget()
        assert stage.commits["done"] == commits
        assert await stage.history("a")

    play(tmp_path, scene)


def test_what_is_old_is_forgotten_and_a_pass_after_that_knows_it(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await deleted(stage)
        old = keeper(stage, 90, 30, later_days=31)
        assert await old.forget()
        assert not await old.forget()
        assert await stage.states() == {"b": "Suspended"}
        assert await stage.history("a")
        assert await keeper(stage, 90, 30, later_days=91).forget()
        assert await stage.history("a") == []
        await stage.parts.reconciler.reconcile()
        assert await stage.states() == {"b": "Suspended"}
        stage.write("a", suspend=True)
        await stage.parts.reconciler.reconcile()
        assert await stage.states() == {"a": "Suspended", "b": "Suspended"}

    play(tmp_path, scene)
