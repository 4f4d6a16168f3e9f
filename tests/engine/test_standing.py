"""How a daemon stands, and the account of a name: the command's words, by the daemon's own plan."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from reconciler.core.model import Name
from reconciler.core.outcome import Unreachable
from reconciler.engine import daemon as daemon_module
from reconciler.engine.standing import MOST_NAMELESS, account_in, standing_of
from reconciler.engine.status import NOT_OPEN_YET, Status
from tests.engine.stage import MISSING, SLOW, Stage, play, play_closed


async def account(stage: Stage, name: str) -> str:
    return str(await account_in(stage.parts, Name(name)))


def test_before_the_state_is_open_nothing_can_be_asked(tmp_path: Path) -> None:
    status = Status(60.0, 0.0)
    assert status.state_trouble == NOT_OPEN_YET
    standing = standing_of(status, None)
    assert (standing.is_open, standing.troubles, standing.last_pass) == (False, (), None)


def test_a_daemon_at_work_tells_its_last_pass_and_nothing_that_waits(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("a", SLOW)
        async with stage.living() as daemon:
            await stage.until_states(a="Running")
            standing = daemon.standing()
            assert standing.is_open
            assert standing.last_pass is not None
            assert (standing.guarded, standing.put_off, standing.probe_in_s) == (None, None, None)
            said = str(await daemon.account("a"))
            assert said.startswith("a is wanted: a.yaml:1 asks for a job of workflow 2.")
            assert "The daemon that does it is this one." in said
            dossier = await daemon.dossier("a", 2)
            assert dossier is not None
            assert len(dossier.events) == 2
            assert await daemon.dossier("nobody", 2) is None

    play_closed(tmp_path, scene)


def test_what_the_guard_holds_is_told_with_the_hash_that_releases_it(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        for name in ("a", "b", "c"):
            stage.write(name)
        await stage.parts.reconciler.reconcile()
        standing = standing_of(stage.parts.status, stage.parts)
        assert standing.guarded is not None
        assert (standing.guarded.runs, standing.guarded.cancels) == (3, 0)
        assert standing.guarded.hash == stage.parts.reconciler.plan.hash
        said = await account(stage, "b")
        assert "Nothing is submitted yet: it waits for `approve`" in said
        assert f"`reconciler approve {standing.guarded.hash}` releases it." in said

    play(tmp_path, scene, max_new=2)


def test_an_account_is_made_of_what_is_known_now_and_not_of_the_latest_plan(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("b")
        await stage.claimed("a", SLOW)
        assert "It is submitted now" in await account(stage, "a")
        async with stage.working():
            await stage.until(
                lambda: any(it.subject.key.name == "a" for it in stage.parts.follower.jobs.values())
            )
        assert "which is Preparing. Nothing is to be submitted" in await account(stage, "a")
        stage.remove("a")
        await stage.parts.reconciler.reconcile()
        await stage.parts.reconciler.reconcile()
        assert "a stands in no file that can be read." in await account(stage, "a")

    play(tmp_path, scene)


def test_a_workflow_that_cannot_be_listed_is_told(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("a", MISSING)
        await stage.parts.reconciler.reconcile()
        stage.parts.reconciler.unlisted.failed(MISSING, "no such workflow", 0.5)
        assert "no such workflow" in await account(stage, "a")

    play(tmp_path, scene)


def test_an_open_circuit_and_documents_without_a_name_are_told(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        for number in range(MOST_NAMELESS + 2):
            stage.write_text(f"odd{number}.yaml", "kind: WorkflowJob\n")
        stage.write("a")
        await stage.parts.reconciler.reconcile()
        while not stage.parts.gate.is_open:
            stage.parts.gate.went(Unreachable("no connection"))
        standing = standing_of(stage.parts.status, stage.parts)
        assert standing.probe_in_s is not None
        assert (len(standing.nameless), standing.more_nameless) == (MOST_NAMELESS, 2)
        assert standing.nameless[0].startswith("odd0.yaml:")

    play(tmp_path, scene)


def test_an_account_that_the_disk_holds_up_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("a", SLOW)
        async with stage.living() as daemon:
            await stage.until_states(a="Running")
            monkeypatch.setattr(daemon_module, "ACCOUNT_S", 0.01)
            monkeypatch.setattr(type(stage.parts.store), "world", lambda *_: asyncio.Event().wait())
            assert await daemon.account("a") is None
            monkeypatch.undo()

    play_closed(tmp_path, scene)
