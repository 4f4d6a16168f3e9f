"""The variants: the protocol as designed, each assumption broken, each rule left out; and what each comes to.

A rule is left out where it matters: in a place with the surprises, the policy and the operator that need it.
The protocol with all its rules is safe in each of these places: what breaks is the missing rule's doing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from reconciler.core.model import OnUnknown
from tests.model.promises import Outcome
from tests.model.rules import (
    AUTO,
    HELD_ONLY,
    RESUBMIT,
    Assumption,
    Left,
    Operator,
    Rule,
    Setting,
)

SAFE, DUPLICATE, LOST, WRONG = Outcome.SAFE, Outcome.DUPLICATE, Outcome.LOST, Outcome.WRONG_ADOPTION
A1, A2, A3, A4, A5, A6, A7, A8 = Assumption


@dataclass(frozen=True, slots=True)
class Variant:
    """One question to the model, and the answer that is expected."""

    name: str
    setting: Setting
    expected: Outcome

    def __str__(self) -> str:
        return self.name


R = Rule

HOLD = Setting(HELD_ONLY)
AUTOMATIC = Setting(AUTO)
EXCLUSIVE = Setting(AUTO, is_exclusive=True, old_jobs=1)
TWICE = Setting(RESUBMIT)


def broken(setting: Setting, *assumptions: Assumption) -> Setting:
    return replace(setting, broken=setting.broken | set(assumptions))


def without(setting: Setting, *rules: Rule) -> Setting:
    return replace(setting, without=setting.without | set(rules))


def with_left(setting: Setting, *, crashes: int = 1, **more: int) -> Setting:
    """The place with these surprises and no others."""
    return replace(setting, left=Left(crashes=crashes, **more))


def restored(setting: Setting, **more: int) -> Setting:
    """A copy of the state is put back some time."""
    return with_left(setting, copies=1, **more)


BESIDE_HOLD = replace(EXCLUSIVE, policies=(OnUnknown.AUTO, OnUnknown.HOLD))
BESIDE_RESUBMIT = replace(EXCLUSIVE, policies=(OnUnknown.AUTO, OnUnknown.RESUBMIT), operator=Operator.NOBODY)
HOLD_AND_OTHERS = with_left(HOLD, crashes=0, foreign=1)
AUTOMATIC_AND_OTHERS = with_left(AUTOMATIC, crashes=0, foreign=1)
HOLD_STALE = with_left(replace(HOLD, old_jobs=1), crashes=0, stale=1)
EXCLUSIVE_STALE = with_left(EXCLUSIVE, crashes=0, stale=1)
HOLD_DAMAGED = with_left(HOLD, damages=1)
AUTOMATIC_INCOMPLETE = with_left(AUTOMATIC, crashes=0, incomplete=1)
COMES_AND_GOES = with_left(HOLD, crashes=0, vanishings=1, returns=1)
AUTOMATIC_GOES = with_left(AUTOMATIC, crashes=0, vanishings=1)
SEEN_FOREIGN = with_left(
    replace(AUTOMATIC, is_exclusive=True, foreign_is_seen_first=True), crashes=0, foreign=2
)
MISTYPED = replace(HOLD, operator=Operator.MISTYPES)
BY_CANDIDATES = replace(HOLD, operator=Operator.GOES_BY_CANDIDATES)
TWO_DAEMONS = with_left(replace(HOLD, daemons=2, operator=Operator.NOBODY), crashes=0)
IN_VAIN = with_left(replace(AUTOMATIC, retries_are_in_vain=True), crashes=0)
BARELY_SETTLED = without(IN_VAIN, R.SETTLE_FROM_NOW)

DESIGNED = (
    Variant("hold, as designed", HOLD, SAFE),
    Variant("hold, and two crashes", with_left(HOLD, crashes=2), SAFE),
    Variant("auto, as designed", AUTOMATIC, SAFE),
    Variant("auto, and two crashes", with_left(AUTOMATIC, crashes=2), SAFE),
    Variant("auto and exclusive, as designed", EXCLUSIVE, SAFE),
    Variant("auto and exclusive, and two crashes", with_left(EXCLUSIVE, crashes=2), SAFE),
    Variant("resubmit, for its weaker promise", TWICE, SAFE),
    Variant("resubmit, held to one job", replace(TWICE, may_run_twice=False), DUPLICATE),
    Variant("auto and exclusive beside hold", BESIDE_HOLD, SAFE),
    Variant("auto and exclusive beside resubmit", BESIDE_RESUBMIT, SAFE),
    Variant("hold, and others make jobs", HOLD_AND_OTHERS, SAFE),
    Variant("auto, and others make jobs", AUTOMATIC_AND_OTHERS, SAFE),
    Variant("auto, and the server is busy once", with_left(AUTOMATIC, busy=1), SAFE),
    Variant("auto, and a manifest comes and goes", with_left(AUTOMATIC, vanishings=1, returns=1), SAFE),
    Variant("auto, and a manifest goes", AUTOMATIC_GOES, SAFE),
    Variant("hold, and a manifest comes and goes", COMES_AND_GOES, SAFE),
    Variant("hold, and a copy of the state is put back", restored(HOLD), SAFE),
    Variant("auto, and a copy of the state is put back", restored(AUTOMATIC), SAFE),
    Variant("auto and exclusive, and a copy is put back", restored(EXCLUSIVE), SAFE),
    Variant("hold, and a row is damaged", HOLD_DAMAGED, SAFE),
    Variant("hold, and a cache gives an old answer", HOLD_STALE, SAFE),
    Variant("auto and exclusive, and a cache gives an old answer", EXCLUSIVE_STALE, SAFE),
    Variant("auto, and one listing of two misses a job", AUTOMATIC_INCOMPLETE, SAFE),
    Variant("auto, and retries are in vain", IN_VAIN, SAFE),
    Variant("hold, and a second daemon starts", TWO_DAEMONS, SAFE),
    Variant("hold, and the operator mistypes", MISTYPED, SAFE),
    Variant("hold, and the operator goes by the candidates", BY_CANDIDATES, SAFE),
    Variant("hold, and the operator errs", replace(HOLD, operator=Operator.ERRS), WRONG),
)

ASSUMPTIONS = (
    Variant("hold without A1: rolled back unnoticed", broken(restored(HOLD), A1), DUPLICATE),
    Variant("hold without A2: a POST is replayed", broken(with_left(HOLD, replays=1), A2), DUPLICATE),
    Variant("hold without A3: a 4xx that made a job", broken(HOLD, A3), LOST),
    Variant("hold without A3: a 429 that made a job", broken(with_left(HOLD, busy=1), A3), DUPLICATE),
    Variant(
        "hold without A4: two writers",
        without(replace(TWO_DAEMONS, operator=Operator.KNOWS), R.LOCK),
        DUPLICATE,
    ),
    Variant("hold without A5: later than the settle time", broken(HOLD, A5), SAFE),
    Variant("hold without A6: jobs are deleted", broken(with_left(HOLD, deletions=1), A6), SAFE),
    Variant("hold without A6: listings are incomplete", broken(with_left(HOLD, incomplete=2), A6), SAFE),
    Variant("hold without A7: IDs do not grow", broken(HOLD, A7), SAFE),
    Variant(
        "hold without A8: exclusive is not true",
        broken(replace(HOLD_AND_OTHERS, is_exclusive=True), A8),
        SAFE,
    ),
    Variant("hold without A5, A6 and A7", broken(with_left(HOLD, crashes=0, deletions=1), A5, A6, A7), SAFE),
    Variant("hold without A5, and a copy is put back", broken(restored(HOLD), A5), DUPLICATE),
    Variant("hold without A6, and a copy is put back", broken(restored(HOLD, deletions=1), A6), DUPLICATE),
    Variant("hold without A7, and a copy is put back", broken(restored(HOLD), A7), DUPLICATE),
    Variant("hold without A5, and the operator goes by the candidates", broken(BY_CANDIDATES, A5), DUPLICATE),
    Variant("auto without A5: later than the settle time", broken(AUTOMATIC, A5), DUPLICATE),
    Variant("auto without A6: jobs are deleted", broken(with_left(AUTOMATIC, deletions=1), A6), DUPLICATE),
    Variant(
        "auto without A6: listings are incomplete", broken(with_left(AUTOMATIC, incomplete=2), A6), DUPLICATE
    ),
    Variant("auto without A7: IDs do not grow", broken(AUTOMATIC, A7), DUPLICATE),
    Variant(
        "auto and exclusive without A8: exclusive is not true",
        broken(replace(AUTOMATIC_AND_OTHERS, is_exclusive=True), A8),
        WRONG,
    ),
    Variant("auto and exclusive without A8, seen in time", broken(SEEN_FOREIGN, A8), SAFE),
)


def left_out(place: Setting, expected: Outcome, *rules: Rule, where: str = "") -> Variant:
    words = " and ".join(rule.name.lower().replace("_", " ") for rule in rules)
    return Variant(f"without {words}{where and ', ' + where}", without(place, *rules), expected)


RULES = (
    left_out(HOLD_DAMAGED, DUPLICATE, R.CHECKSUMS),
    left_out(restored(HOLD), DUPLICATE, R.HIGH_WATER),
    left_out(restored(HOLD), DUPLICATE, R.QUARANTINE_LISTS),
    left_out(restored(HOLD), DUPLICATE, R.QUARANTINE_SETTLES),
    left_out(restored(EXCLUSIVE), WRONG, R.QUARANTINE_HOLDS),
    left_out(restored(HOLD), DUPLICATE, R.QUARANTINE_FIRST),
    left_out(HOLD, DUPLICATE, R.UNIQUE_KEYS),
    left_out(COMES_AND_GOES, DUPLICATE, R.ROWS_STAY),
    left_out(HOLD, DUPLICATE, R.INTENT_FIRST),
    left_out(TWO_DAEMONS, DUPLICATE, R.LOCK, R.ROW_COMPARED),
    left_out(EXCLUSIVE, WRONG, R.FIRST_LISTING),
    left_out(EXCLUSIVE, WRONG, R.BASELINE_FROM_LISTINGS),
    left_out(EXCLUSIVE, WRONG, R.BASELINE_BOUNDS),
    left_out(HOLD, DUPLICATE, R.TIME_OUT_IS_UNKNOWN),
    left_out(HOLD, DUPLICATE, R.SERVER_ERROR_IS_UNKNOWN),
    left_out(HOLD, LOST, R.SERVER_ERROR_IS_NO_REFUSAL),
    left_out(HOLD, DUPLICATE, R.PROXY_4XX_IS_UNKNOWN),
    left_out(HOLD_STALE, WRONG, R.ID_ABOVE_BASELINE),
    left_out(HOLD_STALE, WRONG, R.ID_ABOVE_ALL_SEEN),
    left_out(HOLD, LOST, R.OPEN_IS_LOOKED_FOR),
    left_out(HOLD, DUPLICATE, R.OPEN_IS_NOT_RESENT),
    left_out(AUTOMATIC, DUPLICATE, R.SETTLE),
    left_out(AUTOMATIC, DUPLICATE, R.SETTLE_FROM_NOW),
    left_out(AUTOMATIC_INCOMPLETE, DUPLICATE, R.SECOND_LISTING),
    left_out(AUTOMATIC_INCOMPLETE, DUPLICATE, R.UNION),
    left_out(EXCLUSIVE, WRONG, R.OWNED_IS_NO_CANDIDATE),
    left_out(AUTOMATIC, DUPLICATE, R.TIME_DISCARDS_NOTHING),
    left_out(AUTOMATIC_AND_OTHERS, WRONG, R.TIME_CONFIRMS_NOTHING),
    left_out(AUTOMATIC_AND_OTHERS, WRONG, R.EXCLUSIVE),
    left_out(BESIDE_HOLD, WRONG, R.ALONE, where="beside a held run"),
    left_out(AUTOMATIC, LOST, R.TRIES),
    left_out(broken(SEEN_FOREIGN, A8), WRONG, R.DISPROOF),
    left_out(BESIDE_RESUBMIT, WRONG, R.RESUBMIT_DISPROVES),
    left_out(AUTOMATIC_GOES, LOST, R.LOOK_BEFORE_SUPERSEDING),
    left_out(MISTYPED, WRONG, R.ADOPTION_IS_CHECKED),
)

SECOND_LINES = (
    # the row is compared, so with `hold` two writers harm only where somebody resolves what one of them sends
    left_out(TWO_DAEMONS, SAFE, R.LOCK),
    # two POSTs at once only make more runs hold, if nobody adopts beside an open run and listings are whole
    left_out(AUTOMATIC, SAFE, R.ONE_POST, where="auto"),
    left_out(EXCLUSIVE, SAFE, R.ONE_POST, where="exclusive"),
    left_out(EXCLUSIVE, SAFE, R.ALONE, where="all runs alike"),
    left_out(EXCLUSIVE, WRONG, R.ONE_POST, R.ALONE),
    left_out(AUTOMATIC, SAFE, R.DOWN_TO_BASELINE),
    left_out(AUTOMATIC, DUPLICATE, R.ONE_POST, R.DOWN_TO_BASELINE),
    # what a first try made is seen before there is a second: the first baseline helps where that fails
    left_out(AUTOMATIC, SAFE, R.FIRST_BASELINE, where="settled well"),
    left_out(BARELY_SETTLED, LOST, R.FIRST_BASELINE, where="barely settled"),
    # a job that a receipt names is owned; and what was seen is owned, or in the baseline
    left_out(EXCLUSIVE_STALE, SAFE, R.BASELINE_FROM_RECEIPTS),
    left_out(EXCLUSIVE_STALE, SAFE, R.ID_UNOWNED),
    left_out(EXCLUSIVE_STALE, WRONG, R.BASELINE_FROM_RECEIPTS, R.ID_UNOWNED),
    left_out(EXCLUSIVE_STALE, WRONG, R.ID_ABOVE_ALL_SEEN, R.ID_UNOWNED),
    # two candidates need a job that is not ours, and then one candidate may be it as well
    left_out(EXCLUSIVE, SAFE, R.SEVERAL_HOLD),
    # a late answer is read for the next one only if it is later than the settle time
    left_out(HOLD, SAFE, R.FRESH_CONNECTION, where="nothing late"),
    left_out(broken(HOLD, A5), WRONG, R.FRESH_CONNECTION, where="late answers"),
)
"""Rules that guard the same thing: one left out alone is safe here, two together are not."""

VARIANTS = (*DESIGNED, *ASSUMPTIONS, *RULES, *SECOND_LINES)
