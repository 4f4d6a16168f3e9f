"""Which tree is acted on: real git, links that are swapped, and files that change without saying so."""

from __future__ import annotations

import contextlib
import itertools
import mmap
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.source.git import Repository, swap_link
from tests.walk.daemon import Daemon, Installation
from tests.walk.manifests import manifest
from tests.walk.other_explorer import Job, OtherExplorer


def tree(version: int, fillers: int) -> dict[str, str]:
    """The files of a commit. The fillers are suspended: they submit nothing, and take time to write or read.

    One document moves between two files with each version: a mixed tree has it twice, which is invalid, or
    not at all.
    """
    files = {
        "a.yaml": manifest("a", "41", version=version, again=version),
        "m.yaml": manifest("m", "42", version=version, again=version),
        "z.yaml": manifest("z", "43", version=version, again=version),
    }
    mover = manifest("mover", "44", version=version, again=version)
    homes = ("b.yaml", "y.yaml")
    files[homes[version % 2]] = mover
    files[homes[1 - version % 2]] = manifest("other", "45", is_suspended=True, version=version)
    for number in range(fillers):
        name = f"filler-{number}"
        files[f"{name}.yaml"] = manifest(name, "46", is_suspended=True, version=version)
    return files


NAMES = ("a", "m", "z", "mover")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository", tmp_path)


def no_mixed_tree_was_acted_on(daemon: Daemon, explorer: OtherExplorer, version_of: dict[str, int]) -> None:
    """Each job's parameters are those of the commit that its submission is recorded with."""
    nothing_was_missed_or_seen_twice(daemon)
    told = {line["job"]: line for line in daemon.says("submitted")}
    assert told.keys() == {job.id for job in explorer.jobs}
    for job in explorer.jobs:
        version = version_of[told[job.id]["revision"]]
        assert job.input == {"query_1": {"version": version, "again": version}}
    assert len({(job.workflow, job.body) for job in explorer.jobs}) == len(explorer.jobs)


def nothing_was_missed_or_seen_twice(daemon: Daemon) -> None:
    for complaint in ("manifest invalid", "manifest deleted", "the source is not well"):
        assert daemon.says(complaint) == []


def between_swaps(explorer: OtherExplorer, turn: int, version: int) -> None:
    """Every other time nothing, and else until this version is in the middle of being submitted."""
    if turn % 2:
        assert explorer.wait_until(lambda: version in versions_of(explorer.jobs))


def versions_of(jobs: list[Job]) -> list[int]:
    return [job.input["query_1"]["version"] for job in jobs]


def until_at(daemon: Daemon, revision: str) -> None:
    def is_there() -> bool:
        items = daemon.items()
        return all(items.get(name, {}).get("revision") == revision for name in NAMES)

    daemon.until(is_there, f"revision {revision}")


def test_a_link_swapped_fifty_times_while_jobs_are_submitted_gives_only_whole_trees(
    installation: Installation, explorer: OtherExplorer, repository: Repository, tmp_path: Path
) -> None:
    commits = [repository.commit(tree(version, 5)) for version in range(51)]
    root = tmp_path / "git"
    root.mkdir()
    for commit in reversed(commits):
        repository.publish(commit, root)
    installation.settings |= {"JOBS_DIR": str(root / "current" / "jobs.d"), "MAX_NEW": "0"}
    with installation.daemon() as daemon:
        for version, commit in enumerate(commits[1:], start=1):
            between_swaps(explorer, version, version - 1)
            swap_link(root / "current", f".worktrees/{commit}")
            shutil.rmtree(root / ".worktrees" / commits[version - 1])
        until_at(daemon, commits[-1])
        daemon.comes_to_rest()
        items = daemon.items()
        assert {items[name]["state"] for name in NAMES} <= {"Running", "Succeeded"}
    no_mixed_tree_was_acted_on(daemon, explorer, {it: number for number, it in enumerate(commits)})
    assert len(explorer.jobs) >= 20
    items = installation.get()
    assert {items[name]["revision"] for name in NAMES} == {commits[-1]}
    assert {items[name]["jobId"] for name in NAMES} <= {str(job.id) for job in explorer.jobs}


def test_a_worktree_checked_out_back_and_forth_gives_only_whole_trees(
    installation: Installation, explorer: OtherExplorer, repository: Repository
) -> None:
    commits = [repository.commit(tree(version, 40)) for version in range(2)]
    installation.settings |= {"JOBS_DIR": str(repository.path / "jobs.d"), "MAX_NEW": "0"}
    with installation.daemon() as daemon:
        for turn in range(30):
            came = len(explorer.jobs)
            repository.git("checkout", "--quiet", "--detach", commits[turn % 2])
            if turn % 2:  # what is there now may have been submitted before: then nothing comes of it
                explorer.wait_until(lambda came=came: len(explorer.jobs) > came, 0.2)
        until_at(daemon, commits[1])
        daemon.comes_to_rest()
    nothing_was_missed_or_seen_twice(daemon)
    told = {line["job"]: line for line in daemon.says("submitted")}
    assert told.keys() == {job.id for job in explorer.jobs}
    for job in explorer.jobs:
        version = commits.index(told[job.id]["revision"])
        assert job.input == {"query_1": {"version": version, "again": version}}
    for workflow in ("41", "42", "43", "44"):
        versions = versions_of(explorer.jobs_of(workflow))
        assert versions[-1] == 1
        assert all(one != other for one, other in itertools.pairwise(versions))


def test_nothing_is_acted_on_while_git_holds_its_lock(
    installation: Installation, explorer: OtherExplorer, repository: Repository
) -> None:
    repository.commit(tree(0, 0))
    installation.settings |= {"JOBS_DIR": str(repository.path / "jobs.d")}
    with installation.daemon() as daemon:
        explorer.wait_for_jobs(4)
        lock = repository.path / ".git" / "index.lock"
        lock.touch()
        (repository.path / "jobs.d" / "a.yaml").write_text(manifest("a", "41", version=7))
        series = 'passes_put_off_total{reason="index_lock"}'
        daemon.until(lambda: daemon.metric(series) >= 3, "passes put off")
        assert len(explorer.jobs) == 4
        lock.unlink()
        explorer.wait_for_jobs(5)


def test_a_config_map_is_read_whole(
    installation: Installation, explorer: OtherExplorer, tmp_path: Path
) -> None:
    mount = tmp_path / "mount"
    for version in range(51):
        data = mount / f"..2026_05_01_{version}"
        data.mkdir(parents=True)
        for name, text in tree(version, 120).items():
            (data / name).write_text(text)
    swap_link(mount / "..data", "..2026_05_01_0")
    for name in tree(0, 120):
        (mount / name).symlink_to(f"..data/{name}")
    installation.settings |= {"JOBS_DIR": str(mount), "MAX_NEW": "0"}
    with installation.daemon() as daemon:
        for version in range(1, 51):
            between_swaps(explorer, version, version - 1)
            swap_link(mount / "..data", f"..2026_05_01_{version}")
            shutil.rmtree(mount / f"..2026_05_01_{version - 1}")
        last = {"query_1": {"version": 50, "again": 50}}
        daemon.until(lambda: [job.input for job in explorer.jobs].count(last) == 4, "the last version")
        daemon.comes_to_rest()
        assert {item["revision"] for item in daemon.items().values()} == {None}
    nothing_was_missed_or_seen_twice(daemon)
    assert len({(job.workflow, job.body) for job in explorer.jobs}) == len(explorer.jobs)


@contextlib.contextmanager
def mapped(file: Path) -> Iterator[mmap.mmap]:
    """A file's bytes in memory. Once a page was written to, further writes leave its times as they are, and
    none of them makes an event (inotify(7), "Limitations and caveats")."""
    with file.open("r+b") as opened:
        memory = mmap.mmap(opened.fileno(), 0)
    with contextlib.closing(memory):
        yield memory


def put(memory: mmap.mmap, digit: int) -> None:
    at = re.search(rb'"version": ', memory)
    assert at
    memory[at.end() : at.end() + 1] = str(digit).encode()


def signature(file: Path) -> tuple[int, ...]:
    seen = file.stat()
    return (seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)


def test_an_edit_within_one_clock_tick_is_noticed_without_any_event(
    installation: Installation, explorer: OtherExplorer
) -> None:
    installation.settings["RESYNC_S"] = "0.2"
    file = installation.jobs_dir / "a.yaml"
    installation.write("a.yaml", manifest("a", version=0))
    with installation.daemon() as daemon:
        explorer.wait_for_jobs(1)
        for _ in range(50):  # again, should this machine be too slow to stay within the two seconds
            with mapped(file) as memory:
                came = len(explorer.jobs)
                put(memory, came % 10)
                explorer.wait_for_jobs(came + 1)
                before, events = signature(file), daemon.metric("watch_events_total")
                put(memory, (came + 1) % 10)
                is_within_a_tick = time.time_ns() - before[2] < 1_500_000_000 and signature(file) == before
                if not is_within_a_tick:
                    continue
                explorer.wait_for_jobs(came + 2)
                if daemon.metric("watch_events_total") == events:  # else one of the first edit's came late
                    break
        else:
            pytest.fail("no edit was within one tick, and without any event")
        daemon.comes_to_rest()
    versions = versions_of(explorer.jobs)
    assert versions[-1] == (versions[-2] + 1) % 10


def test_old_times_do_not_hide_an_edit_of_the_same_size(
    installation: Installation, explorer: OtherExplorer
) -> None:
    installation.settings["RESYNC_S"] = "0.2"
    file = installation.jobs_dir / "a.yaml"
    installation.write("a.yaml", manifest("a", version=1))
    os.utime(file, ns=(10**18, 10**18))
    with installation.daemon() as daemon:
        explorer.wait_for_jobs(1)
        daemon.looks_again()
        replacement = installation.directory / "new"
        replacement.write_text(manifest("a", version=2))
        os.utime(replacement, ns=(10**18, 10**18))
        replacement.replace(file)
        explorer.wait_for_jobs(2)


@pytest.mark.parametrize("way", ["vanishes", "empties", "is renamed away"])
def test_a_directory_that_goes_away_deletes_nothing(
    installation: Installation, explorer: OtherExplorer, way: str
) -> None:
    both = [manifest("a", version=1), manifest("b", version=1)]
    installation.write("both.yaml", "---\n".join(both))  # so that they go at one stroke
    aside = installation.directory / "aside"
    with installation.daemon() as daemon:
        daemon.until_states(a="Succeeded", b="Succeeded")
        if way == "is renamed away":
            installation.jobs_dir.rename(aside)
        else:
            (installation.jobs_dir / "both.yaml").unlink()
        if way == "vanishes":
            installation.jobs_dir.rmdir()
        daemon.until(lambda: daemon.says("the source is not well"), "a complaint")
        daemon.looks_again(4)
        assert daemon.states() == {"a": "Succeeded", "b": "Succeeded"}
        daemon.until(lambda: daemon.status_of("/livez") == 200, "a daemon that lives")
        if aside.exists():
            aside.rename(installation.jobs_dir)
        installation.write("both.yaml", "---\n".join([both[0], manifest("b", version=2)]))
        explorer.wait_for_jobs(3)
        daemon.comes_to_rest()
        states = daemon.states()
        assert states["a"] == "Succeeded"
        assert states["b"] in ("Running", "Succeeded")
    assert len(explorer.jobs) == 3
