"""What follows from each kind of answer, or of silence, seen from the server and from the command line."""

from __future__ import annotations

from collections.abc import Callable

from tests.walk.daemon import Installation
from tests.walk.manifests import manifest
from tests.walk.other_explorer import HTML, Answer, Cut, OtherExplorer, Reply, no_instead, refusal


def first_only(answer: Answer) -> Callable[[str, bytes], Answer | None]:
    """This answer to the first submission, and jobs for the others."""
    left = [answer]
    return lambda _workflow, _body: left.pop() if left else None


UNCLEAR: dict[str, Answer] = {
    "internal": refusal(50004000, "ErrInternalServer"),
    "controller": refusal(50004002, "ErrInternalController"),
    "bad-gateway": Reply(502, b"<html>Bad Gateway</html>", {"Content-Type": "text/html"}),
    "html": HTML,
    "cut": Cut(),
    "half": Reply(200, b'{"code": 0, "data": {"id": 5'),
    "no-id": Reply(200, {"code": 0, "data": {"id": "many"}, "message": "Success"}),
    "old-id": Reply(200, {"code": 0, "data": {"id": 5000}, "message": "Success"}),
    "redirect": Reply(302, b"", {"Location": "/elsewhere"}),
    "proxy-404": Reply(404, b"not here"),
}
"""Answers that leave open whether a job was made, each to the manifest of that name."""


def test_an_unclear_answer_is_held_and_never_sent_again(
    installation: Installation, explorer: OtherExplorer
) -> None:
    workflows = {name: str(100 + number) for number, name in enumerate(UNCLEAR)}
    installation.write("first.yaml", manifest("first", workflows["old-id"]))  # becomes job 5000
    with installation.daemon() as daemon:
        daemon.until_states(first="Succeeded")
        by_workflow = {workflows[name]: answer for name, answer in UNCLEAR.items()}
        explorer.before_reply = lambda job: by_workflow.get(job.workflow)
        for name, workflow in workflows.items():
            installation.write(f"{name}.yaml", manifest(name, workflow))
        daemon.until_states(**dict.fromkeys(UNCLEAR, "Held"))
        daemon.until(lambda: daemon.metric("held") == len(UNCLEAR), "the metric")
        explorer.before_reply = lambda _: None
        installation.write("next.yaml", manifest("next", workflows["cut"]))  # the workflow goes on
        daemon.until_states(next="Succeeded")
        daemon.comes_to_rest()
        assert daemon.stop() == 0
    with installation.daemon() as daemon:
        daemon.looks_again()
    items = installation.get()
    for name in UNCLEAR:
        assert (items[name]["state"], items[name]["jobId"], items[name]["attempt"]) == ("Held", None, 1)
        assert len(items[name]["candidates"]) == 1
        why = "is not above 5000" if name == "old-id" else "may be its own, or somebody else's"
        assert why in items[name]["reason"]
    assert len(explorer.submissions()) == len(UNCLEAR) + 2
    assert installation.command("run", "--once").returncode == 1


def test_a_refusal_for_good_is_told_once_and_tried_again_only_when_the_manifest_changes(
    installation: Installation, explorer: OtherExplorer
) -> None:
    explorer.instead_of_job = lambda _workflow, body: (
        refusal(40004001, "ErrParam: no such task") if b'"version":1' in body else None
    )
    installation.write("a.yaml", manifest("a", version=1))
    with installation.daemon() as daemon:
        daemon.until_states(a="Rejected")
        daemon.looks_again()
        assert daemon.items()["a"]["reason"] == "Explorer refused it: 40004001 ErrParam: no such task"
        assert len(daemon.says("rejected by Explorer")) == 1
        installation.write("a.yaml", "# said otherwise\n" + manifest("a", version=1))
        daemon.looks_again()
        assert daemon.stop() == 0
    with installation.daemon() as daemon:
        daemon.looks_again()
        assert len(explorer.submissions()) == 1
        installation.write("a.yaml", manifest("a", version=2))
        daemon.until_states(a="Succeeded")
    assert len(explorer.submissions()) == 2


def test_a_workflow_that_does_not_exist_yet_is_waited_for(
    installation: Installation, explorer: OtherExplorer
) -> None:
    explorer.instead_of_job = first_only(refusal(40404000, "ErrNotFound"))
    installation.write("a.yaml", manifest("a", version=1))
    with installation.daemon() as daemon:
        daemon.until(lambda: "does not exist" in str(daemon.items().get("a")), "a wait")
        daemon.until_states(a="Succeeded")
    assert len(explorer.jobs) == 1
    assert len(explorer.submissions()) == 2


def test_a_request_to_wait_is_kept_by_everything_that_is_sent(
    installation: Installation, explorer: OtherExplorer
) -> None:
    explorer.instead_of_job = first_only(Reply(429, b"", {"Retry-After": "2"}))
    installation.write("a.yaml", manifest("a", "41", version=1))
    with installation.daemon() as daemon:
        daemon.until(lambda: daemon.says("not submitted yet"), "a wait")
        installation.write("b.yaml", manifest("b", "42", version=1))
        daemon.until_states(a="Succeeded", b="Succeeded")
    (refused,) = [number for number, seen in enumerate(explorer.requests) if seen.method == "POST"][1:2]
    assert explorer.requests[refused] is explorer.submissions()[0]
    assert explorer.requests[refused + 1].at_s - explorer.requests[refused].at_s >= 1.95
    assert len(explorer.jobs) == 2


def test_no_more_requests_are_sent_than_the_rate_allows(
    installation: Installation, explorer: OtherExplorer
) -> None:
    per_s = 5
    installation.settings |= {"RATE": str(per_s), "POLL_S": "0.2"}
    for number in range(6):
        installation.write(f"{number}.yaml", manifest(f"m{number}", str(100 + number), version=1))
    with installation.daemon() as daemon:
        daemon.until_all("Succeeded", count=6)
    at_s = [seen.at_s for seen in explorer.requests]
    assert len(at_s) >= 15
    late_s = 2.0  # what a busy machine may add to the first request's way
    assert max(at_s) - min(at_s) >= (len(at_s) - 1) / per_s - late_s


def test_after_three_pages_of_html_nothing_but_a_probe_is_sent_until_explorer_is_back(
    installation: Installation, explorer: OtherExplorer
) -> None:
    installation.settings |= {"MAX_IN_FLIGHT": "1", "SETTLE_S": "6"}
    for number in range(6):
        installation.write(f"{number}.yaml", manifest(f"m{number}", str(100 + number), is_suspended=True))
    installation.write("first.yaml", manifest("first", "99"))
    with installation.daemon() as daemon:
        daemon.until_states(first="Succeeded")
        explorer.instead_of_job = lambda _workflow, _body: HTML
        explorer.instead_of_reading = lambda path, _cookie: HTML if path.endswith("v1/jobs") else None
        for number in range(6):
            installation.write(f"{number}.yaml", manifest(f"m{number}", str(100 + number)))
        daemon.until(lambda: daemon.metric("circuit_open") == 1, "an open circuit")
        daemon.until_all("Unknown", "Waiting", "Succeeded", count=7)
        daemon.looks_again()
        submissions = len(explorer.submissions())
        assert submissions == 1 + 3
        probes = len(explorer.requests)
        assert explorer.wait_until(lambda: len(explorer.requests) > probes)
        assert explorer.requests[-1].path.endswith("v1/jobs")
        assert len(explorer.submissions()) == submissions
        explorer.instead_of_job = no_instead
        explorer.instead_of_reading = lambda _path, _cookie: None
        daemon.until_all("Succeeded", count=7)
    assert len(explorer.submissions()) == 1 + 3 + 6
    assert len(explorer.jobs) == 7
