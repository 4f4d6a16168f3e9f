"""One pass, with a real tree and a real state: what it plans, records, queues and tells."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from reconciler.core.model import JobId, Name, RunKey, WorkflowId
from reconciler.core.outcome import Created, NotCreated, Unreachable
from reconciler.core.plan import Claim, GiveUp, Submit, Wait
from reconciler.core.reason import Reason
from reconciler.engine.reconcile import Emptied, Planned, Scan
from reconciler.engine.tasks import FirstListing, Submission
from reconciler.errors import StateUnwritable
from reconciler.source.heard import Heard
from reconciler.source.tree import Missing, PutOff, PutOffReason
from reconciler.store.sqlite import SqliteStore
from tests.engine.stage import QUICK, SLOW, Stage, manifest_text, now_ms, play

KEY = RunKey(Name("a"), 1, 1)


async def planned(stage: Stage) -> Planned:
    """A pass that counts."""
    result = await stage.parts.reconciler.reconcile()
    assert isinstance(result, Planned), result
    return result


async def whys(stage: Stage) -> dict[str, Reason]:
    """The reason of each action of a pass that counts."""
    return {action.name: action.why for action in (await planned(stage)).plan.actions}


async def listed(stage: Stage, *workflows: str, highest: int = 0) -> None:
    for workflow in workflows:
        await stage.store.workflow_listed(WorkflowId(workflow), [JobId(highest)], now_ms())
        stage.parts.reconciler.unlisted.succeeded(WorkflowId(workflow))


async def submitted(stage: Stage, name: str, job_id: int) -> None:
    """As if a worker had sent the newest run of this name."""
    begun = await stage.store.begin((await stage.latest(name)).key, "ab" * 16, now_ms())
    await stage.store.record(begun, Created(JobId(job_id)), now_ms(), 0.0, 60_000)


def taken(stage: Stage) -> object:
    entry = stage.parts.queue.take(now_ms())
    return entry and entry.task


def test_a_new_manifest_has_its_workflow_listed_and_is_then_claimed(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("a")
        assert await whys(stage) == {"a": Reason.NOT_LISTED}
        assert taken(stage) == FirstListing(WorkflowId(QUICK))
        stage.parts.queue.done(QUICK)
        await listed(stage, QUICK)
        plan = await stage.parts.reconciler.replan()
        assert [type(action) for action in plan.actions] == [Claim]
        assert taken(stage) == Submission(KEY, WorkflowId(QUICK))
        assert await stage.history("a") == ["ManifestWanted", "ManifestWanted", "Claimed"]

    play(tmp_path, scene)


def test_a_workflow_is_listed_once_however_many_manifests_and_passes_need_it(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("a")
        await planned(stage)
        assert taken(stage) == FirstListing(WorkflowId(QUICK))
        for name in ("b", "c"):  # while it is being listed
            stage.write(name)
            await planned(stage)
        stage.parts.queue.done(QUICK)
        assert taken(stage) is None

    play(tmp_path, scene)


def test_a_pass_without_news_writes_nothing(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("a")
        stage.write("b", SLOW)
        stage.write_text("broken.yaml", "metadata: {name: c}\n")
        await planned(stage)
        await listed(stage, QUICK)
        await planned(stage)
        commits = stage.commits.total()
        for _ in range(3):
            await planned(stage)
        assert stage.commits.total() == commits

    play(tmp_path, scene)


def test_what_is_settled_is_not_planned_again_until_it_changes(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.claimed("a")
        await submitted(stage, "a", 101)
        assert (await planned(stage)).plan.actions == ()
        stage.write("a", value="y")
        assert await whys(stage) == {"a": Reason.CHANGED}

    play(tmp_path, scene)


def test_a_revisited_name_is_planned_again_once(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        key = await stage.claimed("a")
        begun = await stage.store.begin(key, "ab" * 16, now_ms())
        await stage.store.record(begun, NotCreated(Unreachable("refused")), now_ms(), 0.5, 60_000)
        assert (await stage.parts.reconciler.replan()).actions == ()
        stage.parts.reconciler.revisit(Name("a"))
        [action] = (await stage.parts.reconciler.replan()).actions
        assert isinstance(action, Submit)
        assert action.why is Reason.BACKOFF
        assert "refused" in action.detail
        assert (await stage.parts.reconciler.replan()).actions == ()

    play(tmp_path, scene)


def test_after_a_restart_everything_is_compared_and_nothing_written(tmp_path: Path) -> None:
    async def first(stage: Stage) -> None:
        await stage.claimed("a")
        await submitted(stage, "a", 101)

    async def second(stage: Stage) -> None:
        await stage.parts.reconciler.start()
        assert await whys(stage) == {"a": Reason.RUNNING}
        assert stage.commits.total() == 0

    play(tmp_path, first)
    play(tmp_path, second)


def test_a_claimed_run_that_was_never_sent_is_sent_after_a_restart(tmp_path: Path) -> None:
    async def first(stage: Stage) -> None:
        await stage.claimed("a")

    async def second(stage: Stage) -> None:
        await stage.parts.reconciler.start()
        assert await whys(stage) == {"a": Reason.SEND}
        assert taken(stage) == Submission(KEY, WorkflowId(QUICK))

    play(tmp_path, first)
    play(tmp_path, second)


def test_a_name_is_deleted_by_the_second_complete_pass_without_it(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.claimed("a")
        stage.write("other", suspend=True)
        await planned(stage)
        stage.remove("a")
        once = await planned(stage)
        assert once.needs_confirmation
        assert once.plan.actions == (Wait(Name("a"), Reason.ABSENT_ONCE),)
        assert (await stage.states())["a"] == "Waiting"
        twice = await planned(stage)
        assert not twice.needs_confirmation
        assert twice.plan.actions == (GiveUp(KEY, Reason.DELETED),)
        assert await stage.states() == {"a": "Deleted", "other": "Suspended"}
        assert taken(stage) is None
        assert (await planned(stage)).plan.actions == ()

    play(tmp_path, scene)


def test_a_name_that_is_back_before_the_second_pass_was_never_gone(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.claimed("a")
        await submitted(stage, "a", 101)
        stage.write("other", suspend=True)
        stage.remove("a")
        assert (await planned(stage)).needs_confirmation
        stage.write("a")
        assert await whys(stage) == {"a": Reason.RUNNING}
        stage.remove("a")
        assert (await planned(stage)).needs_confirmation

    play(tmp_path, scene)


def test_a_pass_that_does_not_count_confirms_no_absence(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.claimed("a")
        stage.write("other", suspend=True)
        await planned(stage)
        stage.remove("a")
        await planned(stage)
        stage.parts.reconciler.scan = _scripted(PutOff(PutOffReason.INDEX_LOCK, "git is busy"))
        assert isinstance(await stage.parts.reconciler.reconcile(), PutOff)
        assert (await stage.states())["a"] == "Waiting"

    play(tmp_path, scene)


def _scripted(*seen: Any) -> Scan:
    """A tree that says what it was told to."""
    left = list(seen)

    async def scan(_: Heard) -> Any:
        return left.pop(0)

    return scan


def test_a_deleted_name_that_comes_back_unchanged_is_not_submitted_again(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.claimed("a")
        await submitted(stage, "a", 101)
        stage.write("other", suspend=True)
        stage.remove("a")
        for _ in range(2):
            await planned(stage)
        stage.write("a")
        assert await whys(stage) == {"a": Reason.RUNNING}
        assert (await stage.latest("a")).key == KEY

    play(tmp_path, scene)


def test_a_tree_that_is_suddenly_empty_deletes_nothing(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.claimed("a")
        stage.remove("a")
        for _ in range(3):
            assert await stage.parts.reconciler.reconcile() == Emptied(1)
        assert await stage.states() == {"a": "Waiting"}
        assert stage.told.passes() == ["planned", "emptied", "emptied", "emptied"]

    play(tmp_path, scene)


def test_a_directory_that_vanishes_deletes_nothing(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.claimed("a")
        stage.remove("a")
        stage.settings.jobs_dir.rmdir()
        assert isinstance(await stage.parts.reconciler.reconcile(), Missing)
        assert await stage.states() == {"a": "Waiting"}
        assert stage.told.passes()[-1] == "missing"

    play(tmp_path, scene)


def test_a_pass_is_put_off_while_git_holds_the_index(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("a")
        (stage.settings.jobs_dir / ".git").mkdir()
        (stage.settings.jobs_dir / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
        (stage.settings.jobs_dir / ".git" / "index.lock").write_text("")
        result = await stage.parts.reconciler.reconcile()
        assert isinstance(result, PutOff)
        assert result.reason is PutOffReason.INDEX_LOCK
        assert await stage.states() == {}
        assert stage.told.passes() == ["put_off"]

    play(tmp_path, scene)


def test_a_broken_file_stops_nobody_and_is_told_once(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.claimed("a")
        stage.write_text("b.yaml", "apiVersion: reconciler/v1\nkind: WorkflowJob\nmetadata: {name: b}\n")
        with capture_logs() as logs:
            for _ in range(3):
                await planned(stage)
        told = [line for line in logs if line["event"] == "manifest invalid"]
        assert [line["problem"].partition(":")[0] for line in told] == ["b.yaml"] * len(told)
        assert len(told) == len({line["problem"] for line in told}) == len(stage.told.of("manifest_error"))
        assert await stage.states() == {"a": "Waiting", "b": "Invalid"}
        assert (await stage.reasons())["b"].startswith("the manifest is invalid: b.yaml:")

    play(tmp_path, scene)


def test_an_invalid_manifest_leaves_what_ran_under_its_name(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.claimed("a")
        await submitted(stage, "a", 101)
        stage.write_text("a.yaml", manifest_text("a").replace("kind: WorkflowJob", "kind: Other"))
        assert await whys(stage) == {"a": Reason.INVALID}
        item = await stage.store.item(Name("a"))
        assert (str(item.state), item.job_id) == ("Invalid", "101")
        stage.write("a")
        assert await whys(stage) == {"a": Reason.RUNNING}

    play(tmp_path, scene)


def test_a_file_without_readable_names_hides_those_that_it_held(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.claimed("a")
        stage.write("other", suspend=True)
        stage.write_text("a.yaml", "\0")
        assert (await whys(stage))["a"] is Reason.UNREADABLE
        assert (await stage.states())["a"] == "Invalid"
        assert len(stage.parts.reconciler.wanted.claims.nameless) == 1

    play(tmp_path, scene)


def test_suspending_gives_up_what_was_not_sent_and_resuming_asks_for_it_again(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.claimed("a")
        stage.write("a", suspend=True)
        assert (await planned(stage)).plan.actions == (GiveUp(KEY, Reason.SUSPENDED),)
        assert await stage.states() == {"a": "Suspended"}
        assert taken(stage) is None
        stage.write("a")
        assert await whys(stage) == {"a": Reason.WANTED_AGAIN}
        assert taken(stage) == Submission(RunKey(Name("a"), 2, 1), WorkflowId(QUICK))

    play(tmp_path, scene)


def test_a_pass_that_cannot_be_recorded_loses_nothing(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write("a")
        stage.write("b", SLOW)
        await planned(stage)
        await listed(stage, QUICK, SLOW)
        stage.write("c")
        stage.fill_disk()
        for _ in range(2):
            with pytest.raises(StateUnwritable):
                await stage.parts.reconciler.reconcile()
            with pytest.raises(StateUnwritable):
                await stage.parts.reconciler.replan()
        stage.free_disk()
        assert await whys(stage) == {"a": Reason.FIRST, "b": Reason.FIRST, "c": Reason.FIRST}
        assert [(await stage.latest(name)).key.generation for name in "abc"] == [1, 1, 1]
        assert (await planned(stage)).plan.actions == ()

    play(tmp_path, scene)


def test_an_absence_that_could_not_be_recorded_still_takes_two_complete_passes(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.claimed("a")
        stage.write("other", suspend=True)
        await planned(stage)
        stage.remove("a")
        stage.fill_disk()
        with pytest.raises(StateUnwritable):
            await stage.parts.reconciler.reconcile()
        stage.free_disk()
        assert (await planned(stage)).needs_confirmation
        assert (await stage.states())["a"] == "Waiting"

    play(tmp_path, scene)


def test_nothing_is_decided_while_an_operator_is_served(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.claimed("a")
        stage.write("b")
        async with stage.parts.reconciler.standing_still() as plan:
            passing = asyncio.create_task(stage.parts.reconciler.reconcile())
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(passing), 0.05)
            assert plan.unapproved == ()
            assert await stage.states() == {"a": "Waiting"}
        await passing
        assert await stage.states() == {"a": "Waiting", "b": "Waiting"}

    play(tmp_path, scene)


def test_a_plan_that_is_asked_for_while_a_pass_is_recorded_is_about_what_the_pass_saw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise it would take the manifest of before for a change back, and submit that once more."""
    is_recording, may_go_on = asyncio.Event(), asyncio.Event()
    observe = SqliteStore.observe

    async def slow(*arguments: Any) -> None:
        await observe(*arguments)
        is_recording.set()
        await may_go_on.wait()

    async def scene(stage: Stage) -> None:
        await stage.claimed("a")
        await submitted(stage, "a", 101)
        stage.write("a", value="y")
        monkeypatch.setattr(
            SqliteStore, "observe", lambda *arguments: asyncio.ensure_future(slow(*arguments))
        )
        passing = asyncio.create_task(stage.parts.reconciler.reconcile())
        await is_recording.wait()
        planning = asyncio.create_task(stage.parts.reconciler.replan())
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(planning), 0.1)
        may_go_on.set()
        await passing
        await planning
        assert (await stage.latest("a")).key.generation == 2

    play(tmp_path, scene)


def test_where_a_manifest_moves_to_is_recorded_and_submits_nothing(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.claimed("a")
        await submitted(stage, "a", 101)
        (stage.settings.jobs_dir / "a.yaml").rename(stage.settings.jobs_dir / "z.yml")
        assert await whys(stage) == {"a": Reason.RUNNING}
        assert (await stage.store.item(Name("a"))).path == "z.yml"

    play(tmp_path, scene)


def test_a_plan_before_the_first_whole_pass_takes_no_waiting_run_for_deleted(tmp_path: Path) -> None:
    async def first(stage: Stage) -> None:
        await stage.claimed("a")

    async def second(stage: Stage) -> None:  # the first pass did not count: the source is missing, say
        await stage.parts.reconciler.start()
        await stage.parts.reconciler.replan()
        assert await stage.states() == {"a": "Waiting"}

    play(tmp_path, first)
    play(tmp_path, second)
