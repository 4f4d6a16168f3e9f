"""What holds for every test: our own variables are cleared, and in CI a skipped test is a failure."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator

import pytest
from hypothesis import settings

MAY_NOT_SKIP = "NO_TEST_MAY_BE_SKIPPED"
"""Set by `.ci/run`, which has installed every tool that a test may need."""

# The same examples each time, and no deadline: a failure says something of the code, never of the machine.
# To search for new ones: `pytest --hypothesis-profile=default`, or `make fuzz`.
settings.load_profile("ci")

for name in [name for name in os.environ if name.startswith("RECONCILER_")]:
    del os.environ[name]  # the settings of whoever runs the tests are not under test

for ignored, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGQUIT, signal.SIG_DFL)):
    if signal.getsignal(ignored) is signal.SIG_IGN:
        signal.signal(ignored, usual)  # a shell's background job ignores these, and so would what we start


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if not hasattr(report, "wasxfail"):
        _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fail_if_skipped(report)
    return report


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and os.environ.get(MAY_NOT_SKIP):
        why = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped, where {MAY_NOT_SKIP} is set: {why}"
