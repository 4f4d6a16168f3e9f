import os

import pytest

from reconciler.sandbox.faults import (
    ClockSkew,
    Conditions,
    Drop,
    FallingId,
    Faults,
    Hang,
    ListingLag,
    LostSessions,
    TextId,
    read_faults,
)
from reconciler.sandbox.routes import Connect, ListJobs, Submit
from tests.sandbox.visit import ANYTHING, NEIGHBOURS, code, visit

SUBMIT = Submit(NEIGHBOURS)


def struck(faults, asked=SUBMIT, requests=6):
    """Which of so many requests a delivery strikes, counted from 1."""
    return [number for number in range(1, requests + 1) if faults.due(asked).delivery]


def switched_on(directory, *given):
    faults = Faults(directory)
    faults.switch_on(*given)
    return faults


@pytest.mark.parametrize(
    ("fault", "requests"),
    [
        (Drop(), [1]),
        (Drop(times=3), [1, 2, 3]),
        (Drop(times=None), [1, 2, 3, 4, 5, 6]),
        (Drop(nth=(2, 5)), [2, 5]),
        (Drop(times=0), []),
    ],
)
def test_a_fault_strikes_as_often_as_it_says(tmp_path, fault, requests):
    assert struck(switched_on(tmp_path, fault)) == requests


def test_a_fault_strikes_its_operation_and_workflow_only(tmp_path):
    faults = switched_on(tmp_path, Drop(operation="submit", workflow=NEIGHBOURS))
    for other in (Connect(), ListJobs(NEIGHBOURS), Submit(ANYTHING), None):
        assert faults.due(other).delivery is None
    assert faults.due(SUBMIT).delivery == Drop(operation="submit", workflow=NEIGHBOURS)


def test_a_fault_for_any_operation_strikes_also_what_the_api_does_not_have(tmp_path):
    assert switched_on(tmp_path, Drop()).due(None).delivery == Drop()


def test_of_two_deliveries_the_first_happens_and_the_second_is_not_used_up(tmp_path):
    faults = switched_on(tmp_path, Drop(times=2), Hang(times=1))
    kinds = [type(faults.due(SUBMIT).delivery) for _ in range(4)]
    assert kinds == [Drop, Drop, Hang, type(None)]


def test_conditions_hold_together_until_they_are_switched_off(tmp_path):
    faults = switched_on(
        tmp_path, ListingLag(seconds=2), ClockSkew(seconds=5), ListingLag(seconds=1), TextId()
    )
    for _ in range(3):
        due = faults.due(SUBMIT)
        assert due.conditions == Conditions(listing_lag_s=2, clock_skew_s=5, id_is_text=True)
    faults.switch_off()
    assert faults.due(SUBMIT).conditions == Conditions()
    assert faults.active == ()


def test_the_file_is_read_again_when_it_changes_and_its_counts_begin_anew(tmp_path):
    path = tmp_path / "faults.json"
    faults = Faults(tmp_path)
    assert struck(faults) == []
    path.write_text('[{"kind": "drop", "times": 2}]')
    assert struck(faults) == [1, 2]
    path.write_text('[{"kind": "drop", "nth": [3]}]')
    os.utime(path, ns=(1, 1))
    assert struck(faults) == [3]
    path.unlink()
    assert (struck(faults), faults.active) == ([], ())


def test_a_file_that_goes_wrong_keeps_its_former_faults(tmp_path, caplog):
    path = tmp_path / "faults.json"
    path.write_text('[{"kind": "drop", "times": null}]')
    faults = Faults(tmp_path)
    path.write_text('[{"kind": "dr')
    assert faults.due(SUBMIT).delivery == Drop(times=None)
    assert "faults.json was not taken over" in caplog.text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[{"kind": "explode"}]', "explode"),
        ('[{"kind": "drop", "opperation": "submit"}]', "opperation"),
        ('[{"kind": "drop", "operation": "summit"}]', "summit"),
        ('[{"kind": "drop", "moment": "during"}]', "during"),
        ('{"kind": "drop"}', "array"),
        ("[", "truncated"),
    ],
)
def test_a_fault_that_says_nothing_sensible_is_told_with_its_place(text, told):
    with pytest.raises(ValueError, match=told):
        read_faults(text.encode())


def test_a_lagging_listing_shows_a_job_later_and_its_detail_at_once(tmp_path):
    async def scene(it):
        it.sandbox.faults.switch_on(ListingLag(seconds=5))
        job_id = await it.new_job()
        it.clock.advance(4.9)
        assert (await it.listed())["total"] == 0
        assert await it.listed_ids(f"/workflows/{NEIGHBOURS}/jobs") == []
        assert await it.status(job_id) == 2
        it.clock.advance(0.1)
        assert await it.listed_ids() == [job_id]

    visit(tmp_path, scene)


def test_a_skewed_clock_shows_in_date_and_in_the_times_of_jobs_and_lasts_with_them(tmp_path):
    async def scene(it):
        it.sandbox.faults.switch_on(ClockSkew(seconds=-3600))
        reply = await it.submit()
        assert reply.headers["date"] == "Tue, 14 Nov 2023 21:13:20 GMT"
        it.sandbox.faults.switch_off()
        it.clock.advance(10)
        item = (await it.listed())["items"][0]
        assert item["createTime"] == 1_699_996_400_000
        assert item["runEndTime"] == 1_699_996_403_000
        assert item["name"].endswith("_20231114211320")
        assert item["status"] == 2
        assert it.sandbox.ledger.jobs[0].created_ms == 1_700_000_000_000

    visit(tmp_path, scene)


def test_lost_sessions_answer_a_session_error_until_a_new_login(tmp_path):
    async def scene(it):
        it.sandbox.faults.switch_on(LostSessions(operation="submit", nth=(2,)))
        assert code(await it.submit()) == (200, 0)
        assert code(await it.submit()) == (401, 40104001)
        assert code(await it.submit()) == (401, 40104001)
        it.http.headers["Cookie"] = f"explorer_token={it.sandbox.issue_token()}"
        assert code(await it.submit()) == (200, 0)
        assert len(it.sandbox.ledger.jobs) == 2

    visit(tmp_path, scene)


def test_an_id_may_fall(tmp_path):
    async def scene(it):
        it.sandbox.faults.switch_on(FallingId(operation="submit", nth=(2, 3)))
        assert [await it.new_job() for _ in range(4)] == [101, 100, 99, 102]
        assert await it.status(99) == 0

    visit(tmp_path, scene)


def test_an_id_may_be_text(tmp_path):
    async def scene(it):
        it.sandbox.faults.switch_on(TextId())
        assert (await it.submit()).json()["data"] == {"id": "101"}
        assert (await it.listed())["items"][0]["id"] == 101

    visit(tmp_path, scene)
