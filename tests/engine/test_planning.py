"""The plan of a whole tree, made beside a daemon or without one."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from reconciler.core.plan import Plan
from reconciler.core.reason import Reason
from reconciler.engine.planning import plan_tree
from reconciler.errors import ReconcilerError
from reconciler.store.reading import Reader
from tests.engine.stage import QUICK, SLOW, Stage, manifest_text, now_ms, play


def outside(stage: Stage) -> Plan:
    """The plan as `reconciler plan` makes it: from the state's file."""
    with closing(Reader.open(stage.settings.state)) as reader:
        return plan_tree(stage.settings.jobs_dir, reader, now_ms(), stage.settings.max_new).plan


def test_without_a_state_everything_is_new(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(manifest_text("a"))
    (tmp_path / "b.yaml").write_text(manifest_text("b", suspend=True))
    planning = plan_tree(tmp_path, None, 0, 50)
    assert [(action.name, action.why) for action in planning.plan.actions] == [
        ("a", Reason.NOT_LISTED),
        ("b", Reason.SUSPENDED),
    ]
    assert [claim.name for claim in planning.plan.unapproved] == ["a"]


def test_problems_are_part_of_what_was_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("metadata: {name: a}\n")
    planning = plan_tree(tmp_path, None, 0, 50)
    assert planning.desired.problems
    assert [action.why for action in planning.plan.actions] == [Reason.INVALID]


def test_it_names_the_same_hash_as_the_daemon_of_this_state(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("ran")
        stage.write("waits", SLOW)
        await stage.parts.reconciler.reconcile()
        await stage.store.workflow_listed(SLOW, [77], now_ms())
        await stage.store.workflow_listed(QUICK, [], now_ms())
        await stage.parts.reconciler.replan()  # claims one of the two, and leaves the other to an operator
        async with stage.parts.reconciler.standing_still() as inside:
            assert outside(stage).hash == inside.hash
            assert outside(stage).is_guarded

    play(tmp_path, scene)


def test_what_ran_and_did_not_change_has_nothing_to_do(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.claimed("a")
        assert [action.why for action in outside(stage).actions] == [Reason.SEND]
        stage.remove("a")
        stage.write("other", suspend=True)
        assert [(it.name, it.why) for it in outside(stage).actions] == [
            ("other", Reason.SUSPENDED),
            ("a", Reason.ABSENT_ONCE),
        ]

    play(tmp_path, scene)


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ReconcilerError, match=r"nowhere: .*/nowhere"):
        plan_tree(tmp_path / "nowhere", None, 0, 50)
