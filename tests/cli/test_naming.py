"""Names that nobody knows, and the nearest that somebody does."""

from __future__ import annotations

import pytest

from reconciler.cli.naming import nearest, unknown

KNOWN = ["influence", "nightly-refresh", "similar-players", "team-report", "tim-duncan-neighbours"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("tim-dunkan-neighbors", ["tim-duncan-neighbours"]),
        ("influense", ["influence"]),
        ("team-reports", ["team-report"]),
        ("nightly", ["nightly-refresh"]),
        ("zzz", []),
        ("", []),
    ],
)
def test_the_nearest_name_is_found(name: str, found: list[str]) -> None:
    assert nearest(name, KNOWN) == found


def test_the_likest_come_first_and_not_all_of_them() -> None:
    found = nearest("job-1234", [f"job-{number}" for number in range(1000, 2000)])
    assert (found[0], len(found)) == ("job-1234", 3)


def test_the_error_names_what_to_try_next() -> None:
    assert str(unknown(["influense", "x\x1b[2J"], KNOWN)) == (
        "no manifest is known under influense, x\\u001b[2J; the nearest is influence."
        " `reconciler get` lists all"
    )
    assert str(unknown(["zzz"], [])) == "no manifest is known under zzz; `reconciler get` lists all"
