import pytest

from reconciler.sandbox.routes import Cancel, Connect, Detail, ListJobs, Results, Submit, route


@pytest.mark.parametrize(
    ("method", "path", "asked"),
    [
        ("POST", "connect", Connect()),
        ("POST", "workflows/7/jobs", Submit("7")),
        ("GET", "workflows/7/jobs", ListJobs("7")),
        ("GET", "jobs", ListJobs(None)),
        ("GET", "jobs/107", Detail("107")),
        ("PUT", "jobs/107/cancel", Cancel("107")),
        ("GET", "jobs/107/tasks/query_1/sample_result", Results("107", "query_1")),
        ("GET", "jobs/107/tasks/a%2Fb%C3%A9/sample_result", Results("107", "a/bé")),
        ("GET", "workflows/7", None),
        ("PUT", "jobs/107", None),
        ("POST", "jobs", None),
        ("GET", "jobs/", None),
    ],
)
def test_a_method_and_a_path_ask_for_one_operation(method, path, asked):
    assert route(method, f"/api-open/v1/{path}") == asked


def test_the_api_has_nothing_outside_its_prefix():
    assert route("GET", "/jobs") is None
