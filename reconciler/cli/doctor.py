"""`doctor`: looks at all that a daemon needs, and says of each what to do. It changes nothing."""

from __future__ import annotations

import asyncio
import http.client
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import click

from reconciler.cli import options
from reconciler.cli.layout import Tone, painted, wrapped
from reconciler.cli.render import say_json, show
from reconciler.core.claims import Claims
from reconciler.core.policy import reader_under
from reconciler.engine.scanning import scan
from reconciler.errors import ExitCode, ReconcilerError, SettingsWrong
from reconciler.setting_kinds import Address
from reconciler.settings import Settings
from reconciler.source.kernel import WATCH_LIMIT, directories_below, limit
from reconciler.store.integrity import verify_file
from reconciler.store.lock import holder_now
from reconciler.store.reading import Reader

PATIENCE_S = 10.0
"""How long Explorer may take to answer: a person waits for it."""

MOST_SKEW_S = 5.0
"""Nothing is decided by the server's clock, but its times are shown beside ours."""


class Health(StrEnum):
    """How something is: well, worth a look, or in the way."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: how it is, what was seen, and what to do about it."""

    subject: str
    health: Health
    seen: str
    advice: str = ""
    status: ExitCode = ExitCode.FAILED


@click.command()
@options.output("text", "json")
@options.config
@options.jobs_dir
@options.state
@options.sandbox
def doctor(output: str, config: Path | None, jobs_dir: str | None, state: str | None, sandbox: bool) -> int:
    """Look at settings, manifests, state, file watches and Explorer, and say what to do about each."""
    flags: dict[str, Any] = {"jobs_dir": jobs_dir, "state": state}
    findings = []
    for finding in _findings(config, flags, is_sandbox=sandbox):
        findings.append(finding)
        if output == "text":
            show(_line(finding))
    if output == "json":
        say_json({"checks": [_as_json(finding) for finding in findings]})
    return next((it.status for it in findings if it.health is Health.FAIL), ExitCode.DONE)


def _findings(config: Path | None, flags: dict[str, Any], *, is_sandbox: bool) -> Iterator[Finding]:
    try:
        settings = options.settings_of(config, is_sandbox, needs_explorer=False, **flags)
    except SettingsWrong as error:
        yield from _wrong(error)
        return  # whatever else was looked at would be the wrong thing
    lacking = () if is_sandbox else tuple(_lacking(settings))
    yield from lacking or (Finding("settings", Health.OK, "all are there and can be read"),)
    yield from _of_tree(settings)
    yield _of_state(settings)
    yield from _of_daemon(settings)
    yield _of_watches(settings)
    if not lacking:
        yield from asyncio.run(_of_explorer(settings, is_sandbox=is_sandbox))


def _lacking(settings: Settings) -> Iterator[Finding]:
    try:
        settings.explorer()
    except SettingsWrong as error:
        yield from _wrong(error)


def _wrong(error: SettingsWrong) -> Iterator[Finding]:
    for problem in error.problems:
        seen = f"{problem.setting} is {problem.found}"
        yield Finding("settings", Health.FAIL, seen, problem.expected, ExitCode.SETTINGS)


def _of_tree(settings: Settings) -> Iterator[Finding]:
    try:
        snapshot = scan(settings.jobs_dir, reader_under(settings.allowed))
    except ReconcilerError as error:
        advice = "name the directory of manifests by RECONCILER_JOBS_DIR, or make one by `reconciler init`"
        yield Finding("manifests", Health.FAIL, str(error), advice)
        return
    claims = Claims(settings.allowed)
    claims.update(snapshot.changes)
    valid, problems = claims.valid, claims.problems
    seen = f"{valid} valid in {settings.jobs_dir}"
    if problems:
        advice = "`reconciler validate` lists every problem with its place"
        yield Finding("manifests", Health.FAIL, f"{seen}, {len(problems)} problems", advice)
    elif not valid:
        advice = "write one: `reconciler init` makes a first one, docs/manifest.md lists the fields"
        yield Finding("manifests", Health.WARN, f"none in {settings.jobs_dir}", advice)
    else:
        yield Finding("manifests", Health.OK, seen)
    if snapshot.revision:
        yield Finding("revision", Health.OK, snapshot.revision)
    else:
        advice = "keep the manifests in git: each submission then says which commit asked for it"
        yield Finding("revision", Health.WARN, "the manifests are in no git repository", advice)


def _of_state(settings: Settings) -> Finding:
    state = settings.state
    try:
        who = holder_now(state)
        if not state.exists():
            return Finding("state", Health.OK, f"{state} does not exist yet: the first run makes it")
        if who is None:
            verify_file(state)
        with closing(Reader.open(state)) as reader:
            quarantine, names = reader.quarantine(), len(reader.sightings())
    except (ReconcilerError, sqlite3.Error, OSError) as error:
        advice = "docs/operating.md, Backup and restore, says how to put a copy in its place"
        return Finding("state", Health.FAIL, f"{state}: {error}", advice)
    seen = f"{state} knows {names} names; " + (f"in use by {who}" if who else "no daemon runs on it")
    if quarantine:
        advice = "docs/exactly-once.md, A restored state, says what happens now"
        return Finding("state", Health.WARN, f"{seen}; in quarantine: {quarantine}", advice)
    return Finding("state", Health.OK, seen)


def _of_daemon(settings: Settings) -> Iterator[Finding]:
    """What the daemon that has the state says of itself, on its ops port."""
    try:
        who = holder_now(settings.state)
    except OSError:
        return  # told of the state already
    if who is None or settings.listen.port == 0:
        return
    try:
        status, said = _readiness(settings.listen)
    except (OSError, http.client.HTTPException) as error:
        seen = f"{who} does not answer on {settings.listen}: {error}"
        advice = "if it listens elsewhere, say so here too: RECONCILER_LISTEN; if not, its log says why"
        yield Finding("daemon", Health.WARN, seen, advice)
        return
    if status == http.HTTPStatus.OK:
        yield Finding("daemon", Health.OK, "it is ready: the state can be written, and a pass was planned")
        return
    wrong = "; ".join(line for line in said.splitlines() if line.startswith("[-]")) or f"HTTP {status}"
    yield Finding(
        "daemon", Health.FAIL, f"it is not ready: {wrong}", "its log says more; docs/operating.md, Probes"
    )


def _readiness(listen: Address) -> tuple[int, str]:
    """The answer of `/readyz`. Raises OSError and HTTPException."""
    connection = http.client.HTTPConnection(listen.host, listen.port, timeout=PATIENCE_S)
    try:
        connection.request("GET", "/readyz?verbose")
        answer = connection.getresponse()
        return answer.status, answer.read(10_000).decode(errors="replace")
    finally:
        connection.close()


def _of_watches(settings: Settings) -> Finding:
    needed = len(directories_below(str(settings.jobs_dir.resolve())))
    directories = "1 directory" if needed == 1 else f"{needed} directories"
    most = limit(WATCH_LIMIT)
    if not most.isdigit():
        return Finding("watches", Health.OK, "this system tells no limit; the resync sees every change")
    seen = f"{directories} to watch, and the system gives a user {most} watches"
    if 2 * needed <= int(most):
        return Finding("watches", Health.OK, seen)
    advice = f"sysctl fs.inotify.max_user_watches={4 * needed}; until then only the resync sees every change"
    return Finding("watches", Health.WARN, seen, advice)


async def _of_explorer(settings: Settings, *, is_sandbox: bool) -> Sequence[Finding]:
    from reconciler.cli.client import ExplorerSilent, asking

    if is_sandbox and not (settings.state.parent / "explorer").is_dir():
        return [Finding("explorer", Health.OK, "the sandbox was not used yet: `reconciler run --sandbox`")]
    patient = replace(settings, timeout_s=min(settings.timeout_s, PATIENCE_S))
    where = "the sandbox" if is_sandbox else str(settings.explorer_url)
    try:
        async with asking(patient, is_sandbox=is_sandbox) as explorer:
            server_ms = await explorer.clock_ms()
            now_ms = time.time_ns() // 1_000_000
    except ExplorerSilent as error:
        advice = "see that RECONCILER_EXPLORER_URL is right, and that this machine may connect to it"
        return [Finding("explorer", Health.FAIL, f"{where}: {error}", advice, ExitCode.UNREACHABLE)]
    except ReconcilerError as error:
        advice = "see that the user, the password or the token, and graphd's address are right"
        return [Finding("explorer", Health.FAIL, f"{where}: {error}", advice)]
    return [
        Finding("explorer", Health.OK, f"{where} gives a session and lists jobs"),
        _of_clock(server_ms, now_ms),
    ]


def _of_clock(server_ms: int | None, now_ms: int) -> Finding:
    if server_ms is None:
        return Finding("clock", Health.OK, "Explorer does not tell its time")
    ahead_s = (server_ms - now_ms) / 1000
    if abs(ahead_s) <= MOST_SKEW_S:
        return Finding("clock", Health.OK, "Explorer's and this machine's agree")
    seen = f"Explorer's is {abs(ahead_s):.0f} s {'ahead of' if ahead_s > 0 else 'behind'} this machine's"
    advice = "set both by NTP: nothing is decided by it, but times of jobs look wrong beside ours"
    return Finding("clock", Health.WARN, seen, advice)


_TONES = {Health.OK: Tone.GOOD, Health.WARN: Tone.CARE, Health.FAIL: Tone.BAD}


def _line(finding: Finding) -> str:
    head = f"{finding.health:<5} {finding.subject:<10} "
    lines = [wrapped(finding.seen, first=head, indent=" " * len(head))]
    if finding.advice:
        lines.append(wrapped(finding.advice, first=f"{'':6}to do:     ", indent=" " * len(head)))
    return painted(finding.health, _TONES[finding.health]) + "\n".join(lines)[len(finding.health) :]


def _as_json(finding: Finding) -> dict[str, str]:
    return {
        "subject": finding.subject,
        "status": str(finding.health),
        "seen": finding.seen,
        "advice": finding.advice,
    }
