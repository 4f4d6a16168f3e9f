"""What the program says of itself."""

from __future__ import annotations

import json
from pathlib import Path

from reconciler import __version__
from tests.cli.started import Command

SCHEMAS = Path(__file__).parent.parent.parent / "schemas"


def test_the_version_is_one_line(command: Command) -> None:
    assert command("version").out == f"reconciler {__version__}\n"


def test_the_schema_is_the_one_in_the_repository(command: Command) -> None:
    ended = command("schema")
    assert ended.status == 0
    assert json.loads(ended.out)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert ended.out in [file.read_text("utf-8") for file in SCHEMAS.glob("*.json")]
