"""What the kernel tells is what is so, and what cannot be read is not guessed."""

from __future__ import annotations

from pathlib import Path

import pytest
from watchdog.events import FileSystemEventHandler
from watchdog.observers import Observer

from reconciler.source import kernel
from reconciler.source.kernel import directories_below, limit, watched_inodes


def test_the_inodes_watched_are_those_of_the_directories_listened_at(jobs: Path) -> None:
    (jobs / "a" / "b").mkdir(parents=True)
    before = watched_inodes()
    assert before is not None
    observer = Observer()
    observer.schedule(FileSystemEventHandler(), str(jobs), recursive=True)
    observer.start()
    assert (watched_inodes() or frozenset()) - before == directories_below(str(jobs)).keys()
    observer.stop()
    observer.join()
    assert watched_inodes() == before


def test_directories_are_found_without_following_links(jobs: Path) -> None:
    (jobs / "a" / "b").mkdir(parents=True)
    (jobs / "a" / "loop").symlink_to(jobs)
    (jobs / "file").touch()
    assert sorted(directories_below(str(jobs)).values()) == [str(jobs), f"{jobs}/a", f"{jobs}/a/b"]


def test_a_system_that_does_not_tell_gives_no_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(kernel, "DESCRIPTORS", str(tmp_path / "nothing"))
    assert watched_inodes() is None
    assert limit(str(tmp_path / "nothing")) == "unknown"
