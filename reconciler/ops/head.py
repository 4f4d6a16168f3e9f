"""The head of a page: whether all is well, the signs of it, and what asks for a person, with what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.core.model import Pause
from reconciler.core.overview import Overview
from reconciler.core.record import Dossier
from reconciler.core.span import age
from reconciler.engine.standing import Guarded, Standing

MOST_OLDER = 5
"""How many older runs that are held are named."""

PUT_OFF_S = 10.0
"""Passes that are put off for less are told and alarm nobody: every `git checkout` does that."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that asks for a person. `tone` is `bad` or `person`; `names` are manifests to look at."""

    tone: str
    title: str
    text: str
    command: str = ""
    names: tuple[str, ...] = ()
    link: str = ""


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign of life: a title, a word for how it is, and a tone. `at_ms` is when, `code` an identifier."""

    title: str
    text: str
    tone: str = "good"
    at_ms: int | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """The verdict, in words that go on after the program's name, and what it rests on."""

    verdict: str
    tone: str
    alerts: tuple[Alert, ...]
    signs: tuple[Sign, ...]


def head_of(
    standing: Standing,
    now_ms: int,
    known: Overview | Dossier | None = None,
    trouble: str = "",
) -> Head:
    """The head for how a daemon stands, and what its state says; `trouble` came in the way of asking it."""
    alerts = tuple(_alerts(standing, now_ms, known, trouble))
    tones = {alert.tone for alert in alerts}
    if "bad" in tones:
        verdict, tone = "is not well", "bad"
    elif tones:
        verdict, tone = "waits for a person", "person"
    elif standing.last_pass is None:
        verdict, tone = "is starting", "busy"
    else:
        verdict, tone = "is well", "good"
    return Head(verdict, tone, alerts, tuple(_signs(standing, known)))


def _alerts(
    standing: Standing, now_ms: int, known: Overview | Dossier | None, trouble: str
) -> Iterator[Alert]:
    for text in filter(None, (*standing.troubles, trouble)):
        yield Alert("bad", "Not well", text)
    if standing.put_off is not None and standing.put_off.seconds >= PUT_OFF_S:
        text = f"Passes have been put off for {age(standing.put_off.seconds)}: {standing.put_off.why}"
        yield Alert("person", "The jobs directory is not read", text)
    if standing.probe_in_s is not None:
        text = f"Nothing is sent but a probe; the next one in {age(standing.probe_in_s)}"
        yield Alert("bad", "Explorer does not answer", text)
    if known is not None and known.pause is not None:
        yield _paused(known.pause, now_ms)
    if standing.guarded is not None:
        yield _guarded(standing.guarded)
    if isinstance(known, Overview) and known.held:
        yield _held(known)
    if standing.nameless:
        yield _nameless(standing)


def _paused(pause: Pause, now_ms: int) -> Alert:
    why = f": {pause.why}" if pause.why else ""
    text = f"{age((now_ms - pause.since_ms) / 1000)} ago by {pause.who}{why}. Nothing is submitted until"
    return Alert("person", "Paused", text, "reconciler resume")


def _guarded(guarded: Guarded) -> Alert:
    parts = [_count(guarded.runs, "new run")] if guarded.runs or not guarded.cancels else []
    parts += [_count(guarded.cancels, "job to stop", "jobs to stop")] if guarded.cancels else []
    wait = "wait" if guarded.runs + guarded.cancels != 1 else "waits"
    text = f"{' and '.join(parts)} {wait} for a word; `reconciler plan` lists what"
    return Alert("person", "The plan is guarded", text, f"reconciler approve {guarded.hash}")


def _held(overview: Overview) -> Alert:
    text = f"Nobody can know whether {'its job was' if overview.held == 1 else 'their jobs were'} made"
    older = tuple(dict.fromkeys(str(key.name) for key in overview.older_held))
    if older:
        text += ". Held as well, behind newer runs"
    title = f"{_count(overview.held, 'run')} {'is' if overview.held == 1 else 'are'} held"
    return Alert("person", title, text, names=older[:MOST_OLDER], link="/?state=Held")


def _nameless(standing: Standing) -> Alert:
    count = len(standing.nameless) + standing.more_nameless
    more = f"; and {standing.more_nameless} more, which `reconciler validate` tells" * bool(
        standing.more_nameless
    )
    title = f"{_count(count, 'document')} without a name that can be used"
    return Alert("person", title, "; ".join(standing.nameless) + more)


def _signs(standing: Standing, known: Overview | Dossier | None) -> Iterator[Sign]:
    last = standing.last_pass
    yield (
        Sign("Last pass", "none yet", "wait")
        if last is None
        else Sign("Last pass", "", "good", last.ended_ms)
    )
    if last is not None and last.revision:
        yield Sign("Revision", "", code=last.revision)
    if standing.put_off is not None:
        yield Sign("Passes", f"put off for {age(standing.put_off.seconds)}", "busy")
    if not standing.is_open:
        return
    is_down = standing.probe_in_s is not None
    yield Sign("Explorer", "does not answer", "bad") if is_down else Sign("Explorer", "circuit closed")
    if known is not None:
        yield Sign("Submissions", "paused", "person") if known.pause else Sign("Submissions", "on")
    yield Sign("Plan", "guarded", "person") if standing.guarded else Sign("Plan", "nothing to approve")


def _count(number: int, what: str, many: str = "") -> str:
    return f"{number:,} {what if number == 1 else many or f'{what}s'}"
