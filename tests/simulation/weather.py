"""What may go wrong in one seed, and how often: drawn once, at its beginning.

Each seed has some kinds of faults and not others, some of them often: rare combinations come up sooner so
than with every fault a little everywhere ("swarm testing", Groce et al., 2012).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate
from random import Random

from reconciler.setting_kinds import Exclusive


class Fate(StrEnum):
    """What becomes of one request."""

    WELL = "goes well"
    REFUSED = "finds no connection"
    LOST = "never arrives"
    DEAF = "arrives, and the answer is lost"
    LATE = "arrives after the daemon gave up"
    CODE = "is done or not, and answered with 500 and a code"
    PROXY = "is done or not, and answered by a proxy"
    PAGE = "is done, and answered with a page of HTML"
    HALF = "is done, and the answer is cut in half"
    NO_ID = "is done, and the answer names no job"
    THROTTLED = "is answered with 429"
    NO_SESSION = "finds that the server has forgotten all sessions"


READ_FATES = (
    *(Fate.REFUSED, Fate.LOST, Fate.DEAF, Fate.CODE, Fate.PROXY, Fate.PAGE, Fate.HALF),
    *(Fate.THROTTLED, Fate.NO_SESSION),
)
POST_FATES = (*READ_FATES, Fate.LATE, Fate.NO_ID)


@dataclass(frozen=True, slots=True)
class Fates:
    """How often each becomes of a request."""

    fates: tuple[Fate, ...] = (Fate.WELL,)
    up_to: tuple[float, ...] = (1.0,)

    def draw(self, dice: Random) -> Fate:
        return dice.choices(self.fates, cum_weights=self.up_to)[0] if len(self.fates) > 1 else self.fates[0]


def fates_of(dice: Random, all_fates: Sequence[Fate], share: float) -> Fates:
    """Some of these fates, together so often."""
    chosen = [fate for fate in all_fates if dice.random() < 0.45]
    if not chosen or not share:
        return Fates()
    weights = [dice.random() for _ in chosen]
    scale = share / (sum(weights) or 1.0)
    return Fates((Fate.WELL, *chosen), tuple(accumulate([1 - share, *(it * scale for it in weights)])))


@dataclass(frozen=True, slots=True)
class Weather:
    """One seed's faults. Times are seconds, `…_p` are probabilities.

    A request arrives at most `latest_s` after it was sent, and a job shows in listings at most `lag_s` after
    it was made; together that is less than the settle time (assumption A5).
    """

    lasts_s: float
    posts: Fates = Fates()
    reads: Fates = Fates()
    latest_s: float = 0.0
    lag_s: float = 0.0
    crash_p: float = 0.0
    """At each point of the daemon where something was or will be written or sent."""

    crashes: tuple[float, ...] = ()
    """When the daemon dies, wherever it stands."""

    stops: tuple[float, ...] = ()
    outages: tuple[tuple[float, float], ...] = ()
    full_disk: tuple[tuple[float, float], ...] = ()
    clock_jumps: tuple[tuple[float, float], ...] = ()
    bad_scan_p: float = 0.0
    foreign_jobs: tuple[float, ...] = ()
    jobs_before: int = 0
    page_size: int = 100
    copies: tuple[float, ...] = ()
    """When somebody copies the state."""

    put_back_p: float = 0.0
    """After a crash the last copy is put back, and the daemon has to find that out."""

    is_looked_after: bool = False
    """Whether an operator says what came of held runs; else they stay held."""

    is_noticed: bool = True
    """Whether the daemon finds that out (A1)."""

    has_old_codes: bool = False
    has_incomplete: bool = True
    """Some manifests miss a parameter: Explorer answers with a 5xx, for ever."""

    edits: int = 0
    settings: dict[str, object] = field(default_factory=dict)


SETTLE_S = 60.0
TIMEOUT_S = 10.0


def fair() -> Weather:
    """Nothing goes wrong."""
    return Weather(lasts_s=300.0, has_incomplete=False, edits=60)


def drawn(dice: Random) -> Weather:
    """The weather of a seed."""
    lasts_s = dice.uniform(100, 400)
    latest_s = dice.choice((0.0, 0.3, 0.6, 0.9)) * SETTLE_S * dice.random()
    lag_s = dice.choice((0.0, 0.5, 1.0)) * dice.random() * (0.98 * SETTLE_S - latest_s)
    has_foreign_jobs = dice.random() < 0.4
    is_put_back = dice.random() < 0.15
    share = dice.choice((0.03, 0.1, 0.3, 0.6))
    return Weather(
        lasts_s=lasts_s,
        posts=fates_of(dice, POST_FATES, share),
        reads=fates_of(dice, READ_FATES, share * dice.choice((0, 0.5, 1))),
        latest_s=latest_s,
        lag_s=lag_s,
        crash_p=dice.choice((0.0, 0.005, 0.03)),
        crashes=moments(dice, lasts_s, (0, 0, 1, 3)),
        stops=moments(dice, lasts_s, (0, 0, 1, 2)),
        outages=spans(dice, lasts_s, (0, 0, 1, 2), 90),
        full_disk=spans(dice, lasts_s, (0, 0, 0, 1), 30),
        clock_jumps=tuple(
            (at_s, dice.choice((-7200, -600, -5, 5, 600, 7200)))
            for at_s in moments(dice, lasts_s, (0, 0, 0, 0, 2))
        ),
        bad_scan_p=dice.choice((0.0, 0.0, 0.2)),
        foreign_jobs=moments(dice, lasts_s, (3, 10)) if has_foreign_jobs else (),
        jobs_before=dice.choice((0, 1, 3, 12)) if dice.random() < 0.5 else 0,
        copies=moments(dice, lasts_s, (1, 3)) if is_put_back else (),
        put_back_p=dice.choice((0.2, 1.0)) if is_put_back else 0.0,
        page_size=dice.choice((2, 5, 100)),
        has_old_codes=dice.random() < 0.2,
        edits=dice.randint(8, 16),
        is_looked_after=dice.random() < 0.4,
        settings={"exclusive": Exclusive(is_every=not has_foreign_jobs and dice.random() < 0.7)},
    )


def moments(dice: Random, before_s: float, counts: Sequence[int]) -> tuple[float, ...]:
    return tuple(sorted(dice.uniform(0, before_s) for _ in range(dice.choice(counts))))


def spans(
    dice: Random, before_s: float, counts: Sequence[int], longest_s: float
) -> tuple[tuple[float, float], ...]:
    starts = moments(dice, before_s, counts)
    return tuple((start_s, min(before_s, start_s + dice.uniform(1, longest_s))) for start_s in starts)


def is_within(spans_s: Iterable[tuple[float, float]], now_s: float) -> bool:
    return any(start_s <= now_s < end_s for start_s, end_s in spans_s)
