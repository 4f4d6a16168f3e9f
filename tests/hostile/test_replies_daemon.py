"""Every bad answer to a submission, to one real daemon: each run ends as designed, and the rest goes on."""

from __future__ import annotations

import re
from pathlib import Path

from tests.hostile.replies import SUBMISSIONS, End
from tests.walk.daemon import Daemon, Installation
from tests.walk.manifests import manifest
from tests.walk.other_explorer import OtherExplorer, Reply

FIRST = 1000
STATES: dict[End, set[str]] = {
    "taken": {"Running"},
    "refused": {"Rejected"},
    "retried": {"Waiting"},
    "unknown": {"Unknown", "Waiting", "Held", "Rejected"},
}
"""What becomes of a run: one that is unknown is looked for, sent again, and in the end held or rejected."""

ANSWERS = [it for it in SUBMISSIONS if it.name not in ("an ID that was known before", "an ID from long ago")]
"""Without those that only a state with a past can doubt."""

MOST_GROWTH_KB = 64 * 1024


def as_answered(wire: bytes) -> Reply:
    head, _, body = wire.partition(b"\r\n\r\n")
    return Reply(int(head.split()[1]), body)


def peak_kb(daemon: Daemon) -> int:
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    assert found
    return int(found[1])


def settled(daemon: Daemon, before: dict[str, str]) -> dict[str, str]:
    """`before`, with the latest state of each name whose request is not under way just now."""
    before |= {name: state for name, state in daemon.states().items() if state != "Submitting"}
    return before


def test_a_daemon_takes_every_bad_answer_for_what_it_is(tmp_path: Path) -> None:
    with OtherExplorer() as explorer:
        replies = {str(FIRST + number): as_answered(it.reply) for number, it in enumerate(ANSWERS)}
        explorer.instead_of_job = lambda workflow, _: replies.get(workflow)
        site = Installation(tmp_path / "site", explorer.url)
        site.write("good.yaml", manifest("good", version=1))
        with site.daemon() as daemon:
            daemon.until_states(good="Succeeded")
            before = peak_kb(daemon)
            for number in range(len(ANSWERS)):
                site.write(f"n{number}.yaml", manifest(f"n{number}", str(FIRST + number), version=1))
            asked = {f"workflows/{workflow}/jobs" for workflow in replies}
            assert explorer.wait_until(
                lambda: asked <= {it.path.removeprefix("/api-open/v1/") for it in explorer.submissions()}
            )
            # A run that is unknown is sent again: "Submitting" comes and goes, and each is judged without.
            outcomes: dict[str, str] = {}
            daemon.until(lambda: len(settled(daemon, outcomes)) > len(ANSWERS), "an end of each")
            wrong = {
                answer.name: outcomes[f"n{number}"]
                for number, answer in enumerate(ANSWERS)
                if outcomes[f"n{number}"] not in STATES[answer.end]
            }
            site.write("last.yaml", manifest("last", "43", version=1))
            daemon.until_states(last="Succeeded")
            grown = peak_kb(daemon) - before
            for path in ("/livez", "/readyz"):
                daemon.until(lambda path=path: daemon.status_of(path) == 200, path)
            assert not [line for line in daemon.log if line["level"] == "critical"]
            assert daemon.stop() == 0
    print(f"\n{len(ANSWERS)} answers, {grown / 1024:.1f} MiB more")
    assert not wrong
    assert grown < MOST_GROWTH_KB
    sent = [it.path for it in explorer.submissions()]
    assert max(map(sent.count, sent)) <= 5
    assert len(explorer.jobs) == 2
