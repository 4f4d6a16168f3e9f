"""The official YAML test suite: no case crashes the reader; what is accepted means what YAML 1.2 says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.core.manifest import read
from tests.conftest import MAY_NOT_SKIP
from tests.hostile.suite import suite_cases, suite_directory, values_read

LEAST = 400

LENIENT = {
    "9C9N-00": "a flow list whose next line is not indented",
    "DK95-01": "a tab as indentation within quotes",
    "QB6E-00": "quoted text whose next line is not indented",
    "S98Z-00": "blank lines with more indentation than the text",
    "Y79Y-03": "a tab as indentation within brackets",
}
"""What the suite calls no YAML and the C parser reads all the same: in each there is only one thing that the
text can mean, and that is what is read."""


@pytest.fixture
def suite() -> Path | None:
    """The suite's cases. Where nothing may be skipped, and they are absent, a notice has to do."""
    directory = suite_directory()
    if directory is None:
        told = "the YAML test suite is not here: set YAML_TEST_SUITE to a copy of it"
        if not os.environ.get(MAY_NOT_SKIP):
            pytest.skip(told)
        print(f"not tested: {told}")
    return directory


def test_no_case_raises_and_what_is_accepted_means_what_yaml_says(suite: Path | None) -> None:
    if suite is None:
        return
    seen, accepted, wrong = 0, 0, set()
    for case in suite_cases(suite):
        seen += 1
        read("a.yaml", case.text.encode())
        values = values_read(case.text)
        if values is None:
            continue
        if case.is_wrong:
            wrong.add(case.name)
        elif case.values is not None:
            accepted += 1
            # A document that says nothing is nothing here, and null there.
            assert [it for it in values if it is not None] == [it for it in case.values if it is not None]
    assert seen >= LEAST
    assert accepted >= 150
    assert wrong == set(LENIENT)
