"""A server that does whatever it likes, request by request; what it remembers of jobs stays true."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field

from tests.crash.faults import BAD_GATEWAY, BROKEN, CUT, FAULTS, HALF, LATE_S, Fault, FaultyExplorer
from tests.crash.labels import Gives
from tests.walk.other_explorer import HTML, Answer, refusal

HANG_S = 1.5
"""How long a request hangs, longer than the daemon's time-out."""

WRONG_CLOCK_S = -7200.0
"""The server's clock is two hours behind ours: its times say nothing."""

DROPPED = Fault("dropped before it was read", Gives.NOTHING, is_made="never", answer=CUT)
HTML_INSTEAD = Fault("HTML, not made", Gives.REPLY, is_made="never", answer=HTML)
SUBMISSIONS = tuple(one for one in FAULTS if one.name not in ("none", "listing lags", "pages of three"))


@dataclass
class ChaoticExplorer(FaultyExplorer):
    """One request in `one_in` goes wrong, until `is_calm`; listings always lag, in pages of at most 7."""

    seed: int = 0
    one_in: int = 3
    has_strangers: bool = True
    is_calm: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._chance = random.Random(self.seed)
        self.pick = self._pick
        self.instead_of_reading = self._reading
        self.instead_of_login = self._login
        self.lag_s = LATE_S

    def page_size(self, workflow: str | None, asked: int) -> int:
        return min(asked, 7)

    def shown(self, job):  # type: ignore[no-untyped-def]
        item = super().shown(job)
        for key in ("createTime", "runBeginTime", "runEndTime"):
            item[key] = max(0, item[key] + int(WRONG_CLOCK_S * 1000)) if item[key] else 0
        return item

    def _goes_wrong(self) -> bool:
        return not self.is_calm.is_set() and self._chance.randrange(self.one_in) == 0

    def _pick(self, _workflow: str, _number: int) -> Fault | None:
        if not self._goes_wrong():
            return None
        possible = [
            one for one in (*SUBMISSIONS, DROPPED, HTML_INSTEAD) if self.has_strangers or not one.strangers
        ]
        return self._chance.choice(possible)

    def _reading(self, _path: str, _cookie: str) -> Answer | None:
        return self._anything() if self._goes_wrong() else None

    def _login(self, _authorization: str) -> Answer | None:
        return self._anything() if self._goes_wrong() else None

    def _anything(self) -> Answer:
        answer = self._chance.choice([CUT, BROKEN, BAD_GATEWAY, HALF, HTML, refusal(40104001), None])
        if answer is None:
            self.is_calm.wait(HANG_S)
            return CUT
        return answer
