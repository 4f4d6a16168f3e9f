"""What a pass tells of what is invalid: each thing once, and not a million lines of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from reconciler.engine import problems as module
from tests.engine.stage import Stage, play


def test_a_problem_is_told_once_and_more_than_a_log_should_hold_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_TOLD", 3)

    async def scene(stage: Stage) -> None:
        for number in range(5):
            stage.write_text(f"{number}.yaml", "no\n")
        with capture_logs() as logs:
            await stage.parts.reconciler.reconcile()
            await stage.parts.reconciler.reconcile()
        assert [line["event"] for line in logs] == [
            *["manifest invalid"] * 3,
            "more is invalid than is told here; `reconciler validate` tells it all",
        ]
        assert logs[-1]["untold"] == 2
        assert len(stage.told.of("manifest_error")) == 5

    play(tmp_path, scene)
