"""A snapshot is one consistent tree, or there is none."""

from __future__ import annotations

import itertools
import os
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.source import reading
from reconciler.source.folder import Change
from reconciler.source.tree import Missing, PutOff, PutOffReason, Snapshot, Tree
from tests.source.git import Repository, swap_link
from tests.source.understanding import Understanding, missing, put_off, snapshot, texts

FILES = 40


def test_a_snapshot_holds_every_manifest_by_its_relative_path(jobs: Path, tree: Tree) -> None:
    (jobs / "team-a").mkdir()
    (jobs / "team-a" / "x.yml").write_text("one")
    (jobs / "b.json").write_text("two")
    (jobs / "a.yaml").write_text("three")
    seen = snapshot(tree)
    assert texts(seen) == {"a.yaml": "three", "b.json": "two", "team-a/x.yml": "one"}
    assert seen.root == jobs
    assert seen.unreadable == set()
    assert seen.revision is None


def test_an_unchanged_file_keeps_its_documents(jobs: Path, tree: Tree) -> None:
    (jobs / "a.yaml").write_text("one")
    first = snapshot(tree).files["a.yaml"].documents
    again = snapshot(tree)
    assert again.files["a.yaml"].documents == first
    assert not again.changes


def test_a_changed_file_gets_new_documents_and_leaves_the_others_alone(jobs: Path, tree: Tree) -> None:
    (jobs / "a.yaml").write_text("one")
    (jobs / "b.yaml").write_text("one")
    before = snapshot(tree)
    (jobs / "a.yaml").write_text("two")
    after = snapshot(tree)
    assert texts(after) == {"a.yaml": "two", "b.yaml": "one"}
    assert after.changes == {"a.yaml": Change(before.files["a.yaml"], after.files["a.yaml"])}


def test_a_settled_file_is_not_opened_again(
    jobs: Path, understanding: Understanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    (jobs / "a.yaml").write_text("one")
    tree = Tree(jobs, understanding, now_ns=lambda: (jobs / "a.yaml").stat().st_ctime_ns + 2_000_000_000)
    before = snapshot(tree)
    monkeypatch.setattr(reading, "_open_and_read", None)
    assert snapshot(tree).files == before.files


def test_an_edit_within_the_tick_of_the_same_size_with_its_mtime_put_back_is_noticed(
    jobs: Path, tree: Tree
) -> None:
    path = jobs / "a.yaml"
    path.write_text("one")
    snapshot(tree)
    times = path.stat()
    with path.open("r+b") as file:
        file.write(b"two")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert texts(snapshot(tree)) == {"a.yaml": "two"}


def test_the_same_edit_is_noticed_where_the_clock_of_the_files_ticks_so_slowly_that_nothing_shows(
    jobs: Path, understanding: Understanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    day_ns = 86_400 * 1_000_000_000

    class Coarse:
        def __init__(self, status: os.stat_result) -> None:
            self._status = status

        def __getattr__(self, name: str) -> int:
            value: int = getattr(self._status, name)
            return value // day_ns * day_ns if name in ("st_mtime_ns", "st_ctime_ns") else value

    for name in ("stat", "lstat", "fstat"):
        exact = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *args, exact=exact, **more: Coarse(exact(*args, **more)))
    path = jobs / "a.yaml"
    path.write_text("one")
    now_ns = path.stat().st_ctime_ns + 1_999_999_999
    tree = Tree(jobs, understanding, now_ns=lambda: now_ns)
    snapshot(tree)
    with path.open("r+b") as file:
        file.write(b"two")
    assert texts(snapshot(tree)) == {"a.yaml": "two"}


def test_a_touched_file_is_read_but_not_understood_again(
    jobs: Path, tree: Tree, understanding: Understanding
) -> None:
    (jobs / "a.yaml").write_text("one")
    snapshot(tree)
    os.utime(jobs / "a.yaml", ns=(1, 1))
    assert not snapshot(tree).changes
    assert understanding.paths == ["a.yaml"]


def test_the_same_files_in_a_new_worktree_are_not_understood_again(
    repository: Repository, tmp_path: Path, understanding: Understanding
) -> None:
    first = repository.commit({"a.yaml": "one", "b.yaml": "one"})
    second = repository.commit({"a.yaml": "one", "b.yaml": "two"})
    tree = Tree(tmp_path / "current" / "jobs.d", understanding)
    repository.publish(first, tmp_path)
    before = snapshot(tree)
    repository.publish(second, tmp_path)
    after = snapshot(tree)
    assert (before.revision, after.revision) == (first, second)
    assert after.changes.keys() == {"b.yaml"}
    assert understanding.paths == ["a.yaml", "b.yaml", "b.yaml"]


def test_a_file_that_is_gone_is_gone_from_the_snapshot(jobs: Path, tree: Tree) -> None:
    (jobs / "a.yaml").write_text("one")
    snapshot(tree)
    (jobs / "a.yaml").unlink()
    assert dict(snapshot(tree).files) == {}


def test_a_missing_directory_is_told_with_the_part_that_is_missing(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "not" / "here", Understanding())
    assert missing(tree) == f"{tmp_path}/not: No such file or directory"


def test_a_file_in_the_directorys_place_a_dangling_link_and_a_loop_are_missing_directories(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("file", "dangling", "loop"):
        assert isinstance(Tree(tmp_path / name, Understanding()).scan(), Missing)


def test_a_directory_that_comes_back_is_read_again(jobs: Path, tree: Tree) -> None:
    (jobs / "a.yaml").write_text("one")
    snapshot(tree)
    jobs.rename(jobs.with_name("away"))
    missing(tree)
    jobs.with_name("away").rename(jobs)
    assert texts(snapshot(tree)) == {"a.yaml": "one"}


def test_names_in_a_file_that_cannot_be_understood_count_as_hidden(jobs: Path, tree: Tree) -> None:
    (jobs / "a.yaml").write_text("broken")
    (jobs / "b.yaml").write_text("one")
    seen = snapshot(tree)
    assert seen.unreadable == {"a.yaml"}
    assert seen.hides("a.yaml")
    assert not seen.hides("b.yaml")
    assert snapshot(tree).unreadable == {"a.yaml"}


def test_a_file_written_to_while_it_is_read_puts_the_pass_off(
    jobs: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    (jobs / "a.yaml").write_text("one")
    during(monkeypatch, lambda: append(jobs / "a.yaml", b"more"))
    assert put_off(tree).reason is PutOffReason.FILE_CHANGED


def test_a_file_replaced_while_it_is_read_puts_the_pass_off(
    jobs: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    (jobs / "a.yaml").write_text("one")
    (jobs / ".b").write_text("one")
    during(monkeypatch, lambda: (jobs / ".b").rename(jobs / "a.yaml"))
    assert put_off(tree).reason is PutOffReason.FILE_CHANGED


def test_a_directory_exchanged_while_it_is_read_puts_the_pass_off(
    jobs: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    (jobs / "a.yaml").write_text("one")

    def exchange() -> None:
        jobs.rename(jobs.with_name("away"))
        jobs.mkdir()

    during(monkeypatch, exchange)
    assert put_off(tree).reason in (PutOffReason.LINK_SWAPPED, PutOffReason.TREE_CHANGED)


def test_a_directory_that_goes_while_it_is_read_is_missing(
    jobs: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    (jobs / "a.yaml").write_text("one")
    during(monkeypatch, lambda: shutil.rmtree(jobs))
    missing(tree)


def test_a_link_swapped_while_the_tree_is_read_puts_the_pass_off(
    tmp_path: Path, understanding: Understanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.yaml").write_text(name)
    swap_link(tmp_path / "link", "one")
    during(monkeypatch, lambda: swap_link(tmp_path / "link", "two"))
    tree = Tree(tmp_path / "link", understanding)
    assert put_off(tree).reason is PutOffReason.LINK_SWAPPED
    assert texts(snapshot(tree)) == {"a.yaml": "two"}


def test_gits_lock_puts_the_pass_off_and_says_which_file_to_look_at(repository: Repository) -> None:
    repository.commit({"a.yaml": "one"})
    lock = repository.path / ".git" / "index.lock"
    lock.touch()
    tree = Tree(repository.path / "jobs.d", Understanding())
    told = put_off(tree)
    assert told.reason is PutOffReason.INDEX_LOCK
    assert str(lock) in told.detail
    lock.unlink()
    snapshot(tree)


def test_the_lock_of_a_linked_worktree_is_looked_for_in_its_own_git_directory(
    repository: Repository, tmp_path: Path
) -> None:
    commit = repository.commit({"a.yaml": "one"})
    repository.publish(commit, tmp_path)
    tree = Tree(tmp_path / "current" / "jobs.d", Understanding())
    (repository.path / ".git" / "index.lock").touch()
    snapshot(tree)
    (repository.path / ".git" / "worktrees" / commit / "index.lock").touch()
    assert put_off(tree).reason is PutOffReason.INDEX_LOCK


def test_a_checkout_that_begins_and_ends_within_the_pass_puts_it_off(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit({"a.yaml": "one", "b.yaml": "one"})
    repository.commit({"a.yaml": "one", "b.yaml": "two"})
    during(monkeypatch, lambda: repository.git("checkout", "--quiet", "HEAD~"))
    assert put_off(Tree(repository.path / "jobs.d", Understanding())).reason is PutOffReason.TREE_CHANGED


def test_files_that_git_takes_from_another_commit_without_a_checkout_put_the_pass_off(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit({"a.yaml": "one", "b.yaml": "one"})
    repository.commit({"a.yaml": "one", "b.yaml": "two"})
    during(monkeypatch, lambda: repository.git("checkout", "--quiet", "HEAD~", "--", "jobs.d"))
    assert put_off(Tree(repository.path / "jobs.d", Understanding())).reason is PutOffReason.TREE_CHANGED


def test_a_clone_that_begins_and_ends_within_the_pass_puts_it_off(
    jobs: Path, tree: Tree, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    (jobs / "a.yaml").write_text("one")
    during(monkeypatch, lambda: shutil.copytree(repository.path / ".git", jobs / ".git"))
    assert put_off(tree).reason is PutOffReason.TREE_CHANGED


def test_files_read_in_a_pass_that_was_put_off_are_not_understood_again(
    jobs: Path, tree: Tree, understanding: Understanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    (jobs / "a.yaml").write_text("one")
    (jobs / "b.yaml").write_text("one")
    during(monkeypatch, lambda: append(jobs / "b.yaml", b"more"), on_read=2)
    put_off(tree)
    assert texts(snapshot(tree)) == {"a.yaml": "one", "b.yaml": "onemore"}
    assert understanding.paths == ["a.yaml", "b.yaml"]


def test_no_snapshot_mixes_two_trees_while_a_link_is_swapped_fifty_times(
    repository: Repository, tmp_path: Path
) -> None:
    commits = {word: repository.commit(all_files(word)) for word in ("one", "two")}
    repository.publish(commits["one"], tmp_path)
    tree = Tree(tmp_path / "current" / "jobs.d", Understanding())

    has_seen = threading.Event()

    def swaps() -> None:
        for number, word in enumerate(itertools.islice(itertools.cycle(("two", "one")), 50)):
            old = (tmp_path / "current").readlink().name
            repository.publish(commits[word], tmp_path)
            repository.withdraw(old, tmp_path)
            if number % 10 in (0, 1):
                has_seen.clear()
                assert has_seen.wait(30)

    with meanwhile(swaps) as is_over:
        seen = scanned(tree, is_over, has_seen)
    assert {commits[word] for word in seen} == set(commits.values())
    assert all(commits[word] == revision for word, revisions in seen.items() for revision in revisions)


def test_no_snapshot_mixes_two_trees_while_git_checks_out_back_and_forth(repository: Repository) -> None:
    commits = {word: repository.commit(all_files(word)) for word in ("one", "two")}
    tree = Tree(repository.path / "jobs.d", Understanding())

    has_seen = threading.Event()

    def checkouts() -> None:
        for number, commit in enumerate(itertools.islice(itertools.cycle(commits.values()), 50)):
            repository.git("checkout", "--quiet", commit)
            if number % 10 in (0, 1):
                # Else a slow scanner may find git at work each time, and see nothing to judge.
                has_seen.clear()
                assert has_seen.wait(30)

    with meanwhile(checkouts) as is_over:
        seen = scanned(tree, is_over, has_seen)
    assert set(seen) == set(commits)


def test_a_file_that_is_replaced_over_and_over_is_never_seen_in_part(jobs: Path, tree: Tree) -> None:
    def replace() -> None:
        for letter in itertools.islice(itertools.cycle(b"ab"), 300):
            (jobs / ".a.yaml").write_bytes(bytes([letter]) * 200_000)
            (jobs / ".a.yaml").rename(jobs / "a.yaml")

    (jobs / "a.yaml").write_bytes(b"a" * 200_000)
    with meanwhile(replace) as is_over:
        while not is_over():
            seen = tree.scan()
            if isinstance(seen, Snapshot):
                assert texts(seen)["a.yaml"] in ("a" * 200_000, "b" * 200_000)


def all_files(word: str) -> dict[str, str]:
    """Files that all say the same word; their number differs from word to word."""
    return {f"{number:03}.yaml": word * 100 for number in range(FILES + len(word) * (word == "two"))}


def scanned(
    tree: Tree, is_over: Callable[[], bool], has_seen: threading.Event
) -> dict[str, Counter[str | None]]:
    """Scan until it is over: how often each word was seen alone, by revision. Fails on a mixture."""
    seen: dict[str, Counter[str | None]] = {}
    while True:
        is_last = is_over()
        result = tree.scan()
        if isinstance(result, Snapshot):
            words = {text[:3] for text in texts(result).values()}
            assert len(words) == 1, Counter(text[:3] for text in texts(result).values())
            (word,) = words
            assert len(result.files) == len(all_files(word))
            seen.setdefault(word, Counter())[result.revision] += 1
            has_seen.set()
        else:
            assert isinstance(result, PutOff), result
        if is_last:
            return seen


def append(path: Path, data: bytes) -> None:
    """Write to the file where it stands."""
    with path.open("ab") as file:
        file.write(data)


@contextmanager
def meanwhile(work: Callable[[], object]) -> Iterator[Callable[[], bool]]:
    """Do `work` in a thread; gives a way to ask whether it is over. Its exception fails the test."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield lambda: not thread.is_alive()
    finally:
        thread.join()
    assert not failed, failed


def during(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object], on_read: int = 1) -> None:
    """Let something happen once, between the first and the last byte of the file that is read then."""
    count = itertools.count(1)
    read_up_to = reading._read_up_to

    def read(fd: int, limit: int) -> bytes:
        data = read_up_to(fd, limit)
        if next(count) == on_read:
            happens()
        return data

    monkeypatch.setattr(reading, "_read_up_to", read)
