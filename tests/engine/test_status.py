"""How the daemon is: the checks behind `/livez` and `/readyz`."""

from __future__ import annotations

from reconciler.engine.status import Status


def status(resync_s: float = 60.0) -> Status:
    return Status(resync_s, started_s=1000.0)


def test_a_daemon_that_has_just_started_is_alive() -> None:
    assert status().live(1100.0)[0].is_ok


def test_a_daemon_whose_passes_have_stopped_is_not_alive() -> None:
    one = status()
    one.pass_began_s = 2000.0
    assert one.live(2180.0)[0].is_ok
    [check] = one.live(2180.1)
    assert not check.is_ok
    assert check.detail == "the last pass began 180.1 s ago; a resync is due every 60 s"


def test_a_daemon_with_a_short_resync_is_given_five_seconds() -> None:
    one = status(resync_s=0.1)
    assert one.live(1005.0)[0].is_ok
    assert not one.live(1005.1)[0].is_ok


def test_it_is_ready_once_the_state_can_be_written_and_a_pass_was_planned() -> None:
    one = status()
    assert not_ready(one) == ["state", "first-pass"]
    one.state_trouble = ""
    assert not_ready(one) == ["first-pass"]
    one.is_planned = True
    assert not_ready(one) == []


def test_what_is_in_the_way_is_said() -> None:
    one = status()
    one.state_trouble, one.outcome = "the disk is full", "put off: git is busy"
    assert [check.detail for check in one.ready()][:2] == [
        "the disk is full",
        "last pass: put off: git is busy",
    ]


def test_a_source_in_trouble_is_said_and_takes_nobody_out_of_service() -> None:
    one = status()
    one.source_trouble = "the directory is gone"
    assert "source" not in not_ready(one)
    assert one.ready()[-1].detail == "the directory is gone"


def not_ready(one: Status) -> list[str]:
    return [check.name for check in one.ready() if not check.is_ok]
