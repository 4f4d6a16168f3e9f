"""The head of a page: what it says of a daemon that is well, and of each thing that is not."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.model import Name, Pause, RunKey
from reconciler.engine.standing import Guarded, PutOff, Standing
from reconciler.engine.status import LastPass
from reconciler.ops.head import Alert, head_of
from tests.ops.fakes import NOW_MS, REVISION, overview

LAST = LastPass(REVISION, NOW_MS - 3_000)


def alerts(known: Any = None, **stands: Any) -> list[Alert]:
    return list(head_of(Standing(last_pass=LAST, **stands), NOW_MS, known or overview()).alerts)


def test_a_daemon_that_is_well_says_so_and_shows_the_signs() -> None:
    head = head_of(Standing(last_pass=LAST), NOW_MS, overview())
    assert (head.verdict, head.tone, head.alerts) == ("is well", "good", ())
    assert {sign.title: sign.text or sign.code or sign.at_ms for sign in head.signs} == {
        "Last pass": NOW_MS - 3_000,
        "Revision": REVISION,
        "Explorer": "circuit closed",
        "Submissions": "on",
        "Plan": "nothing to approve",
    }


def test_before_the_first_pass_it_is_starting() -> None:
    head = head_of(Standing(is_open=False), NOW_MS)
    assert (head.verdict, [sign.text for sign in head.signs]) == ("is starting", ["none yet"])


@pytest.mark.parametrize(
    ("stands", "verdict", "told"),
    [
        ({"troubles": ("the state is damaged",)}, "is not well", "the state is damaged"),
        ({"probe_in_s": 12.0}, "is not well", "Nothing is sent but a probe; the next one in 12s"),
        (
            {"put_off": PutOff(130.0, "index.lock is there")},
            "waits for a person",
            "Passes have been put off for 2m10s: index.lock is there",
        ),
        (
            {"nameless": ("a.yaml:1:1: odd",), "more_nameless": 2},
            "waits for a person",
            "a.yaml:1:1: odd; and 2 more, which `reconciler validate` tells",
        ),
    ],
)
def test_what_is_not_well_is_told(stands: Any, verdict: str, told: str) -> None:
    head = head_of(Standing(last_pass=LAST, **stands), NOW_MS, overview())
    assert (head.verdict, [alert.text for alert in head.alerts]) == (verdict, [told])


def test_a_pass_that_was_put_off_just_now_alarms_nobody() -> None:
    head = head_of(Standing(last_pass=LAST, put_off=PutOff(1.2, "a checkout")), NOW_MS, overview())
    assert (head.verdict, head.alerts) == ("is well", ())
    assert "put off for 1s" in [sign.text for sign in head.signs]


def test_a_pause_says_who_paused_and_why_and_how_it_ends() -> None:
    [alert] = alerts(overview(pause=Pause("ann@here", "the cluster is moved", NOW_MS - 200_000)))
    told = "3m20s ago by ann@here: the cluster is moved. Nothing is submitted until"
    assert (alert.title, alert.text, alert.command) == ("Paused", told, "reconciler resume")


@pytest.mark.parametrize(
    ("runs", "cancels", "told"),
    [
        (73, 0, "73 new runs wait for a word"),
        (1, 0, "1 new run waits for a word"),
        (0, 60, "60 jobs to stop wait for a word"),
        (1200, 1, "1,200 new runs and 1 job to stop wait for a word"),
    ],
)
def test_a_guarded_plan_says_what_waits_and_how_it_is_approved(runs: int, cancels: int, told: str) -> None:
    [alert] = alerts(guarded=Guarded("ab" * 32, runs, cancels))
    assert alert.text.startswith(told)
    assert alert.command == f"reconciler approve {'ab' * 32}"


def test_held_runs_are_told_and_the_names_whose_newer_runs_hide_them() -> None:
    older = [RunKey(Name("a"), 1, 1), RunKey(Name("a"), 2, 1), RunKey(Name("b"), 1, 1)]
    [alert] = alerts(overview(held=4, older_held=older))
    assert (alert.title, alert.link, alert.names) == ("4 runs are held", "/?state=Held", ("a", "b"))
    [alert] = alerts(overview(held=1))
    assert (alert.title, alert.names) == ("1 run is held", ())


def test_what_came_in_the_way_of_asking_the_state_is_told() -> None:
    head = head_of(Standing(last_pass=LAST), NOW_MS, trouble="disk I/O error")
    assert (head.verdict, head.alerts[0].text) == ("is not well", "disk I/O error")
    assert "Submissions" not in [sign.title for sign in head.signs], "nobody knows"
