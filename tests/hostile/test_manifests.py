"""Named bad manifests: each is told exactly this, here."""

from __future__ import annotations

import pytest

from reconciler.core import manifest
from reconciler.core.manifest import read
from reconciler.core.model import Invalid
from tests.hostile.cases import Case, cases, is_told

TABLES = ("files", "yaml", "values")
CASES = [(table, case) for table in TABLES for case in cases(table)]


@pytest.mark.parametrize(("table", "case"), CASES, ids=[f"{table}: {case.name}" for table, case in CASES])
def test_a_bad_manifest_is_told_with_its_place(
    table: str, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "NOT_YET_SUPPORTED", frozenset(), raising=False)
    invalid = [found for found in read("a.yaml", case.data) if isinstance(found, Invalid)]
    problems = [problem for document in invalid for problem in document.problems]
    assert is_told(case, [f"{it.line}:{it.column} {it.code}: {it.message}" for it in problems])
