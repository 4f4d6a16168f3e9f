"""What the model found, for people: a line of the table, and a story of numbered sentences."""

from __future__ import annotations

from tests.model.checker import Finding, check
from tests.model.variants import Variant


def row(variant: Variant) -> str:
    """One line: the name, how many moments were explored, the outcome, and whether it was expected."""
    finding = check(variant.setting)
    surprise = "" if finding.outcome is variant.expected else f"  expected: {variant.expected}"
    return f"{variant.name:<58} {finding.moments:>7} moments  {finding.outcome}{surprise}"


def story(variant: Variant) -> str:
    """What is left out or untrue, and what comes of it."""
    return "\n".join([variant.name, *_about(variant), *told(check(variant.setting)), ""])


def told(finding: Finding) -> list[str]:
    """The finding as numbered sentences, the broken promise last."""
    if not finding.story:
        return [f"  {finding.outcome}, in all {finding.moments} moments"]
    *events, breach = finding.story
    numbered = [f"  {number:>2}. {event}" for number, event in enumerate(events, 1)]
    return [*numbered, f"  {finding.outcome}: {breach}"]


def _about(variant: Variant) -> list[str]:
    rules = [f"  left out: {rule}" for rule in sorted(variant.setting.without)]
    return [*rules, *[f"  untrue: {it.name}, {it}" for it in sorted(variant.setting.broken)]]
