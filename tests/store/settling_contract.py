"""What a store promises of runs whose outcome nobody knows, and of a restored state: part of the contract."""

from __future__ import annotations

from typing import Any

from reconciler.core.model import (
    Accepted,
    Held,
    Job,
    JobId,
    JobStatus,
    Name,
    OnUnknown,
    Rejected,
    RunKey,
    Superseded,
    Unknown,
    Waiting,
)
from reconciler.core.outcome import Created, NotCreated, SessionLost, Throttled, Unclear
from reconciler.core.sighting import Presence
from reconciler.store.port import Refusal, Store, Terms
from tests.store.contract import KEY, TRACE, WORKFLOW, A, claim, claimed, sighting, submitted

SETTLE_MS = 60_000
SHARED = Terms(SETTLE_MS, is_exclusive=False, chance=0.5)
EXCLUSIVE = Terms(SETTLE_MS, is_exclusive=True, chance=0.5)
B = RunKey(Name("b"), 1, 1)


def job(number: int, name: str = "nightly") -> Job:
    return Job(JobId(number), WORKFLOW, name, JobStatus.RUNNING, 5, None, None)


async def latest(store: Store, name: str = "a") -> Any:
    return (await store.world([Name(name)], [])).names[Name(name)].latest


async def unknown(store: Store, *names: str, highest: int = 0) -> None:
    """Runs of these names whose outcome is unknown."""
    await claimed(store, *names, highest=highest)
    for name in names:
        await submitted(store, Unclear("reset"), name)


async def held(store: Store, *candidates: int, name: str = "a") -> None:
    """A run that was looked for twice and is held with these candidates."""
    await unknown(store, name)
    for _ in range(2):
        await store.looked(RunKey(Name(name), 1, 1), [job(it) for it in (*candidates, 90)], SHARED, 50)


class SettlingContract:
    """Mixed into a class with the fixture `stored` of `StoreContract`."""

    def test_what_was_under_way_at_the_end_is_looked_for_from_the_next_start_on(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "a")
            begun = await store.begin(KEY, TRACE, 20)
            assert begun is not None
            [run] = await store.take_up_open_runs("the daemon ended", 1_000, SETTLE_MS)
            assert run.state == Unknown(begun.intent, "the daemon ended", 61_000)
            assert (await latest(store)).state == run.state

        stored(scenario)

    def test_looks_of_an_earlier_daemon_count_no_longer_and_what_they_saw_does(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await unknown(store, "a")
            await store.looked(KEY, [job(7)], SHARED, 50)
            [run] = await store.take_up_open_runs("the daemon ended", 1_000, SETTLE_MS)
            assert isinstance(run.state, Unknown)
            assert (run.state.looks, run.state.look_ms, run.state.candidates) == (0, 61_000, (7,))
            assert run.state.why == "reset"

        stored(scenario)

    def test_no_candidate_after_two_looks_means_that_it_is_sent_again(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await unknown(store, "a", highest=5)
            once = await store.looked(KEY, [job(5)], SHARED, 50)
            assert isinstance(once, Unknown)
            assert once.looks == 1
            assert isinstance(await store.looked(KEY, [job(5)], SHARED, 60), Waiting)
            again = await store.begin(KEY, TRACE, 70)
            assert again is not None
            assert (again.intent.number, again.intent.try_number, again.intent.baseline) == (2, 2, 5)

        stored(scenario)

    def test_a_retry_keeps_its_first_baseline_and_notes_the_highest_job_of_its_own_time(
        self, stored: Any
    ) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "a", highest=5)
            await submitted(store, NotCreated(Throttled(0.0)))
            await store.jobs_seen(WORKFLOW, JobId(8))
            again = await store.begin(KEY, TRACE, 40)
            assert again is not None
            assert (again.intent.baseline, again.intent.highest) == (5, 8)

        stored(scenario)

    def test_one_candidate_in_an_exclusive_workflow_is_adopted(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await unknown(store, "a")
            await store.looked(KEY, [], EXCLUSIVE, 50)
            state = await store.looked(KEY, [job(7)], EXCLUSIVE, 60)
            assert state == Accepted(JobId(7), JobStatus.PREPARING, 60)
            assert [event.event for event in await store.history(A)][-1] == "Adopted"
            assert (await store.world([], [WORKFLOW])).workflows[WORKFLOW].highest == 7

        stored(scenario)

    def test_one_candidate_elsewhere_holds_the_run_with_what_explorer_tells_of_it(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await held(store, 7)
            item = await store.item(A)
            assert (item.state, item.candidates) == ("Held", ("7", "90"))
            [run] = await store.held_runs()
            assert run.key == KEY

        stored(scenario)

    def test_a_candidate_beside_an_open_run_is_not_adopted(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await unknown(store, "a", "b")
            await store.looked(KEY, [job(7)], EXCLUSIVE, 50)
            assert isinstance(await store.looked(KEY, [job(7)], EXCLUSIVE, 60), Held)

        stored(scenario)

    def test_a_resubmission_past_a_candidate_ends_exclusivity(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "a", "b")
            await store.observe([sighting("a", on_unknown=OnUnknown.RESUBMIT)], [], [], 11)
            await submitted(store, Unclear("reset"), "a")
            for _ in range(2):
                state = await store.looked(KEY, [job(7)], EXCLUSIVE, 50)
            assert isinstance(state, Waiting)
            await submitted(store, Unclear("reset"), "b")
            for _ in range(2):
                state = await store.looked(B, [job(7), job(9)], EXCLUSIVE, 60)
            assert isinstance(state, Held)
            assert state.candidates == (9,)

        stored(scenario)

    def test_a_job_that_is_no_run_of_anothers_is_not_adopted_however_high_its_number(
        self, stored: Any
    ) -> None:
        async def scenario(store: Store) -> None:
            await held(store, 7)
            refused = await store.adopt(KEY, JobId(10**20), None, 60)
            assert refused == Refusal(f"job {10**20} is not a candidate for {KEY}; candidates: 7, 90")

        stored(scenario)

    def test_denying_a_candidate_that_another_run_has_by_now_ends_no_exclusivity(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await unknown(store, "a", "b")
            for key in (KEY, B, KEY, B):
                await store.looked(key, [job(7)], SHARED, 50)
            assert isinstance(await store.adopt(KEY, JobId(7), None, 60), Accepted)
            assert isinstance(await store.deny(B, 70), Waiting)
            await unknown(store, "c")
            for _ in range(2):
                state = await store.looked(RunKey(Name("c"), 1, 1), [job(7), job(92)], EXCLUSIVE, 80)
            assert isinstance(state, Accepted)

        stored(scenario)

    def test_what_made_no_job_for_certain_counts_for_no_try(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "a")
            refusals = [NotCreated(SessionLost(40104001, "gone"))] * 6
            dropped, coded = Unclear("reset"), Unclear("HTTP 500", 50004001)
            ends = []
            for receipt in [*refusals, dropped, coded, coded]:
                await submitted(store, receipt, "a")
                if isinstance(receipt, Unclear):
                    ends += [await store.looked(KEY, [], SHARED, 50) for _ in range(2)][1:]
            assert [type(end) for end in ends] == [Waiting, Waiting, Rejected]
            assert ends[-1] == Rejected(50004001, "answered so 2 times, and no job was made")

        stored(scenario)

    def test_a_run_found_not_created_that_nobody_wants_any_more_is_superseded(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await unknown(store, "a")
            await store.observe([sighting("a", presence=Presence.SUSPENDED)], [], [], 40)
            for _ in range(2):
                state = await store.looked(KEY, [], SHARED, 50)
            assert isinstance(state, Superseded)

        stored(scenario)

    def test_a_run_found_not_created_waits_while_its_manifest_is_invalid(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await unknown(store, "a")
            await store.observe([sighting("a", presence=Presence.INVALID)], [], [], 40)
            for _ in range(2):
                state = await store.looked(KEY, [], SHARED, 50)
            assert isinstance(state, Waiting)

        stored(scenario)

    def test_a_newer_generation_supersedes_a_run_found_not_created(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await unknown(store, "a")
            await store.observe([sighting(asks="two")], [claim(asks="two", generation=2)], [], 40)
            for _ in range(2):
                state = await store.looked(KEY, [], SHARED, 50)
            assert isinstance(state, Superseded)

        stored(scenario)

    def test_a_run_that_is_not_unknown_is_not_looked_for(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "a")
            assert await store.looked(KEY, [job(7)], SHARED, 50) is None
            assert await store.stop_looking(KEY, "gone", 50) is None
            assert isinstance((await latest(store)).state, Waiting)

        stored(scenario)

    def test_what_no_listing_can_settle_is_held(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await unknown(store, "a")
            state = await store.stop_looking(KEY, "the workflow is gone", 50)
            assert isinstance(state, Held)
            assert state.why == "the workflow is gone"

        stored(scenario)

    def test_a_job_that_turns_up_late_becomes_a_candidate_of_what_is_held(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await held(store, 7)
            await store.see_candidates(WORKFLOW, [job(7), job(91)], 70)
            assert (await store.item(A)).candidates == ("7", "90", "91")

        stored(scenario)

    def test_an_operator_gives_a_held_run_one_of_its_candidates(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await held(store, 7, 8)
            refused = await store.adopt(KEY, JobId(70), None, 80)
            assert isinstance(refused, Refusal)
            assert "7, 8, 90" in refused.why
            assert isinstance(await store.adopt(KEY, JobId(8), None, 80), Accepted)
            assert (await store.item(A)).job_id == "8"
            assert isinstance(await store.adopt(KEY, JobId(7), None, 81), Refusal)

        stored(scenario)

    def test_nobodys_word_takes_a_job_from_the_run_that_has_it(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "b")
            await submitted(store, Created(JobId(6)), "b")
            await held(store, 7)
            refused = await store.adopt(KEY, JobId(6), None, 80)
            assert isinstance(refused, Refusal)
            assert "b#1.1" in refused.why

        stored(scenario)

    def test_an_operator_says_that_no_job_was_made(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await held(store, 7)
            assert isinstance(await store.deny(KEY, 80), Waiting)
            assert isinstance(await store.deny(KEY, 81), Refusal)
            await store.begin(KEY, TRACE, 90)
            await store.take_up_open_runs("the daemon ended", 100, SETTLE_MS)
            for _ in range(2):
                state = await store.looked(KEY, [job(7)], EXCLUSIVE, 110)
            assert isinstance(state, Held), "a job that is somebody else's disproves exclusivity"

        stored(scenario)

    def test_a_job_of_nobodys_in_a_quiet_listing_disproves_exclusivity(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "a", "b", highest=5)
            await submitted(store, Created(JobId(9)), "a")
            listed = [JobId(5), JobId(9), JobId(11)]
            assert await store.foreign_among(WORKFLOW, listed[:2]) == ()
            assert await store.foreign_among(WORKFLOW, listed) == (11,)
            begun = await store.begin(B, TRACE, 20)
            assert begun is not None
            assert await store.disprove_exclusive(WORKFLOW, listed, 21) == (), (
                "it may be that of the open run"
            )
            await store.record(begun, NotCreated(Throttled(0.0)), 22, 0.5, SETTLE_MS)
            assert await store.disprove_exclusive(WORKFLOW, listed, 26) == (11,)
            assert await store.disprove_exclusive(WORKFLOW, listed, 27) == (), "it is known already"

        stored(scenario)
