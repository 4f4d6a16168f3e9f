"""What can be left out of the protocol, what can be untrue of the world, and who resolves what is held.

Each rule is one sentence of the submission protocol (docs/exactly-once.md); a variant of the model leaves out
some, or breaks some assumptions. What a rule does is in `daemon`, what an assumption forbids in `outside`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import NamedTuple

from reconciler.core.model import OnUnknown
from reconciler.core.settle import Limits


class Rule(StrEnum):
    """A rule of the protocol. The text is what is lost when it is left out."""

    # step 1
    LOCK = "a second daemon on the same state ends at once"
    CHECKSUMS = "a damaged row stops the daemon before it sends anything"
    HIGH_WATER = "a state older than its high-water file starts in quarantine"
    QUARANTINE_LISTS = "in quarantine, the workflow is listed, and a job above the highest known holds it"
    QUARANTINE_SETTLES = "in quarantine, the settle time passes before that listing"
    QUARANTINE_HOLDS = "in quarantine, open intents are held, not judged"
    QUARANTINE_FIRST = "in quarantine, no other listing raises the highest known job"
    # step 2
    ONE_POST = "one unfinished POST per workflow"
    UNIQUE_KEYS = "a run that has a row is not claimed again"
    ROWS_STAY = "rows stay when a manifest vanishes"
    # step 3
    INTENT_FIRST = "the intent is on disk before any byte is sent"
    ROW_COMPARED = "the intent's transaction compares the row's state"
    FIRST_LISTING = "a workflow is listed before its first intent"
    FIRST_BASELINE = "a retry keeps the first baseline"
    BASELINE_FROM_RECEIPTS = "receipts raise the baseline"
    BASELINE_FROM_LISTINGS = "listings raise the baseline"
    # step 4
    FRESH_CONNECTION = "every request has a connection of its own"
    # step 5
    ID_ABOVE_BASELINE = "an ID that is not above the baseline is no receipt"
    ID_ABOVE_ALL_SEEN = (
        "an ID that was seen before this try is no receipt, though it is above the first baseline"
    )
    ID_UNOWNED = "an ID that another run owns is no receipt"
    TIME_OUT_IS_UNKNOWN = "a time-out is unknown, not a failure"
    SERVER_ERROR_IS_UNKNOWN = "a 5xx is unknown, not a failure"
    SERVER_ERROR_IS_NO_REFUSAL = "a 5xx is unknown, not a refusal"
    PROXY_4XX_IS_UNKNOWN = "a 4xx without Explorer's code is unknown, not a failure"
    # step 6
    OPEN_IS_LOOKED_FOR = "an intent found open at start is looked for"
    OPEN_IS_NOT_RESENT = "an intent found open at start is not sent again at once"
    SETTLE = "the settle time passes before the listings"
    SETTLE_FROM_NOW = "the settle time counts from now, not from the intent's own time"
    SECOND_LISTING = "the workflow is listed twice"
    UNION = "the union of both listings is judged"
    DOWN_TO_BASELINE = "the listing goes down to the baseline, not one page far"
    OWNED_IS_NO_CANDIDATE = "a job that a run owns is no candidate"
    BASELINE_BOUNDS = "a job at or below the baseline is no candidate"
    TIME_DISCARDS_NOTHING = "times discard no candidate"
    TIME_CONFIRMS_NOTHING = "times confirm no candidate"
    # step 7
    ALONE = "adopt only if no other run is open or held"
    EXCLUSIVE = "adopt only if the workflow was declared exclusive"
    SEVERAL_HOLD = "several candidates hold the run"
    TRIES = "the tries are counted, and end"
    DISPROOF = "a job that no run owns, seen in a quiet listing, disproves exclusivity"
    RESUBMIT_DISPROVES = "a resubmission past a candidate ends exclusivity"
    LOOK_BEFORE_SUPERSEDING = "an unknown run is looked for, though its manifest is gone"
    # step 8
    ADOPTION_IS_CHECKED = "`resolve --adopt` takes only a candidate that nobody owns"


class Assumption(StrEnum):
    """What the promise rests on."""

    A1 = "the state is not rolled back unnoticed"
    A2 = "nobody replays a POST"
    A3 = "a 4xx with a code created nothing"
    A4 = "one writer"
    A5 = "the settle time exceeds the latest arrival and the listing's lag"
    A6 = "jobs are not deleted meanwhile, listings are complete"
    A7 = "IDs grow"
    A8 = "exclusive is true"


class Operator(Enum):
    """Who resolves a held run, and by what."""

    NOBODY = auto()
    KNOWS = auto()  # goes by what the server and the network really did
    GOES_BY_CANDIDATES = auto()  # no candidate listed: says not created; else adopts the run's own
    ERRS = auto()  # may say anything that `resolve` takes
    MISTYPES = auto()  # types the ID of a job that is no candidate


class Left(NamedTuple):
    """How many more of each of the world's surprises may come: what keeps the model finite."""

    crashes: int = 1
    foreign: int = 0  # jobs that others make in the same workflow
    busy: int = 0  # answers of 429, which create nothing
    stale: int = 0  # answers that a cache kept from earlier
    deletions: int = 0
    incomplete: int = 0  # listings that leave out one job
    replays: int = 0  # by a proxy that may not
    copies: int = 0  # of the state, each of which may be put back
    damages: int = 0  # of a row
    vanishings: int = 0  # of a manifest
    returns: int = 0


ONE_CRASH = Left()
TWO_TRIES = Limits(tries=2, tries_after_code=2)
HELD_ONLY = (OnUnknown.HOLD, OnUnknown.HOLD)
AUTO = (OnUnknown.AUTO, OnUnknown.AUTO)
RESUBMIT = (OnUnknown.RESUBMIT, OnUnknown.RESUBMIT)


@dataclass(frozen=True, slots=True)
class Setting:
    """What does not change while a variant is explored.

    `policies` has the `onUnknown` of each run, `old_jobs` the number of jobs that others made in the workflow
    long before. `foreign_is_seen_first`: the first foreign job shows up in a quiet listing at once.
    `retries_are_in_vain`: what is sent again makes nothing, and gets a 5xx.
    `may_run_twice`: whether a run with `resubmit` is held to the weaker promise that it asks for.
    """

    policies: tuple[OnUnknown, ...]
    is_exclusive: bool = False
    operator: Operator = Operator.KNOWS
    left: Left = ONE_CRASH
    old_jobs: int = 0
    foreign_is_seen_first: bool = False
    may_run_twice: bool = True
    retries_are_in_vain: bool = False
    daemons: int = 1
    limits: Limits = TWO_TRIES
    without: frozenset[Rule] = frozenset()
    broken: frozenset[Assumption] = frozenset()

    def keeps(self, rule: Rule) -> bool:
        return rule not in self.without

    def holds(self, assumption: Assumption) -> bool:
        return assumption not in self.broken
