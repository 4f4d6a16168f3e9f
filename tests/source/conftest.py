"""What the tests of the source share: a directory of jobs, a tree over it, a repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.source.tree import Tree
from tests.source.git import Repository
from tests.source.understanding import Understanding


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    directory = tmp_path / "jobs.d"
    directory.mkdir()
    return directory


@pytest.fixture
def understanding() -> Understanding:
    return Understanding()


@pytest.fixture
def tree(jobs: Path, understanding: Understanding) -> Tree:
    return Tree(jobs, understanding)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    home = tmp_path / "home"
    home.mkdir()
    return Repository(tmp_path / "repository", home)
