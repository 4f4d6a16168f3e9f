"""What is said at the start of whoever else may read along."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from reconciler.cli.exposure import leave_no_core, tell_exposures
from reconciler.settings import Settings


def told(settings: Settings, *, is_sandbox: bool = False) -> list[str]:
    with capture_logs() as lines:
        tell_exposures(settings, is_sandbox=is_sandbox)
    assert all(line["log_level"] == "warning" for line in lines)
    return [line["event"] for line in lines]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with nothing to warn of."""
    token = tmp_path / "token"
    token.write_text("x")
    token.chmod(0o600)
    return Settings(explorer_url="https://explorer", token_file=token, state=tmp_path / "state" / "s.db")


def with_url(settings: Settings, url: str) -> Settings:
    return Settings(explorer_url=url, token_file=settings.token_file, state=settings.state)


def test_where_nobody_reads_along_nothing_is_said(settings: Settings) -> None:
    assert told(settings) == []


@pytest.mark.parametrize(("mode", "is_told"), [(0o600, False), (0o440, False), (0o644, True), (0o602, True)])
def test_a_secret_that_anybody_may_read_is_told(settings: Settings, mode: int, is_told: bool) -> None:
    assert settings.token_file
    settings.token_file.chmod(mode)
    assert bool(told(settings)) is is_told
    assert told(settings, is_sandbox=True) == []


@pytest.mark.parametrize(
    ("url", "is_told"),
    [
        ("http://explorer:7001", True),
        ("http://192.0.2.7", True),
        ("http://127.0.0.1.example.com", True),
        ("http://localhost.example.com", True),
        ("http://[2001:db8::1]:7001", True),
        ("https://explorer:7001", False),
        ("http://localhost:7001", False),
        ("http://explorer.localhost", False),
        ("http://127.9.9.9:7001/explorer", False),
        ("http://[::1]:7001", False),
    ],
)
def test_plain_http_to_another_host_is_told_once(settings: Settings, url: str, is_told: bool) -> None:
    assert [it for it in told(with_url(settings, url)) if "plain HTTP" in it] == [
        "plain HTTP to another machine: whoever is on the way can read the token, and its password"
    ] * is_told


def test_a_state_that_others_may_write_is_told(settings: Settings) -> None:
    settings.state.parent.mkdir(mode=0o700)
    settings.state.touch(mode=0o600)
    assert told(settings) == []
    settings.state.chmod(0o666)
    assert told(settings) == ["the state is exposed"]


def test_no_image_of_our_memory_is_left() -> None:
    before = resource.getrlimit(resource.RLIMIT_CORE)
    leave_no_core()
    assert resource.getrlimit(resource.RLIMIT_CORE) == (0, before[1])
    resource.setrlimit(resource.RLIMIT_CORE, before)
