"""The watcher hears what changes, from a real kernel, and notices when it has become deaf."""

from __future__ import annotations

import ctypes
import itertools
import os
import queue
import select
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.source.kernel import directories_below, watched_inodes
from reconciler.source.watch import Hint, HintKind, TroubleReason, Watch
from tests.source.git import Repository, swap_link
from tests.source.listener import Listener

WAIT_S = 120.0


class Heard:
    """What a watcher tells, to be waited for."""

    def __init__(self) -> None:
        self._hints: queue.Queue[Hint] = queue.Queue()

    def __call__(self, hint: Hint) -> None:
        self._hints.put(hint)

    def until(self, path: Path) -> set[HintKind]:
        """Wait for a hint about `path`; the kinds of all hints about it so far."""
        kinds: set[HintKind] = set()
        deadline = time.monotonic() + WAIT_S
        while not kinds:
            hint = self._hints.get(timeout=max(0.0, deadline - time.monotonic()))
            kinds |= {hint.kind} if hint.path == str(path) else set()
        while not self._hints.empty():
            hint = self._hints.get()
            kinds |= {hint.kind} if hint.path == str(path) else set()
        return kinds

    def until_quiet(self) -> None:
        """Forget what was told so far, and what is told until nothing is for a fifth of a second."""
        while True:
            try:
                self._hints.get(timeout=0.2)
            except queue.Empty:
                return


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@contextmanager
def listening(
    jobs: Path,
    heard: Callable[[Hint], None],
    clock: Clock | None = None,
    known: Callable[[], frozenset[int] | None] = lambda: None,
) -> Iterator[Watch]:
    """A watcher that is stopped in the end, with nothing left of it."""
    before = set(threading.enumerate()), watched_inodes()
    watch = Watch(jobs, heard, known=known, monotonic=clock or Clock())
    watch.start()
    try:
        yield watch
    finally:
        watch.stop()
    assert watched_inodes() == before[1]
    assert set(threading.enumerate()) <= before[0]


def reasons(watch: Watch) -> list[TroubleReason]:
    return [trouble.reason for trouble in watch.check()]


def test_a_file_renamed_into_place_is_a_change_at_one_stroke(jobs: Path, heard: Heard) -> None:
    with listening(jobs, heard) as watch:
        (jobs / ".new").write_text("one")
        (jobs / ".new").rename(jobs / "a.yaml")
        assert heard.until(jobs / "a.yaml") == {HintKind.WHOLE}
        assert watch.events_seen == 1


def test_a_file_moved_in_from_elsewhere_is_a_change_at_one_stroke(jobs: Path, heard: Heard) -> None:
    (jobs.parent / "a.yaml").write_text("one")
    with listening(jobs, heard):
        (jobs.parent / "a.yaml").rename(jobs / "a.yaml")
        assert heard.until(jobs / "a.yaml") == {HintKind.WHOLE}


def test_a_directory_moved_in_from_elsewhere_is_heard_of_and_listened_at(jobs: Path, heard: Heard) -> None:
    (jobs.parent / "team" / "a").mkdir(parents=True)
    with listening(jobs, heard) as watch:
        (jobs.parent / "team").rename(jobs / "team")
        assert heard.until(jobs / "team") == {HintKind.WHOLE}
        (jobs / "team" / "a" / "x.yaml").write_text("one")
        heard.until(jobs / "team" / "a" / "x.yaml")
        assert reasons(watch) == []


def test_a_file_written_where_it_stands_is_a_change_in_place(jobs: Path, heard: Heard) -> None:
    (jobs / "a.yaml").write_text("one")
    with listening(jobs, heard):
        (jobs / "a.yaml").write_text("two")
        assert heard.until(jobs / "a.yaml") == {HintKind.IN_PLACE}


def test_a_removed_file_is_a_change_at_one_stroke(jobs: Path, heard: Heard) -> None:
    (jobs / "a.yaml").write_text("one")
    with listening(jobs, heard):
        (jobs / "a.yaml").unlink()
        assert heard.until(jobs / "a.yaml") == {HintKind.WHOLE}


def test_what_no_pass_would_read_gives_no_hint(jobs: Path, heard: Heard) -> None:
    with listening(jobs, heard) as watch:
        (jobs / "README.md").write_text("one")
        (jobs / ".a.yaml.swp").write_text("one")
        (jobs.parent / "beside.yaml").write_text("one")
        (jobs / "a.yaml").mkdir()
        heard.until(jobs / "a.yaml")
        assert watch.events_seen == 1


def test_reading_the_tree_gives_no_hint(jobs: Path, heard: Heard) -> None:
    (jobs / "a.yaml").write_text("one")
    (jobs / ".b").write_text("one")
    with listening(jobs, heard) as watch:
        assert [path.read_text() for path in jobs.rglob("*.yaml")] == ["one"]
        (jobs / ".b").rename(jobs / "b.yaml")
        heard.until(jobs / "b.yaml")
        assert watch.events_seen == 1


def test_a_file_in_a_directory_made_later_is_heard_of(jobs: Path, heard: Heard) -> None:
    with listening(jobs, heard) as watch:
        (jobs / "team" / "a").mkdir(parents=True)
        heard.until(jobs / "team")
        (jobs / "team" / "a" / "x.yaml").write_text("one")
        heard.until(jobs / "team" / "a" / "x.yaml")
        assert reasons(watch) == []


def test_many_directories_made_at_once_with_others_in_them_leave_the_watcher_well(
    jobs: Path, heard: Heard
) -> None:
    with listening(jobs, heard) as watch:
        for number in range(60):
            (jobs / f"{number}" / "a" / "b" / "c").mkdir(parents=True)
        last = jobs / "last.yaml"
        last.touch()
        heard.until(last)
        assert reasons(watch) == []


def test_a_git_checkout_is_heard_of_file_by_file_and_when_it_ends(
    repository: Repository, heard: Heard
) -> None:
    repository.commit({"a.yaml": "one"})
    repository.commit({"a.yaml": "two"})
    with listening(repository.path / "jobs.d", heard) as watch:
        repository.git("checkout", "--quiet", "HEAD~")
        heard.until(repository.path / "jobs.d" / "a.yaml")
        repository.git("checkout", "--quiet", "main")
        assert heard.until(repository.path / ".git" / "HEAD") == {HintKind.WHOLE}
        assert reasons(watch) == []


def test_a_link_that_is_swapped_is_heard_of_and_its_new_target_is_listened_at(
    repository: Repository, tmp_path: Path, heard: Heard
) -> None:
    commits = [repository.commit({"a.yaml": word}) for word in ("one", "two", "three")]
    repository.publish(commits[0], tmp_path)
    with listening(tmp_path / "current" / "jobs.d", heard) as watch:
        for old, new in itertools.pairwise(commits):
            repository.publish(new, tmp_path)
            assert heard.until(tmp_path / "current") == {HintKind.WHOLE}
            assert reasons(watch) == [TroubleReason.SWAPPED]
            assert reasons(watch) == []
            repository.withdraw(old, tmp_path)
            path = tmp_path / ".worktrees" / new / "jobs.d" / "b.yaml"
            path.write_text("one")
            heard.until(path)


def test_a_configmaps_change_is_heard_of_at_one_stroke(jobs: Path, heard: Heard) -> None:
    for version in ("..1", "..2"):
        (jobs / version).mkdir()
    swap_link(jobs / "..data", "..1")
    with listening(jobs, heard):
        swap_link(jobs / "..data", "..2")
        assert heard.until(jobs / "..data") == {HintKind.WHOLE}


def test_a_directory_that_is_removed_and_made_again_is_listened_at_again(jobs: Path, heard: Heard) -> None:
    with listening(jobs, heard) as watch:
        shutil.rmtree(jobs)
        heard.until(jobs)
        assert reasons(watch) == [TroubleReason.SWAPPED]
        heard.until_quiet()
        jobs.mkdir()
        heard.until(jobs)
        assert reasons(watch) == [TroubleReason.SWAPPED]
        (jobs / "a.yaml").write_text("one")
        heard.until(jobs / "a.yaml")


def test_a_directory_that_is_exchanged_by_renaming_is_listened_at(jobs: Path, heard: Heard) -> None:
    with listening(jobs, heard) as watch:
        jobs.with_name("new").mkdir()
        jobs.rename(jobs.with_name("old"))
        jobs.with_name("new").rename(jobs)
        heard.until(jobs)
        assert reasons(watch) == [TroubleReason.SWAPPED]
        (jobs / "a.yaml").write_text("one")
        heard.until(jobs / "a.yaml")


def test_a_directory_that_appears_later_is_waited_for_level_by_level(tmp_path: Path, heard: Heard) -> None:
    jobs = tmp_path / "a" / "b" / "jobs.d"
    with listening(jobs, heard) as watch:
        for directory in (tmp_path / "a", tmp_path / "a" / "b", jobs):
            directory.mkdir()
            heard.until(directory)
            assert reasons(watch) == [TroubleReason.SWAPPED]
        (jobs / "a.yaml").write_text("one")
        heard.until(jobs / "a.yaml")


def test_without_any_change_there_is_no_trouble(jobs: Path, heard: Heard, clock: Clock) -> None:
    (jobs / "team").mkdir()
    with listening(jobs, heard, clock) as watch:
        for now_s in (0.0, 1.0, 61.0, 122.0, 183.0):
            clock.now_s = now_s
            assert reasons(watch) == []
        assert watch.without is None


def test_a_thread_that_died_is_noticed_and_replaced(
    jobs: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda arguments: None)
    is_first = True

    def die_once(hint: Hint) -> None:
        nonlocal is_first
        if is_first:
            is_first = False
            raise ValueError("ends the thread that tells")
        heard(hint)

    with listening(jobs, die_once) as watch:
        teller = next(
            thread for thread in threading.enumerate() if type(thread).__name__ == "InotifyObserver"
        )
        (jobs / "a.yaml").touch()
        teller.join(WAIT_S)
        assert reasons(watch) == [TroubleReason.DIED]
        (jobs / "b.yaml").touch()
        heard.until(jobs / "b.yaml")
        assert reasons(watch) == []


@pytest.mark.parametrize("which", ["InotifyFullEmitter", "InotifyFD"])
def test_the_death_of_any_of_its_threads_is_noticed(jobs: Path, heard: Heard, which: str) -> None:
    with listening(jobs, heard) as watch:
        thread = next(thread for thread in threading.enumerate() if type(thread).__name__ == which)
        thread.stop()  # type: ignore[attr-defined]
        thread.join(WAIT_S)
        assert reasons(watch) == [TroubleReason.DIED]
        (jobs / "a.yaml").touch()
        heard.until(jobs / "a.yaml")


@pytest.mark.parametrize("is_known", [True, False])
def test_a_directory_whose_watch_went_is_noticed_within_a_second_of_looking_and_watched_again(
    jobs: Path, heard: Heard, clock: Clock, is_known: bool
) -> None:
    (jobs / "team").mkdir()
    found = frozenset(directories_below(str(jobs))) if is_known else None
    with listening(jobs, heard, clock, lambda: found) as watch:
        assert reasons(watch) == []
        remove_watch((jobs / "team").stat().st_ino)
        assert [at(clock, watch, now_s) for now_s in (59.0, 60.0, 60.9)] == [[], [], []]
        assert at(clock, watch, 61.0) == [TroubleReason.UNWATCHED]
        assert at(clock, watch, 62.0) == []
        assert directories_below(str(jobs)).keys() <= (watched_inodes() or set())
        (jobs / "team" / "a.yaml").touch()
        heard.until(jobs / "team" / "a.yaml")


def test_lost_events_are_noticed_told_at_once_and_answered_by_a_new_watcher(jobs: Path) -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    with Listener(jobs) as listener:
        assert listener.check(0.0) == ([], None)
        listener.process.send_signal(signal.SIGSTOP)
        (jobs / "a.yaml").touch()
        for _ in range(limit // 4 + 1000):
            (jobs / "a.yaml").rename(jobs / "b.yaml")
            (jobs / "b.yaml").rename(jobs / "a.yaml")
        listener.process.send_signal(signal.SIGCONT)
        assert listener.next() == {"hint": "lost"}
        assert listener.check(1.0)[0] == ["overflow"]
        assert listener.check(2.0) == ([], None)


def test_five_thousand_directories_at_rest_cost_nothing(jobs: Path) -> None:
    for team in range(50):
        for number in range(99):
            (jobs / f"team-{team}" / f"{number}").mkdir(parents=True)
    with Listener(jobs) as listener:
        assert [listener.check(now_s) for now_s in (0.0, 2.0)] == [([], None), ([], None)]
        before = listener.cpu_ticks()
        is_heard, _, _ = select.select([listener.process.stdout], [], [], 1.5)
        assert not is_heard
        assert listener.cpu_ticks() - before <= 0.1 * os.sysconf("SC_CLK_TCK")


def test_the_limit_on_watches_is_told_once_and_asked_for_again_each_minute(
    jobs: Path, own_limits: tuple[str, ...]
) -> None:
    for number in range(20):
        (jobs / str(number)).mkdir()
    with Listener(jobs, "max_inotify_watches=10", prefix=own_limits) as listener:
        assert listener.check(0.0) == ([], None)
        assert listener.check(1.0) == (["unwatched"], None)
        assert listener.check(2.0) == ([], None)
        assert listener.check(3.0) == (["watch_limit"], "watch_limit")
        for now_s in (4.0, 62.0, 63.5, 65.0, 125.0, 130.0):
            assert listener.check(now_s) == ([], "watch_limit")
        for number in range(15):
            (jobs / str(number)).rmdir()
        assert listener.check(200.0)[0] == []
        assert listener.check(262.0) == ([], None)


def test_a_limit_that_does_not_even_allow_the_first_watch_is_told(
    jobs: Path, own_limits: tuple[str, ...]
) -> None:
    with Listener(jobs, "max_inotify_watches=0", prefix=own_limits) as listener:
        assert listener.check(0.0) == (["watch_limit"], "watch_limit")
        assert listener.check(10.0) == ([], "watch_limit")
        assert listener.check(60.0) == ([], "watch_limit")


def test_without_any_inotify_instance_the_watcher_says_so_and_does_without(
    jobs: Path, own_limits: tuple[str, ...]
) -> None:
    with Listener(jobs, "max_inotify_instances=0", prefix=own_limits) as listener:
        assert listener.check(0.0) == (["instance_limit"], "instance_limit")
        for now_s in (1.0, 59.0, 60.0, 61.0, 121.0):
            assert listener.check(now_s) == ([], "instance_limit")


@pytest.fixture(scope="module")
def own_limits() -> tuple[str, ...]:
    """Run a command in a user namespace, whose limits on inotify are its own and nobody else's."""
    prefix = ("unshare", "--user", "--map-root-user")
    test = [*prefix, "sh", "-c", "echo 9 > /proc/sys/user/max_inotify_watches"]
    if shutil.which("unshare") is None or subprocess.run(test, check=False, capture_output=True).returncode:
        pytest.skip("this system lets nobody make a user namespace, so its limits cannot be lowered")
    return prefix


def at(clock: Clock, watch: Watch, now_s: float) -> list[TroubleReason]:
    clock.now_s = now_s
    return reasons(watch)


def remove_watch(inode: int) -> None:
    """Take the watch of one directory away from this process, as if it had never been given."""
    libc = ctypes.CDLL(None)
    for fd in Path("/proc/self/fd").iterdir():
        if not fd.is_symlink() or "inotify" not in str(fd.readlink()):
            continue
        for line in Path("/proc/self/fdinfo", fd.name).read_text().splitlines():
            fields = dict(field.partition(":")[::2] for field in line.removeprefix("inotify ").split())
            if line.startswith("inotify ") and int(fields["ino"], 16) == inode:
                assert libc.inotify_rm_watch(int(fd.name), int(fields["wd"])) == 0
