"""The two volumes that manifests come in within a cluster, swapped 200 times under a daemon without rights.

git-sync checks each commit out into a worktree of its own, named by the commit, and exchanges a link; then it
removes the old one. The kubelet writes each version of a ConfigMap into a new directory, exchanges `..data`,
and only then adds and removes the links that are seen beside it.
"""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

from tests.source.git import Repository, swap_link
from tests.walk.confined import ConfinedDaemon
from tests.walk.daemon import Installation
from tests.walk.manifests import manifest
from tests.walk.other_explorer import OtherExplorer

SWAPS = 200
WAITED_FOR = 10
"""Every so many swaps all of a version's jobs are waited for: those versions must not be missed."""

NAMES = ("a", "m", "mover")
WORKFLOWS = ("41", "42", "43")


def tree(version: int) -> dict[str, str]:
    """Three manifests that change with each version; one of them moves from file to file."""
    return {
        "a.yaml": manifest("a", "41", version=version),
        "m.yaml": manifest("m", "42", version=version),
        f"mover-{version % 3}.yaml": manifest("mover", "43", version=version),
        "still.yaml": manifest("still", "44", version=0),
    }


def versions_of(explorer: OtherExplorer, workflow: str) -> list[int]:
    return [job.input["query_1"]["version"] for job in explorer.jobs_of(workflow)]


def wait_for(explorer: OtherExplorer, version: int) -> None:
    def have_come() -> bool:
        return all(version in versions_of(explorer, workflow) for workflow in WORKFLOWS)

    assert explorer.wait_until(have_come), f"version {version} did not come"


def each_version_ran_once_at_most_and_none_was_missed(explorer: OtherExplorer) -> None:
    waited_for = set(range(0, SWAPS + 1, WAITED_FOR))
    for workflow in WORKFLOWS:
        versions = versions_of(explorer, workflow)
        assert waited_for <= set(versions)
        assert max(Counter(versions).values()) == 1
        assert versions == sorted(versions)
    assert versions_of(explorer, "44") == [0]


def nothing_odd_was_said(daemon: ConfinedDaemon) -> None:
    for complaint in ("manifest invalid", "manifest deleted", "the source is not well"):
        assert daemon.says(complaint) == []


def test_git_sync_swaps_its_link_two_hundred_times(
    installation: Installation, explorer: OtherExplorer, tmp_path: Path
) -> None:
    repository = Repository(tmp_path / "repository", tmp_path)
    root = tmp_path / "git"
    root.mkdir()
    commits = [repository.commit(tree(0))]
    repository.publish(commits[0], root)
    installation.settings |= {"JOBS_DIR": str(root / "current" / "jobs.d"), "MAX_NEW": "0"}
    with ConfinedDaemon(installation, root) as daemon:
        assert daemon.is_confined()
        wait_for(explorer, 0)
        for version in range(1, SWAPS + 1):
            commits.append(repository.commit(tree(version)))
            repository.publish(commits[-1], root)
            repository.withdraw(commits[-2], root)
            if version % WAITED_FOR == 0:
                wait_for(explorer, version)
        daemon.comes_to_rest()
    nothing_odd_was_said(daemon)
    told = {line["job"]: line["revision"] for line in daemon.says("submitted")}
    each_version_ran_once_at_most_and_none_was_missed(explorer)
    for job in explorer.jobs:
        assert commits.index(told[job.id]) == job.input["query_1"]["version"]


class ConfigMapVolume:
    """A mounted ConfigMap, written in the order in which the kubelet writes it."""

    def __init__(self, mount: Path) -> None:
        self._mount = mount
        self._current: Path | None = None
        mount.mkdir()

    def write(self, version: int, files: dict[str, str]) -> None:
        fresh = self._mount / f"..2026_05_01_{version}"
        fresh.mkdir()
        for name, text in files.items():
            (fresh / name).write_text(text)
        swap_link(self._mount / "..data", fresh.name)
        seen = {path.name for path in self._mount.iterdir() if not path.name.startswith("..")}
        for name in files.keys() - seen:
            (self._mount / name).symlink_to(f"..data/{name}")
        for name in seen - files.keys():
            (self._mount / name).unlink()
        if self._current:
            shutil.rmtree(self._current)
        self._current = fresh


def test_the_kubelet_swaps_a_config_map_two_hundred_times(
    installation: Installation, explorer: OtherExplorer, tmp_path: Path
) -> None:
    volume = ConfigMapVolume(tmp_path / "mount")
    volume.write(0, tree(0))
    installation.settings |= {"JOBS_DIR": str(tmp_path / "mount"), "MAX_NEW": "0", "RESYNC_S": "1"}
    with ConfinedDaemon(installation, tmp_path / "mount") as daemon:
        assert daemon.is_confined()
        wait_for(explorer, 0)
        for version in range(1, SWAPS + 1):
            volume.write(version, tree(version))
            if version % WAITED_FOR == 0:
                wait_for(explorer, version)
        daemon.comes_to_rest()
    nothing_odd_was_said(daemon)
    each_version_ran_once_at_most_and_none_was_missed(explorer)
