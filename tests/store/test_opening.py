"""Opening a state: what puts it in quarantine, and that a crash in between neither causes nor hides it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.errors import StateDamaged, StateUnwritable, WrongOrigin
from reconciler.store import opening
from reconciler.store.highwater import Mark, mark_path
from reconciler.store.opening import Binding, count_commit, open_state
from tests.store.lived import ORIGIN, Files, edit

HERE = Binding(ORIGIN)


def quarantine_of(state: Path, binding: Binding = HERE) -> str | None:
    opened = open_state(state, binding)
    opened.close()
    return opened.quarantine


def commit(state: Path) -> None:
    """Open the state, and commit once more."""
    opened = open_state(state, HERE)
    opened.connection.execute("BEGIN")
    opened.connection.execute("INSERT OR IGNORE INTO workflows (workflow_id, is_guarded) VALUES ('1', 0)")
    numbers = count_commit(opened.connection)
    opened.connection.execute("COMMIT")
    assert opened.high_water.reach(*numbers) is None
    opened.close()


def waiting_workflows(state: Path) -> int:
    with closing(sqlite3.connect(state)) as connection:
        query = "SELECT count(*) FROM workflows WHERE quarantine = 'Waits'"
        return int(connection.execute(query).fetchone()[0])


def test_a_new_state_is_in_no_quarantine_nor_is_it_later(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    for _ in range(3):
        commit(state)
        assert quarantine_of(state) is None


def test_an_older_copy_is_put_in_quarantine_with_all_its_workflows(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    commit(state)
    older = state.read_bytes()
    commit(state)
    state.write_bytes(older)
    assert "older than its high-water file" in str(quarantine_of(state))
    assert waiting_workflows(state) == 1


def test_what_was_released_since_stays_released_when_a_quarantined_state_is_opened_again(
    tmp_path: Path,
) -> None:
    state = tmp_path / "state.db"
    commit(state)
    assert "declared restored" in str(quarantine_of(state, Binding(ORIGIN, is_restored=True)))
    opened = open_state(state, HERE)
    opened.connection.execute("UPDATE workflows SET quarantine = NULL")
    opened.close()
    assert "declared restored" in str(quarantine_of(state))
    assert waiting_workflows(state) == 0


def test_after_a_quarantine_an_older_copy_is_noticed_again(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    commit(state)
    before = state.read_bytes()
    quarantine_of(state, Binding(ORIGIN, is_restored=True))
    state.write_bytes(before)
    assert "before and after a restoration" in str(quarantine_of(state))


def test_a_state_made_anew_beside_an_old_mark_is_doubted(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    commit(state)
    state.unlink()
    assert "the state is new" in str(quarantine_of(state))


def test_a_file_knows_of_its_mark_without_its_log_from_the_first_start_on(tmp_path: Path) -> None:
    opened = open_state(tmp_path / "state.db", HERE)
    copy = Files.of(tmp_path / "state.db").without("-wal", ".intents")
    opened.close()
    assert "missing" in str(quarantine_of(copy.put(tmp_path / "copy")))


def test_whoever_sends_nothing_finds_a_rollback_all_the_same(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    commit(state)
    mark_path(state).unlink()
    assert quarantine_of(state, Binding(None)) == quarantine_of(state)
    assert waiting_workflows(state) == 1


def test_another_explorer_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    commit(state)
    before = Files.of(state)
    with pytest.raises(WrongOrigin):
        open_state(state, Binding("http://127.0.0.1:2", is_restored=True))
    assert Files.of(state) == before


def test_damage_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    commit(state)
    edit(state, "UPDATE workflows SET highest = 9")
    before = Files.of(state)
    with pytest.raises(StateDamaged, match="rows of workflows do not have their checksum: 1"):
        open_state(state, HERE)
    assert Files.of(state).without("-wal") == before.without("-wal")


def test_a_mark_that_cannot_be_written_is_a_state_that_cannot_be_written(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    mark_path(state).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateUnwritable, match=r"state\.db\.intents"):
        open_state(state, HERE)
    assert not (tmp_path / "elsewhere").exists()


_KILLED_EVERYWHERE = """
    import os, shutil, signal, sys
    from pathlib import Path
    from reconciler.store.opening import Binding, open_state
    from reconciler.store import integrity
    from reconciler.store.migrations import STEPS

    before, place = Path(sys.argv[1]), Path(sys.argv[2])
    WRITES = {"execute", "executescript", "open", "pwrite", "rename", "fsync", "fdatasync", "close"}
    for version in range(len(STEPS) + 1):
        integrity._schema_at(version)  # so that the children need not make them

    def killed_at(number):
        left = number
        def count(frame, event, called):
            nonlocal left
            if event == "c_call" and called.__name__ in WRITES and "store" in frame.f_code.co_filename:
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.setprofile(count)
        open_state(place / "state.db", Binding("here"))
        os._exit(0)

    number = 0
    while True:
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(before, place)
        child = os.fork()
        if child == 0:
            killed_at(number)
        _, status = os.waitpid(child, 0)
        opened = open_state(place / "state.db", Binding("here"))
        opened.close()
        print(number, "doubted" if opened.quarantine else "fine")
        again = open_state(place / "state.db", Binding("here"))
        again.close()
        assert again.quarantine == opened.quarantine
        os.unlink(place / "state.db.intents")  # and from then on a rollback is noticed
        last = open_state(place / "state.db", Binding("here"))
        last.close()
        assert "missing" in last.quarantine
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            break
        number += 1
"""


def killed_everywhere(before: Path, place: Path) -> list[str]:
    """What a start says after the one before it was killed (SIGKILL) before each of its writes in turn."""
    script = textwrap.dedent(_KILLED_EVERYWHERE)
    ended = subprocess.run(
        [sys.executable, "-c", script, before, place], check=False, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    said = ended.stdout.split()[1::2]
    assert len(said) > 20
    return said


def test_a_first_start_that_is_killed_anywhere_causes_no_quarantine(tmp_path: Path) -> None:
    (tmp_path / "before").mkdir()
    assert set(killed_everywhere(tmp_path / "before", tmp_path / "place")) == {"fine"}


@pytest.mark.parametrize("rolled_back", ["older", "missing", "no mark"])
def test_a_start_that_is_killed_anywhere_hides_no_rollback(tmp_path: Path, rolled_back: str) -> None:
    before = tmp_path / "before"
    before.mkdir()
    state = before / "state.db"
    open_state(state, Binding("here")).close()
    older = state.read_bytes()
    open_state(state, Binding("here")).close()
    match rolled_back:
        case "older":
            state.write_bytes(older)
        case "missing":
            state.unlink()
        case _:
            mark_path(state).unlink()
    assert set(killed_everywhere(before, tmp_path / "place")) == {"doubted"}


def test_a_crash_between_a_commit_and_its_mark_is_no_rollback(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    commit(state)
    behind = mark_path(state).read_bytes()
    commit(state)
    mark_path(state).write_bytes(behind)
    assert quarantine_of(state) is None
    found = opening.find(state)
    assert isinstance(found, Mark)
    assert found.commits > Mark.decode(behind).commits  # type: ignore[union-attr]


def test_nothing_is_written_but_beside_the_state(tmp_path: Path) -> None:
    """On a read-only root there is no other place for a temporary file, and commits would fail."""
    opened = open_state(tmp_path / "state.db", HERE)
    in_memory = 2
    assert opened.connection.execute("PRAGMA temp_store").fetchone()[0] == in_memory
    opened.close()
