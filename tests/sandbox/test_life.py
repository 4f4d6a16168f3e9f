import pytest

from reconciler.sandbox.ledger import Job
from reconciler.sandbox.life import Stage, Status, stage


def job(**differences):
    fields = {
        "id": 101,
        "workflow_id": "7",
        "workflow_name": "seven",
        "name": "seven_1",
        "body": "{}",
        "traceparent": None,
        "created_ms": 1000,
        "preparing_ms": 100,
        "running_ms": 200,
        "stopping_ms": 50,
        "ends": "Success",
        "tasks": {},
    }
    return Job(**(fields | differences))


@pytest.mark.parametrize(
    ("now_ms", "expected"),
    [
        (1000, Stage(Status.PREPARING)),
        (1099, Stage(Status.PREPARING)),
        (1100, Stage(Status.RUNNING, 1100)),
        (1299, Stage(Status.RUNNING, 1100)),
        (1300, Stage(Status.SUCCESS, 1100, 1300)),
        (9999, Stage(Status.SUCCESS, 1100, 1300)),
        (0, Stage(Status.PREPARING)),
    ],
)
def test_a_job_prepares_runs_and_ends(now_ms, expected):
    assert stage(job(), now_ms) == expected


@pytest.mark.parametrize("ends", ["Success", "Failed", "Interrupted"])
def test_a_job_ends_as_its_workflow_says(ends):
    assert stage(job(ends=ends), 1300).status.name == ends.upper()


@pytest.mark.parametrize(
    ("now_ms", "expected"),
    [
        (1149, Stage(Status.RUNNING, 1100)),
        (1150, Stage(Status.STOPPING, 1100)),
        (1199, Stage(Status.STOPPING, 1100)),
        (1200, Stage(Status.INTERRUPTED, 1100, 1200)),
        (9999, Stage(Status.INTERRUPTED, 1100, 1200)),
    ],
)
def test_a_cancelled_job_stops_and_is_interrupted(now_ms, expected):
    assert stage(job(cancelled_ms=1150), now_ms) == expected


def test_a_job_that_is_cancelled_before_it_runs_never_began():
    assert stage(job(cancelled_ms=1050), 2000) == Stage(Status.INTERRUPTED, None, 1100)


def test_three_statuses_are_final():
    assert [status for status in Status if status.is_final] == [2, 3, 4]
