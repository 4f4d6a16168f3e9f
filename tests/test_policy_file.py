"""The operator's TOML files: what can be read, and where a policy may not lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.errors import SettingProblem, SettingsWrong
from reconciler.policy_file import MAX_BYTES, toml_at
from reconciler.settings import Settings, load

GOOD = '[[rule]]\npath = "/team/"\nworkflows = ["42"]\n'


def settings(directory: Path, policy: Path) -> Settings:
    (directory / "jobs.d").mkdir(exist_ok=True)
    environ = {"RECONCILER_POLICY": str(policy), "RECONCILER_JOBS_DIR": str(directory / "jobs.d")}
    return load(environ, None, {})


def told(directory: Path, policy: Path) -> list[str]:
    with pytest.raises(SettingsWrong) as wrong:
        settings(directory, policy)
    return str(wrong.value).splitlines()


def test_a_policy_is_read_with_the_settings(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(GOOD)
    allowed = settings(tmp_path, tmp_path / "policy.toml").allowed
    assert [rule.path for rule in allowed.rules] == ["/team/"]


def test_everything_wrong_in_it_is_told_with_the_wrong_settings(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text('[[rule]]\npath = "["\n[[rule]]\nmax_manifests = 1.5\n')
    with pytest.raises(SettingsWrong) as wrong:
        load({"RECONCILER_POLICY": str(tmp_path / "policy.toml"), "RECONCILER_RATE": "x"}, None, {})
    assert len(wrong.value.problems) == 4


def test_a_policy_among_the_manifests_is_refused_however_it_is_called(tmp_path: Path) -> None:
    inside = tmp_path / "jobs.d" / "policy.toml"
    inside.parent.mkdir()
    inside.write_text(GOOD)
    (tmp_path / "link.toml").symlink_to(inside)
    for policy in (inside, tmp_path / "link.toml", tmp_path / "jobs.d" / ".." / "jobs.d" / "policy.toml"):
        [said] = told(tmp_path, policy)
        assert said.startswith("RECONCILER_POLICY is ")
        assert "lies among the manifests" in said


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\xff", "no UTF-8"),
        (b"a = ", "no TOML file"),
        (b"a = " + b"[" * 100_000, "no TOML file"),
        (b"#" * (MAX_BYTES + 1), "at most 1 MiB"),
    ],
)
def test_a_file_that_is_no_toml_is_told(tmp_path: Path, data: bytes, why: str) -> None:
    (tmp_path / "x.toml").write_bytes(data)
    problem = toml_at(tmp_path / "x.toml", "docs/settings.md")
    assert isinstance(problem, SettingProblem)
    assert why in str(problem)


def test_what_is_no_file_is_told_and_blocks_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo", Path("/dev/zero"), tmp_path / "nowhere"):
        assert isinstance(toml_at(path, "docs/settings.md"), SettingProblem)
