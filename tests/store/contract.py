"""What every implementation of the store's port must do. Subclass `StoreContract` and say how to open one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.model import (
    Accepted,
    Baselined,
    Held,
    JobId,
    JobStatus,
    Name,
    OnUnknown,
    Policies,
    Rejected,
    RunKey,
    State,
    Superseded,
    Unknown,
    Waiting,
    WorkflowId,
)
from reconciler.core.outcome import Created, NotCreated, Receipt, Refused, Throttled, Unclear
from reconciler.core.overview import Question
from reconciler.core.plan import Claim, GiveUp
from reconciler.core.reason import Reason
from reconciler.core.sighting import Presence, Sighting
from reconciler.store.port import Begun, Store
from tests.core.builders import digest, manifest

A = Name("a")
KEY = RunKey(A, 1, 1)
WORKFLOW = WorkflowId("1")
TRACE = "ab" * 16


def sighting(
    name: str = "a",
    presence: Presence = Presence.WANTED,
    asks: str = "one",
    on_unknown: OnUnknown = OnUnknown.AUTO,
) -> Sighting:
    policies = Policies(on_unknown=on_unknown)
    return Sighting(Name(name), presence, f"{name}.yaml", digest(asks), WORKFLOW, "", "f00", 5, policies)


def claim(
    name: str = "a", asks: str = "one", *, generation: int = 1, replaces: RunKey | None = None
) -> Claim:
    key = RunKey(Name(name), generation, 1)
    return Claim(manifest(name, asks), key, Reason.FIRST, replaces)


async def claimed(store: Store, *names: str, highest: int = 0) -> None:
    """Names seen, their workflow listed, their first runs claimed."""
    await store.workflow_listed(WORKFLOW, [JobId(highest)], 1)
    await store.observe([sighting(name) for name in names], [claim(name) for name in names], [], 10)


async def submitted(store: Store, receipt: Receipt, name: str = "a") -> Begun:
    begun = await store.begin(RunKey(Name(name), 1, 1), TRACE, 20)
    assert begun is not None
    await store.record(begun, receipt, 30, 0.5, 60_000)
    return begun


class StoreContract:
    """The contract suite."""

    def open(self, directory: Path) -> AbstractAsyncContextManager[Store]:
        raise NotImplementedError

    @pytest.fixture
    def stored(self, tmp_path: Path) -> Callable[[Callable[[Store], Awaitable[Any]]], Any]:
        def run(scenario: Callable[[Store], Awaitable[Any]]) -> Any:
            async def main() -> Any:
                async with self.open(tmp_path) as store:
                    return await scenario(store)

            return asyncio.run(main())

        return run

    def test_a_new_state_knows_nothing(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            assert await store.known() == {}
            assert await store.items() == []
            assert await store.item(A) is None

        stored(scenario)

    def test_what_a_pass_saw_is_known(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "a")
            assert await store.known() == {A: sighting().path}
            assert await store.known(without={A}) == {}
            observed = (await store.world([A], [WORKFLOW])).names[A]
            assert observed.sighting == sighting()
            latest = observed.latest
            assert latest is not None
            assert (latest.key, latest.state, latest.revision) == (KEY, Waiting(), "f00")

        stored(scenario)

    def test_another_attempt_of_a_manifest_that_did_not_change_has_its_revision(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "a")
            again = replace(claim(), key=RunKey(A, 1, 2))
            await store.observe([], [again], [], 20)
            assert (await store.world([A], [])).names[A].latest.revision == "f00"

        stored(scenario)

    def test_a_run_is_claimed_once(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "a")
            before = (await store.world([A], [])).names[A].latest
            await store.observe([], [claim()], [], 11)  # by another writer, that is
            assert (await store.world([A], [])).names[A].latest == before

        stored(scenario)

    def test_an_intent_carries_the_body_and_the_highest_job_ever_seen(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "a", highest=41)
            begun = await store.begin(KEY, TRACE, 20)
            assert begun is not None
            assert begun.body == manifest().body
            assert begun.intent.baseline == 41
            assert (begun.intent.number, begun.intent.try_number, begun.intent.trace_id) == (1, 1, TRACE)

        stored(scenario)

    def test_a_run_under_way_cannot_be_begun_again(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "a")
            assert await store.begin(KEY, TRACE, 20) is not None
            assert await store.begin(KEY, TRACE, 21) is None

        stored(scenario)

    def test_a_run_that_is_not_there_cannot_be_begun(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            assert await store.begin(KEY, TRACE, 20) is None

        stored(scenario)

    def test_intents_are_numbered_without_gaps_and_a_retry_keeps_the_first_baseline(
        self, stored: Any
    ) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "a", "b", highest=5)
            await submitted(store, NotCreated(Throttled(0.0)), "a")
            await submitted(store, Created(JobId(9)), "b")
            again = await store.begin(KEY, TRACE, 40)
            assert again is not None
            assert (again.intent.number, again.intent.try_number, again.intent.baseline) == (3, 2, 5)

        stored(scenario)

    def test_an_accepted_job_is_followed_until_it_ends(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "a")
            await submitted(store, Created(JobId(9)))
            [run] = await store.followed_runs()
            assert run.state == Accepted(JobId(9), JobStatus.PREPARING, 30)
            await store.job_changed(KEY, JobStatus.SUCCESS, 50, 50)
            assert await store.followed_runs() == []
            latest = (await store.world([A], [])).names[A].latest
            assert latest is not None
            assert latest.state == Accepted(JobId(9), JobStatus.SUCCESS, 30, 50)

        stored(scenario)

    def test_a_final_status_stays(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "a")
            await submitted(store, Created(JobId(9)))
            await store.job_changed(KEY, JobStatus.FAILED, 50, 50)
            await store.job_changed(KEY, JobStatus.RUNNING, None, 60)
            assert await store.followed_runs() == []

        stored(scenario)

    def test_a_receipt_raises_the_highest_job(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "a")
            await submitted(store, Created(JobId(9)))
            assert (await store.world([], [WORKFLOW])).workflows[WORKFLOW].highest == 9

        stored(scenario)

    def test_a_job_that_a_run_has_is_never_given_to_another(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "a", "b")
            await submitted(store, Created(JobId(9)), "a")
            begun = await store.begin(RunKey(Name("b"), 1, 1), TRACE, 40)
            assert begun is not None
            assert isinstance(await store.record(begun, Created(JobId(9)), 50, 0.5, 60_000), Held)

        stored(scenario)

    def test_refused_and_unclear_outcomes_are_remembered(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "a", "b")
            await submitted(store, NotCreated(Refused(40004001, "no such task")), "a")
            await submitted(store, Unclear("reset by peer"), "b")
            names = (await store.world([A, Name("b")], [])).names
            assert names[A].latest.state == Rejected(40004001, "no such task")
            unknown = names[Name("b")].latest.state
            assert isinstance(unknown, Unknown)
            assert unknown.why == "reset by peer"

        stored(scenario)

    def test_a_newer_generation_gives_up_what_it_replaces(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "a")
            await store.observe([], [claim(asks="two", generation=2, replaces=KEY)], [], 20)
            assert await store.begin(KEY, TRACE, 30) is None
            assert await store.begin(RunKey(A, 2, 1), TRACE, 30) is not None

        stored(scenario)

    def test_what_is_under_way_is_not_given_up(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "a")
            begun = await store.begin(KEY, TRACE, 20)
            await store.observe([], [], [GiveUp(KEY, Reason.DELETED)], 25)
            assert begun is not None
            assert isinstance(await store.record(begun, Created(JobId(9)), 30, 0.5, 60_000), Accepted)
            assert len(await store.followed_runs()) == 1

        stored(scenario)

    def test_a_run_that_was_given_up_is_superseded(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "a")
            await store.observe([], [], [GiveUp(KEY, Reason.DELETED)], 25)
            latest = (await store.world([A], [])).names[A].latest
            assert latest.state == Superseded(Reason.DELETED)

        stored(scenario)

    def test_an_approval_is_used_up_by_the_run_that_it_released(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await store.approve([claim()], [], 1)
            assert (await store.world([A], [])).names[A].approved == {digest("one")}
            await claimed(store, "a")
            assert (await store.world([A], [])).names[A].approved == frozenset()

        stored(scenario)

    def test_a_workflow_with_jobs_is_guarded_if_the_state_was_new(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await store.observe([sighting()], [], [], 1)
            await store.workflow_listed(WORKFLOW, [JobId(5)], 2)
            assert (await store.world([], [WORKFLOW])).workflows[WORKFLOW].is_guarded
            await store.approve([claim()], [], 3)
            assert not (await store.world([], [WORKFLOW])).workflows[WORKFLOW].is_guarded

        stored(scenario)

    def test_a_workflow_without_jobs_is_not_guarded(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await store.observe([sighting()], [], [], 1)
            assert (await store.world([], [WORKFLOW])).workflows[WORKFLOW].highest is None
            await store.workflow_listed(WORKFLOW, [], 2)
            await store.workflow_listed(WORKFLOW, [JobId(5)], 3)
            workflow = (await store.world([], [WORKFLOW])).workflows[WORKFLOW]
            assert (workflow.highest, workflow.is_guarded) == (5, False)

        stored(scenario)

    def test_a_workflow_that_first_appears_in_a_used_state_is_not_guarded(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "a")
            other = WorkflowId("2")
            await store.workflow_listed(other, [JobId(5)], 3)
            assert not (await store.world([], [other])).workflows[other].is_guarded

        stored(scenario)

    def test_a_baseline_records_runs_as_done_and_releases_their_workflow(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await store.observe([sighting()], [], [], 1)
            await store.workflow_listed(WORKFLOW, [JobId(5)], 2)
            await store.baseline([claim()], [], 3)
            world = await store.world([A], [WORKFLOW])
            assert isinstance(world.names[A].latest.state, Baselined)
            assert not world.workflows[WORKFLOW].is_guarded

        stored(scenario)

    def test_a_baseline_of_some_names_keeps_the_guard_on_the_others(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await store.observe([sighting(), sighting("b")], [], [], 1)
            await store.workflow_listed(WORKFLOW, [JobId(5)], 2)
            await store.baseline([claim()], [claim("b")], 3)
            assert (await store.world([], [WORKFLOW])).workflows[WORKFLOW].is_guarded

        stored(scenario)

    def test_a_baseline_in_a_new_state_leaves_the_workflows_of_the_others_to_be_guarded(
        self, stored: Any
    ) -> None:
        async def scenario(store: Store) -> None:
            await store.baseline([claim()], [claim("b")], 1)
            await store.workflow_listed(WORKFLOW, [JobId(5)], 2)
            assert (await store.world([], [WORKFLOW])).workflows[WORKFLOW].is_guarded

        stored(scenario)

    def test_a_run_that_was_baselined_twice_is_baselined(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await store.baseline([claim()], [], 1)
            await store.baseline([claim()], [], 2)
            latest = (await store.world([A], [])).names[A].latest
            assert isinstance(latest.state, Baselined)

        stored(scenario)

    def test_a_job_that_a_later_listing_showed_raises_the_baseline(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "a")
            await store.jobs_seen(WORKFLOW, JobId(41))
            begun = await store.begin(KEY, TRACE, 20)
            assert begun is not None
            assert begun.intent.baseline == 41

        stored(scenario)

    def test_the_history_tells_each_decision_in_order(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "a")
            await submitted(store, Created(JobId(9)))
            await store.job_changed(KEY, JobStatus.SUCCESS, 50, 50)
            history = await store.history(A)
            assert [event.event for event in history] == [
                *("ManifestWanted", "Claimed", "Submitting", "Accepted", "JobSuccess")
            ]
            assert history[3].job_id == 9
            assert history[3].trace_id == TRACE
            assert history[1].revision == "f00"

        stored(scenario)

    def test_whoever_looks_is_told_of_many_names_and_of_one(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "a", "b", "c")
            await submitted(store, Created(JobId(9)))
            assert await store.state_counts() == {State.RUNNING: 1, State.WAITING: 2}
            overview = await store.overview(Question(size=2))
            assert (overview.known, overview.matching, overview.pages) == (3, 3, 2)
            assert list(overview.items) == (await store.items())[:2]
            dossier = await store.dossier(A, 2)
            assert dossier is not None
            assert (dossier.item, dossier.older) == (await store.item(A), 0)
            assert [record.requests[0].trace_id for record in dossier.runs] == [TRACE]
            assert [event.event for event in dossier.events] == ["Submitting", "Accepted"]
            assert await store.dossier(Name("nobody"), 2) is None

        stored(scenario)

    def test_runs_are_counted_by_phase_and_jobs_by_status(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "a", "b")
            await submitted(store, Created(JobId(9)))
            assert await store.counts() == {"Waiting": 1, "Followed": 1, "job:Preparing": 1}

        stored(scenario)

    def test_a_run_that_created_nothing_is_superseded_if_a_newer_one_was_claimed_meanwhile(
        self, stored: Any
    ) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "a")
            begun = await store.begin(KEY, TRACE, 20)
            await store.observe([], [claim(asks="two", generation=2)], [], 25)
            assert begun is not None
            state = await store.record(begun, NotCreated(Throttled(0.0)), 30, 0.5, 60_000)
            assert state == Superseded(Reason.CHANGED)

        stored(scenario)
