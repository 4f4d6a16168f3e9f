"""What every implementation of the store's port must do for jobs that are known, and for operators."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reconciler.core.model import (
    Accepted,
    Cancel,
    CancelCause,
    JobId,
    JobStatus,
    Name,
    OnChange,
    OnDelete,
    Pause,
    Policies,
    Run,
    RunKey,
    Task,
    Waiting,
)
from reconciler.core.outcome import Created, Unclear
from reconciler.core.plan import CancelJob
from reconciler.core.reason import Reason
from reconciler.core.room import Room
from reconciler.core.sighting import Presence
from reconciler.store.port import Refusal, Store
from tests.store.contract import KEY, TRACE, WORKFLOW, A, claim, claimed, sighting, submitted

JOB = JobId(107)
BY_HAND = Cancel(CancelCause.OPERATOR, "by somebody", 50)
PLANNED = CancelJob(KEY, JOB, CancelCause.DELETED, Reason.CANCEL_DELETED)
TASKS = (Task("query_1", "Query", JobStatus.SUCCESS, 1, 2), Task("sssp_1", "", None, None, None))


async def latest(store: Store, name: Name = A) -> Run:
    run = (await store.world([name], [])).names[name].latest
    assert run is not None
    return run


async def job(store: Store) -> Accepted:
    state = (await latest(store)).state
    assert isinstance(state, Accepted)
    return state


async def running(store: Store) -> None:
    await claimed(store, "a")
    await submitted(store, Created(JOB))


async def events(store: Store) -> list[str]:
    return [event.event for event in await store.history(A)]


class FollowingContract:
    """A part of the contract suite; `StoreContract` has the fixture that its tests stand on."""

    def test_policies_and_labels_are_those_that_were_seen_last(self, stored: Any) -> None:
        policies = Policies(
            on_change=OnChange.QUEUE,
            on_delete=OnDelete.CANCEL,
            backoff_limit=3,
            active_deadline_s=1.5,
            depends_on=(Name("b"), Name("c")),
        )

        async def scenario(store: Store) -> None:
            seen = replace(sighting(), policies=policies, labels={"team": "graph"})
            await store.observe([seen], [claim()], [], 10)
            assert (await store.world([A], [])).names[A].sighting == seen
            assert (await store.world([A], [])).names[A].policies == policies
            [item] = await store.items()
            assert item.labels == {"team": "graph"}

        stored(scenario)

    def test_another_attempt_carries_its_reason_its_wait_and_its_count(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await running(store)
            await store.job_changed(KEY, JobStatus.FAILED, 40, 40)
            again = replace(
                claim(),
                key=RunKey(A, 1, 2),
                why=Reason.RESUBMIT,
                not_before_ms=900,
                detail="job 107 failed",
                resubmissions=1,
            )
            await store.observe([], [again], [], 41)
            run = await latest(store)
            assert (run.key, run.state) == (again.key, Waiting(0, 900, "job 107 failed"))
            assert (run.resubmissions, run.claimed_for) == (1, Reason.RESUBMIT)

        stored(scenario)

    def test_what_is_unfinished_is_known_with_the_newest_run(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await running(store)
            await store.observe([], [claim("a", "two", generation=2)], [], 40)
            observed = (await store.world([A], [])).names[A]
            assert [run.key.generation for run in observed.unfinished] == [1]
            assert observed.latest is not None
            assert observed.latest.key.generation == 2
            await store.job_changed(KEY, JobStatus.SUCCESS, 50, 50)
            assert (await store.world([A], [])).names[A].unfinished == ()
            assert await store.unfinished_names() == {A}  # the second waits

        stored(scenario)

    def test_a_cancel_is_noted_once_and_only_for_a_job_that_runs(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "a")
            assert isinstance(await store.cancel(KEY, BY_HAND), Refusal)
            await store.observe([], [], [], 20, [PLANNED])
            assert await store.job_to_cancel(KEY) is None
            await submitted(store, Created(JOB))
            await store.observe([], [], [], 40, [PLANNED])
            assert isinstance(await store.cancel(KEY, BY_HAND), Refusal)
            noted = await store.job_to_cancel(KEY)
            assert noted == await job(store)
            assert noted is not None
            assert noted.cancel == Cancel(CancelCause.DELETED, Reason.CANCEL_DELETED, 40)
            await store.job_changed(KEY, JobStatus.INTERRUPTED, 60, 60)
            assert await store.job_to_cancel(KEY) is None
            assert (await events(store))[-2:] == ["CancelAsked", "JobInterrupted"]

        stored(scenario)

    def test_answers_to_a_cancel_are_counted_and_told_when_they_differ(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await running(store)
            await store.cancel(KEY, BY_HAND)
            for answer in ("no answer", "no answer", "Explorer stops it"):
                await store.cancel_answered(KEY, answer, 60)
            noted = (await job(store)).cancel
            assert noted == replace(BY_HAND, tries=3, answer="Explorer stops it")
            assert (await events(store)).count("CancelSent") == 2

        stored(scenario)

    def test_a_job_that_is_not_shown_stays_and_may_be_found_or_given_up(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await running(store)
            assert isinstance(await store.end_missing(KEY, BY_HAND), Refusal)
            for _ in range(2):
                await store.job_missing(KEY, "50004001", 40)
            assert (await job(store)).missing_ms == 40
            await store.job_found(KEY, 41)
            assert (await job(store)).missing_ms is None
            await store.job_missing(KEY, "50004001", 42)
            ended = await store.end_missing(KEY, BY_HAND)
            assert isinstance(ended, Accepted)
            assert (ended.status, ended.ended_ms) == (JobStatus.INTERRUPTED, 50)
            assert await job(store) == ended
            assert await store.followed_runs() == []
            assert await store.runs_without_tasks() == []
            assert (await events(store))[-4:] == ["JobMissing", "JobFound", "JobMissing", "JobGivenUp"]

        stored(scenario)

    def test_tasks_are_kept_once_for_a_job_that_has_ended(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await running(store)
            assert await store.runs_without_tasks() == []
            await store.job_changed(KEY, JobStatus.SUCCESS, 40, 40)
            assert [run.key for run in await store.runs_without_tasks()] == [KEY]
            await store.tasks_seen(KEY, TASKS, 41)
            assert await store.runs_without_tasks() == []

        stored(scenario)

    def test_nothing_begins_while_submissions_are_paused(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "a")
            pause = Pause("somebody", "a move", 15)
            await store.pause(pause)
            assert await store.paused() == (await store.world([], [])).pause == pause
            assert await store.begin(KEY, TRACE, 20) is None
            await store.resume("somebody", 21)
            assert await store.paused() is None
            assert await store.begin(KEY, TRACE, 22) is not None

        stored(scenario)

    def test_no_more_runs_begin_than_there_is_room_for(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "a", "b", "c")
            keys = [RunKey(Name(name), 1, 1) for name in "abc"]
            begun = await store.begin(keys[0], TRACE, 20, Room(2, 1))
            assert begun is not None
            assert await store.begin(keys[1], "cd" * 16, 20, Room(0, 1)) is None
            assert await store.begin(keys[1], "cd" * 16, 20, Room(1, 0)) is None
            assert await store.begin(keys[1], "cd" * 16, 20, Room(2, 0)) is not None
            assert (await store.world([], [])).in_use == {WORKFLOW: 2}
            await store.record(begun, Created(JOB), 30, 0.5, 60_000)
            await store.job_changed(keys[0], JobStatus.FAILED, 40, 40)
            assert (await store.world([], [])).in_use == {WORKFLOW: 1}

        stored(scenario)

    def test_a_held_run_counts_as_running_while_a_candidate_may_run(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "a")
            await submitted(store, Unclear("an ID that does not grow", stale_id=JobId(3)))
            assert (await store.world([], [])).in_use == {WORKFLOW: 1}

        stored(scenario)

    def test_an_approval_of_cancels_notes_them(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await running(store)
            await store.approve([], [PLANNED], 40)
            assert (await job(store)).cancel is not None

        stored(scenario)

    def test_old_events_are_forgotten_bite_by_bite_and_young_ones_stay(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await running(store)
            count = len(await events(store))
            assert await store.forget_events(0) == 0
            assert await store.forget_events(15) > 0
            assert 0 < len(await events(store)) < count
            assert await store.forget_events(15) == 0

        stored(scenario)

    def test_names_deleted_long_ago_are_forgotten_unless_something_goes_on(self, stored: Any) -> None:
        async def scenario(store: Store) -> None:
            await claimed(store, "a", "b")
            await submitted(store, Created(JOB))
            gone = [sighting(name, Presence.DELETED) for name in ("a", "b", "c")]
            await store.observe(gone, [], [], 40)
            assert await store.forget_names(5) == []
            assert await store.forget_names(6) == ["c"]
            await store.job_changed(KEY, JobStatus.SUCCESS, 50, 50)
            assert await store.forget_names(6) == ["a"]  # b waits to be sent
            assert [item.name for item in await store.items()] == ["b"]
            assert (await latest(store)).key == KEY  # runs are never dropped

        stored(scenario)
