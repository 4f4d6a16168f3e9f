"""Damage at random places: each is noticed, or it is harmless, or the state is taken for rolled back.

Noticed: opening raises StateDamaged or StateUnusable. Harmless: everything that is acted on reads back as it
was. What came of each is printed (`pytest -s`).
"""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.errors import StateDamaged, StateUnusable
from reconciler.store.reading import Reader
from tests.store.lived import Files, Lived, contents, lived


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    return lived(tmp_path_factory.mktemp("lived"))


def outcome(files: Files, whole: Files, directory: Path) -> str:
    """What comes of opening these files; anything but what may come of it fails here."""
    expected, doubt = contents(whole.put(directory))
    assert doubt is None
    return outcome_beside(files, expected, directory)


def outcome_beside(files: Files, expected: object, directory: Path) -> str:
    state = files.put(directory)
    try:
        found, quarantine = contents(state)
    except (StateDamaged, StateUnusable) as error:
        assert Files.of(state).without("-wal") == files.without("-wal")  # kept for whoever looks into it
        return type(error).__name__
    if quarantine is not None:
        with closing(sqlite3.connect(state)) as connection:
            waiting = connection.execute("SELECT count(*) FROM workflows WHERE quarantine IS NOT 'Waits'")
            assert waiting.fetchone() == (0,)
        return "quarantine"
    assert found == expected, "damage went unnoticed"
    with closing(Reader.open(state)) as reader:
        assert len(list(reader.items())) == len(found["names"])
    return "harmless"


def outcomes(damaged: Iterable[Files], whole: Files, directory: Path, what: str) -> Counter[str]:
    expected, doubt = contents(whole.put(directory))
    assert doubt is None
    counted = Counter(outcome_beside(files, expected, directory) for files in damaged)
    print(f"\n{what}: {dict(counted)}")
    return counted


def flips(files: Files, ending: str, count: int, seed: int) -> Iterable[Files]:
    """The files with one bit of this one flipped, at so many places."""
    dice = random.Random(seed)
    for _ in range(count):
        data = bytearray(files.content[ending])
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        yield files.with_(ending, bytes(data))


def cuts(files: Files, ending: str, count: int, seed: int) -> Iterable[Files]:
    """The files with this one cut short, at so many lengths."""
    dice = random.Random(seed)
    whole = files.content[ending]
    for _ in range(count):
        yield files.with_(ending, whole[: dice.randrange(len(whole))])


def test_the_state_that_is_damaged_here_has_lived(life: Lived, tmp_path: Path) -> None:
    rows, doubt = contents(life.live.put(tmp_path / "state"))
    assert doubt is None
    assert len(rows["runs"]) >= 60
    assert "-wal" not in life.closed.content
    assert len(life.live.content["-wal"]) > 100_000
    with closing(sqlite3.connect(tmp_path / "state" / "state.db")) as connection:
        phases = {phase for (phase,) in connection.execute("SELECT DISTINCT phase FROM runs")}
        assert phases >= {"Waiting", "Submitting", "Followed", "Ended", "Baselined", "Rejected", "Superseded"}
        assert phases & {"Held", "Unknown"}
        assert connection.execute("SELECT count(*) FROM events").fetchone()[0] > 200


def test_a_flipped_bit_in_the_file_is_noticed_or_harmless(life: Lived, tmp_path: Path) -> None:
    damaged = flips(life.closed, "", 1000, seed=1)
    counted = outcomes(damaged, life.closed, tmp_path / "state", "flips in the file")
    assert counted["StateDamaged"] > 300
    assert counted["quarantine"] == 0


def test_a_flipped_bit_in_the_header_is_noticed_or_harmless(life: Lived, tmp_path: Path) -> None:
    whole = life.closed.content[""]
    damaged = (
        life.closed.with_("", whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
        for place in range(100)
        for bit in (0, 1, 7)
    )
    outcomes(damaged, life.closed, tmp_path / "state", "flips in the header")


def test_a_flipped_bit_in_the_log_is_noticed(life: Lived, tmp_path: Path) -> None:
    """SQLite ends a log at the first frame whose checksum is wrong; the commits from there on are missed."""
    damaged = flips(life.live, "-wal", 150, seed=2)
    counted = outcomes(damaged, life.live, tmp_path / "state", "flips in the log")
    assert counted["quarantine"] > 130


def test_a_file_that_was_cut_short_is_noticed(life: Lived, tmp_path: Path) -> None:
    damaged = cuts(life.closed, "", 100, seed=3)
    counted = outcomes(damaged, life.closed, tmp_path / "state", "cuts of the file")
    assert counted["harmless"] == 0


def test_a_log_that_was_cut_short_is_taken_for_a_rollback(life: Lived, tmp_path: Path) -> None:
    damaged = cuts(life.live, "-wal", 200, seed=4)
    counted = outcomes(damaged, life.live, tmp_path / "state", "cuts of the log")
    assert counted["quarantine"] > 190


def test_a_damaged_high_water_file_is_taken_for_a_rollback(life: Lived, tmp_path: Path) -> None:
    damaged = [*flips(life.closed, ".intents", 60, seed=5), *cuts(life.closed, ".intents", 20, seed=6)]
    counted = outcomes(damaged, life.closed, tmp_path / "state", "the high-water file")
    assert counted == {"quarantine": 80}


def test_copies_and_losses_are_taken_for_a_rollback(life: Lived, tmp_path: Path) -> None:
    older, mark = life.older.content[""], life.closed.content[".intents"]
    live = life.live
    cases = {
        "an older copy": Files({"": older, ".intents": mark}),
        "an older copy without a mark": Files({"": older}),
        "a copy without its log": live.without("-wal"),
        "a copy without its log or mark": live.without("-wal", ".intents"),
        "a missing state": Files({".intents": mark}),
        "a missing state with its log": live.without(""),
        "a missing mark": life.closed.without(".intents"),
        "a missing mark, uncheckpointed": live.without(".intents"),
    }
    for name, files in cases.items():
        assert outcome(files, life.closed, tmp_path / "state") == "quarantine", name
    assert outcome(life.older, life.older, tmp_path / "state") == "harmless"
