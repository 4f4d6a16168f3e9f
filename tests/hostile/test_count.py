"""How many bad inputs have a name, and that each name is its own."""

from __future__ import annotations

from tests.hostile.filesystem import NASTY
from tests.hostile.test_manifests import CASES
from tests.hostile.wrong_settings import all_wrong_settings

LEAST = 250


def test_so_many_bad_inputs_have_a_name_and_say_what_is_told() -> None:
    named = [
        *((f"{table}: {case.name}", case.told) for table, case in CASES),
        *((f"settings: {wrong.name}", wrong.told) for wrong in all_wrong_settings()),
        *((f"file system: {name}", nasty.told) for name, nasty in NASTY.items()),
    ]
    assert all(told for _, told in named)
    assert len({name for name, _ in named}) == len(named) >= LEAST
