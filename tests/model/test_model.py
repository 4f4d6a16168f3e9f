"""The submission protocol under every order of events: safe as designed, and unsafe without its rules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.model import checker
from tests.model.checker import TooLargeError, check
from tests.model.promises import Outcome
from tests.model.rules import Assumption, Rule
from tests.model.stories import row, story, told
from tests.model.variants import ASSUMPTIONS, DESIGNED, HOLD, RULES, SECOND_LINES, VARIANTS, Variant, left_out

WORDS_OF = {
    Outcome.DUPLICATE: ("has two jobs",),
    Outcome.LOST: ("is given up, and its job", "is never recorded", "nothing ends that"),
    Outcome.WRONG_ADOPTION: ("somebody else's", "which is run"),
}


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_a_variant_comes_to_what_is_predicted(variant: Variant) -> None:
    finding = check(variant.setting)
    assert finding.outcome is variant.expected, "\n".join(told(finding))
    if finding.outcome is Outcome.SAFE:
        assert finding.story == ()
    else:
        assert len(finding.story) > 3
        assert any(words in finding.story[-1] for words in WORDS_OF[finding.outcome])


def test_each_rule_is_left_out_where_the_whole_protocol_is_safe() -> None:
    safe = {it.setting for it in (*DESIGNED, *ASSUMPTIONS) if it.expected is Outcome.SAFE}
    places = {
        variant.name: replace(variant.setting, without=frozenset()) for variant in (*RULES, *SECOND_LINES)
    }
    assert [name for name, place in places.items() if place not in safe] == []


def test_every_rule_is_needed_in_some_variant() -> None:
    needed = {rule for it in VARIANTS if it.expected is not Outcome.SAFE for rule in it.setting.without}
    assert set(Rule) - needed == {Rule.SEVERAL_HOLD}  # see SECOND_LINES


def test_every_assumption_is_broken_in_some_variant() -> None:
    broken = {it for variant in VARIANTS for it in variant.setting.broken}
    assert broken | {Assumption.A4} == set(Assumption)  # A4 is broken by leaving out the lock
    assert any(Rule.LOCK in variant.setting.without for variant in ASSUMPTIONS)


def test_there_are_at_least_thirty_variants_each_with_its_own_name() -> None:
    assert len({variant.name for variant in VARIANTS}) == len(VARIANTS) >= 30


def test_a_story_is_told_in_numbered_sentences() -> None:
    text = story(left_out(HOLD, Outcome.DUPLICATE, Rule.INTENT_FIRST))
    assert "  left out: the intent is on disk before any byte is sent" in text
    assert "   1. the daemon lists the workflow: no jobs" in text
    assert "and nothing on disk tells that it sent" in text
    assert "  duplicate: run a has two jobs, 11 and 12" in text


def test_a_surprise_shows_in_the_table() -> None:
    assert row(left_out(HOLD, Outcome.SAFE, Rule.INTENT_FIRST)).endswith("duplicate  expected: safe")


def test_a_variant_that_grows_without_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker, "MOST_MOMENTS", 100)
    with pytest.raises(TooLargeError):
        check(HOLD)
