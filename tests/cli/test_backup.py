"""`backup`: a verified copy while a daemon runs, and how to put it back."""

from __future__ import annotations

from pathlib import Path

from reconciler.store.integrity import verify_file
from tests.cli.lasting import living_daemon
from tests.cli.started import Command, until
from tests.engine.stage import Stage


async def with_one_job(stage: Stage) -> None:
    stage.write("a")


def test_a_copy_is_made_beside_a_living_daemon(tmp_path: Path, command: Command) -> None:
    with living_daemon(tmp_path, with_one_job):
        until(lambda: '"jobId": "' in command("get", "-o", "json").out)
        ended = command("backup", "copy.db")
        assert (ended.status, ended.err) == (0, "")
        assert "copy.db holds the state: 1 runs, 1 intents. It was verified." in ended.out
        assert "run --restored" in ended.out
        verify_file(tmp_path / "copy.db")
        again = command("backup", "copy.db")
        assert (again.status, again.out) == (1, "")
        assert "exists already" in again.err


def test_without_a_state_nothing_is_made(tmp_path: Path, command: Command) -> None:
    ended = command("backup", "copy.db")
    assert ended.status == 1
    assert "no such file" in ended.err
    assert not (tmp_path / "copy.db").exists()
