"""When passes are made: on a hint that the tree changed, on the resync, and when a pass asks for another.

A hint only starts a pass early, and where it names files, that pass looks at no more than their directories;
the resync is what is relied on. It is due so long after the last pass that looked at everything, however many
others there were since. What a pass does is in `reconcile`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from reconciler.engine.reconcile import Emptied, PassResult, Planned, Reconciler
from reconciler.engine.status import LastPass, Status
from reconciler.engine.telemetry import Telemetry
from reconciler.errors import StateUnwritable
from reconciler.source.heard import ANYTHING, NOTHING, Heard
from reconciler.source.tree import Missing, PutOff
from reconciler.source.watch import TroubleReason, Watch

log = structlog.get_logger("reconciler.pass")

CONFIRM_S = 1.0
"""How long after a first absence the confirming pass starts."""

DEBOUNCE_S = 0.1
"""How long a file that is written in place must have been quiet before it is read."""

DEBOUNCE_CAP_S = 1.0
"""How long a pass waits for quiet at most: a file that is written all the time holds up nobody else."""

RETRY_S = 0.2
"""How long after a pass that was put off the next one starts; twice as long after each, up to RETRY_CAP_S."""

RETRY_CAP_S = 2.0

RESTS = 3
"""How many times as long as a plan took nothing is planned again by itself: there is more to do than that."""

LONGEST_REST_S = 0.5

STALE_S = 300.0
"""After this long of passes put off, a person is told what to do."""

TELL_AGAIN_S = 60.0
"""How long after that it is told again."""


@dataclass(slots=True)
class Passes:
    """Makes passes, one at a time, for as long as the daemon runs."""

    reconciler: Reconciler
    watch: Watch
    status: Status
    telemetry: Telemetry
    resync_s: float
    now_ms: Callable[[], int]
    now_s: Callable[[], float] = time.monotonic
    """A clock that only goes forward, for when to make a pass."""

    pending: bool = True
    """Whether a pass is due now, or under way, or was put off."""

    needs_confirmation: bool = False
    needs_replan: bool = False
    """Whether what was planned may be decided differently now, and was not yet."""

    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _onlookers: list[asyncio.Future[None]] = field(default_factory=list)
    """Who waits for the end of the next pass."""

    _is_replan_only: bool = True
    _heard: Heard = ANYTHING
    """What was heard of the tree and no pass that counts has looked at."""

    _looks_at_all_s: float = 0.0
    """When everything is to be looked at again."""

    _quiet_until_s: float = 0.0
    _rests_until_s: float = 0.0
    _noisy_since_s: float | None = None
    _put_offs: int = 0
    _put_off_since_s: float | None = None
    _tells_again_s: float = field(default_factory=lambda: STALE_S)

    def hint(self, heard: Heard = ANYTHING, *, is_in_place: bool) -> None:
        """The tree may have changed; a file written in place is given a moment to be finished."""
        self._heard |= heard
        now_s = self.now_s()
        if is_in_place:
            self._noisy_since_s = self._noisy_since_s or now_s
            self._quiet_until_s = min(now_s + DEBOUNCE_S, self._noisy_since_s + DEBOUNCE_CAP_S)
        self.pending = True
        self._is_replan_only = False
        self._wake.set()

    async def look(self) -> None:
        """Make a pass now; returns when one that began after this call has ended, well or not."""
        ended = asyncio.get_running_loop().create_future()
        self._onlookers.append(ended)
        self.hint(is_in_place=False)
        await ended

    def replan(self) -> None:
        """What was planned may be decided differently now; the tree need not be looked at."""
        self.needs_replan = True
        self._wake.set()

    async def run(self) -> None:
        """Pass after pass."""
        next_s = 0.0
        while True:
            began_s = self.now_s()
            if self._is_replan_only and began_s < next_s:
                next_s = min(next_s, self.now_s() + await self._replan())
                took_s = self.now_s() - began_s
                self._rests_until_s = self.now_s() + min(RESTS * took_s, LONGEST_REST_S)
            else:
                next_s = self.now_s() + await self._pass()
            self.needs_replan = self._wake.is_set()  # it may have been asked for meanwhile
            await self._sleep_until(next_s)

    async def _pass(self) -> float:
        """One pass; gives the seconds until the next is due by itself."""
        onlookers, self._onlookers = self._onlookers, []
        try:
            return await self._look_once()
        finally:
            for ended in onlookers:
                if not ended.done():
                    ended.set_result(None)

    async def _look_once(self) -> float:
        self._is_replan_only = True
        self._wake.clear()
        self.status.pass_began_s = self.now_s()
        heard = self._take_heard()
        if not heard.paths and await self._is_watch_in_doubt():
            heard = ANYTHING
        try:
            result = await self.reconciler.reconcile(heard)
        except StateUnwritable as error:
            self._heard |= heard
            log.error("a pass could not be recorded; nothing new is sent", why=str(error))
            self.status.outcome = f"not recorded: {error}"
            self.status.unrecorded = str(error)
            return CONFIRM_S
        self.status.unrecorded = ""
        if not isinstance(result, Planned):
            self._heard |= heard
        return self._follows(result, is_narrow=bool(heard.paths))

    def _take_heard(self) -> Heard:
        """What the pass that begins now has to look at; more may be heard while it lasts."""
        heard, self._heard = self._heard, NOTHING
        is_all_due = self.now_s() >= self._looks_at_all_s
        # The pass that confirms an absence looks at the tree, also where nothing was heard of a change.
        return ANYTHING if is_all_due and (heard.paths or self.needs_confirmation) else heard

    async def _is_watch_in_doubt(self) -> bool:
        """Whether something may have gone unheard.

        A watcher that became deaf is built anew, before the scan: what it missed the scan sees. It is not
        asked before a scan that looks at some files only, which would see nothing of that.
        """
        troubles = await asyncio.to_thread(self.watch.check)
        for trouble in troubles:
            self.telemetry.watch_restart()
            tell = log.info if trouble.reason is TroubleReason.SWAPPED else log.warning
            tell("watcher built anew", reason=str(trouble.reason), detail=trouble.detail)
        return bool(troubles) or self.watch.without is not None

    async def _replan(self) -> float:
        """A new plan on the last look at the tree; gives the most seconds until the next pass."""
        self._wake.clear()
        try:
            await self.reconciler.replan()
        except StateUnwritable as error:
            log.error("a plan could not be recorded; nothing new is sent", why=str(error))
            return CONFIRM_S
        return self.resync_s

    def _follows(self, result: PassResult, *, is_narrow: bool) -> float:
        """What a pass's result means for the next one, and for whoever asks how the daemon is."""
        match result:
            case PutOff(reason=reason, detail=detail):
                return self._put_off(str(reason), detail)
            case Planned():
                self._planned(result)
                wait_s = min(CONFIRM_S, self.resync_s) if result.needs_confirmation else self.resync_s
                return self._looks_at_all_in(wait_s, is_narrow=is_narrow)
            case Missing(detail=detail):
                self._notice(f"the jobs directory cannot be read, so nothing is deleted or changed: {detail}")
            case Emptied(known=known):
                self._notice(
                    f"the jobs directory holds no manifest, and held {known} before: none of them is taken"
                    " for deleted. If that is meant, leave one manifest in it (a suspended one will do)"
                )
        self.pending = not self._is_replan_only  # a hint may have come meanwhile
        self.needs_confirmation = False
        self._put_off_since_s = None
        return self._looks_at_all_in(self.resync_s, is_narrow=is_narrow)

    def _planned(self, result: Planned) -> None:
        self.pending = not self._is_replan_only  # a hint may have come meanwhile
        self.status.is_planned = True
        self.status.last_pass = LastPass(self.reconciler.revision, self.now_ms())
        self.status.outcome = "planned"
        self.status.source_trouble = ""
        self._put_offs, self._put_off_since_s, self._tells_again_s = 0, None, STALE_S
        self.needs_confirmation = result.needs_confirmation

    def _looks_at_all_in(self, wait_s: float, *, is_narrow: bool) -> float:
        """Set when everything is looked at again; a pass that asked for less puts that off for nobody."""
        now_s = self.now_s()
        due_s = now_s + wait_s
        self._looks_at_all_s = min(self._looks_at_all_s, due_s) if is_narrow else due_s
        return max(0.0, self._looks_at_all_s - now_s)

    def put_off_s(self) -> float:
        """For how long passes have been put off, one after the other."""
        return 0.0 if self._put_off_since_s is None else self.now_s() - self._put_off_since_s

    def _put_off(self, reason: str, detail: str) -> float:
        self.telemetry.pass_put_off(reason)
        self.status.outcome = f"put off: {detail}"
        self._put_offs += 1
        self._put_off_since_s = self._put_off_since_s or self.now_s()
        if self.put_off_s() > self._tells_again_s:
            self._tells_again_s = self.put_off_s() + TELL_AGAIN_S
            self._notice(
                f"no pass has counted for {self.put_off_s():.0f} s: {detail}. If no git command"
                " runs there, remove the lock that it left behind"
            )
        return min(RETRY_CAP_S, RETRY_S * 2.0 ** min(self._put_offs - 1, 10))

    def _notice(self, text: str) -> None:
        """Tell it after every pass, until it is over."""
        self.status.outcome = text
        self.status.source_trouble = text
        log.error("the source is not well", why=text)

    async def _sleep_until(self, next_s: float) -> None:
        """Until the next pass is due, something wakes us, or a planned wait ends."""
        timeout_s = next_s - self.now_s()
        look_ms = self.reconciler.next_look_ms()
        if look_ms is not None:
            timeout_s = min(timeout_s, (look_ms - self.now_ms()) / 1000)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, timeout_s)):
                await self._wake.wait()
        while (quiet_s := max(self._quiet_until_s, self._rests_until_s) - self.now_s()) > 0:  # noqa: ASYNC110 - it may move
            await asyncio.sleep(quiet_s)
        self._noisy_since_s = None
