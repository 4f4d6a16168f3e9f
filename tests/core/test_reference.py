"""The reference page is what the schema says."""

from pathlib import Path

from reconciler.core.fault import MEANING, Code
from reconciler.core.reference import page

PAGE = Path(__file__).parents[2] / "docs" / "manifest.md"


def test_the_page_in_the_repository_is_what_the_generator_gives():
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "run `python -m reconciler.core.reference > docs/manifest.md`"
    )


def test_every_code_has_a_meaning():
    assert set(MEANING) == set(Code)
