"""Who may ask for what: rules by path, and what they say to manifests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core import manifest as manifest_module
from reconciler.core.claims import desired_of
from reconciler.core.model import Document, Invalid, Manifest, Name, Problem
from reconciler.core.policy import EVERYTHING, MAX_RULES, Policy, policy_in, reader_under
from tests.core.builders import invalid, manifest

HEAD = "apiVersion: reconciler/v1\nkind: WorkflowJob\n"


def policy(*rules: dict[str, Any]) -> Policy:
    found, flaws = policy_in({"rule": list(rules)})
    assert flaws == []
    return found


def flaws(*rules: Any, **more: Any) -> list[str]:
    _, found = policy_in({"rule": list(rules), **more})
    return [f"{it.where} is {it.found}; {it.takes}" for it in found]


def document(path: str, rules: Policy, spec: str = "", workflow: str = "42") -> Document:
    text = f"{HEAD}metadata: {{name: a}}\nspec:\n  workflowId: {workflow}\n{spec}"
    [found] = reader_under(rules)(path, text.encode())
    return found


def problems(found: Document) -> tuple[Problem, ...]:
    assert isinstance(found, Invalid)
    return found.problems


def test_without_a_rule_everything_is_allowed() -> None:
    assert isinstance(document("a.yaml", EVERYTHING, "  onUnknown: resubmit\n"), Manifest)
    assert policy_in({}) == (EVERYTHING, [])


def test_a_path_that_no_rule_fits_may_ask_for_anything() -> None:
    assert isinstance(document("other/a.yaml", policy({"path": "/team/", "workflows": []})), Manifest)


def test_a_workflow_that_is_not_allowed_is_told_with_its_place_and_the_rule() -> None:
    found = document("team/a.yaml", policy({"path": "/team/", "workflows": ["7", 4216617528]}))
    [problem] = problems(found)
    assert str(problem) == (
        'team/a.yaml:5:15: spec.workflowId is 42; rule 1 of the policy ("/team/") allows 7, 4216617528.'
        " Take one of these, or ask whoever keeps the policy"
    )
    assert (problem.code, problem.pointer) == ("not_allowed", "/spec/workflowId")
    assert found.name == "a"  # so that what ran under that name is left alone


def test_a_rule_without_workflows_allows_any_and_one_with_none_allows_none() -> None:
    assert isinstance(document("a.yaml", policy({"path": "*"})), Manifest)
    [problem] = problems(document("a.yaml", policy({"path": "*", "workflows": []})))
    assert problem.message.endswith('("*") allows none')


@pytest.mark.parametrize(
    ("key", "field", "word"),
    [
        ("on_unknown_resubmit", "onUnknown", "resubmit"),
        ("on_delete_cancel", "onDelete", "cancel"),
        ("on_change_replace", "onChange", "replace"),
    ],
)
def test_a_word_that_is_not_allowed_is_told_with_its_place(
    key: str, field: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest_module, "NOT_YET_SUPPORTED", frozenset(), raising=False)
    spec = f"  {field}: {word}\n"
    assert isinstance(document("a.yaml", policy({"path": "*"}), spec), Manifest)
    [problem] = problems(document("a.yaml", policy({"path": "*", key: False}), spec))
    assert (problem.line, problem.column) == (6, len(field) + 5)
    assert (problem.code, problem.pointer) == ("not_allowed", f"/spec/{field}")
    assert problem.message == (
        f'spec.{field} is {word}, which rule 1 of the policy ("*") does not allow. Write another word,'
        " or ask whoever keeps the policy"
    )


def test_the_last_rule_that_fits_decides_alone() -> None:
    rules = policy(
        {"path": "*", "workflows": []},
        {"path": "/graph/", "workflows": ["42"]},
        {"path": "/graph/secret/", "workflows": ["7"]},
    )
    assert isinstance(document("graph/deep/a.yaml", rules), Manifest)
    assert isinstance(document("graph/secret/a.yaml", rules), Invalid)
    assert isinstance(document("a.yaml", rules), Invalid)


def test_all_that_is_not_allowed_is_told_at_once_in_the_order_of_the_file() -> None:
    rules = policy({"path": "*", "workflows": ["1"], "on_unknown_resubmit": False})
    text = f"{HEAD}metadata: {{name: a}}\nspec: {{onUnknown: resubmit, workflowId: 2}}\n---\n{HEAD}"
    text += "metadata: {name: b}\nspec: {workflowId: 1}\n---\n[\n"
    first, second, third = reader_under(rules)("a.yaml", text.encode())
    assert [problem.pointer for problem in problems(first)] == ["/spec/onUnknown", "/spec/workflowId"]
    assert isinstance(second, Manifest)
    assert problems(third)[-1].code == "syntax"


def test_what_a_policy_allows_is_the_very_manifest_that_it_is_without_one() -> None:
    """Its digest above all: a policy that is changed submits nothing."""
    rules = policy({"path": "*", "workflows": ["42"], "max_manifests": 1})
    assert document("a.yaml", rules) == document("a.yaml", EVERYTHING)


def in_team(name: str, path: str, line: int = 1) -> Manifest:
    return replace(manifest(name), path=path, line=line)


def test_the_first_manifests_by_path_and_line_are_those_that_count() -> None:
    rules = policy({"path": "/team/", "max_manifests": 2})
    tree = [
        in_team("c", "team/b.yaml", 9),
        in_team("a", "team/a.yaml"),
        in_team("b", "team/b.yaml", 2),
        in_team("d", "other/a.yaml"),
    ]
    for order in (tree, tree[::-1]):
        wishes = desired_of(order, rules).wishes
        assert {name for name, wish in wishes.items() if isinstance(wish, Invalid)} == {"c"}
        over = wishes[Name("c")]
        assert isinstance(over, Invalid)
        [problem] = over.problems
        assert (problem.path, problem.line, problem.code) == ("team/b.yaml", 9, "too_many_manifests")
        assert problem.message == (
            'rule 1 of the policy ("/team/") allows 2 manifests, and by path and line this is number 3.'
            " Remove another, or ask whoever keeps the policy"
        )


def test_what_is_invalid_for_itself_takes_nobodys_place() -> None:
    rules = policy({"path": "*", "max_manifests": 1})
    wishes = desired_of([invalid("a"), manifest("b")], rules).wishes
    assert isinstance(wishes[Name("b")], Manifest)


def test_each_rule_counts_its_own() -> None:
    rules = policy({"path": "*", "max_manifests": 1}, {"path": "/team/", "max_manifests": 1})
    wishes = desired_of([manifest("b"), in_team("c", "team/c.yaml")], rules).wishes
    assert all(isinstance(wish, Manifest) for wish in wishes.values())


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({}, "rule 1: path is not set; it takes a pattern"),
        ({"path": 1}, "rule 1: path is 1; it takes a pattern"),
        ({"path": "# x"}, 'rule 1: path is "# x"; it takes a pattern'),
        ({"path": "!x"}, 'rule 1: path is "!x"; it takes a pattern'),
        ({"path": "[x"}, 'rule 1: path is "[x", in which a [ has no ]; it takes a pattern'),
        ({"path": "*", "workflows": "42"}, 'rule 1: workflows is "42"; it takes a list'),
        ({"path": "*", "workflows": [0]}, "rule 1: workflows is a list with 0 in it; it takes a list"),
        ({"path": "*", "workflows": [True]}, "rule 1: workflows is a list with True in it"),
        ({"path": "*", "workflows": ["1\n"]}, 'rule 1: workflows is a list with "1\\n" in it'),
        ({"path": "*", "max_manifests": -1}, "rule 1: max_manifests is -1; it takes a whole number"),
        ({"path": "*", "max_manifests": True}, "rule 1: max_manifests is True; it takes a whole number"),
        ({"path": "*", "on_delete_cancel": 0}, "rule 1: on_delete_cancel is 0; it takes true or false"),
        (
            {"path": "*", "workflow": []},
            "rule 1: workflow is no part of a policy; the nearest that exists is",
        ),
    ],
)
def test_a_rule_that_cannot_be_used_is_told(rule: dict[str, Any], told: str) -> None:
    [said] = flaws(rule)
    assert said.startswith(told)


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert len(flaws({"path": 1, "x": 2}, {"max_manifests": "3"}, rules=[])) == 5


def test_what_is_no_list_of_rules_is_told() -> None:
    for written in ({"path": "*"}, [1], "x"):
        assert [it.where for it in policy_in({"rule": written})[1]] == ["rule"]
    assert [it.where for it in policy_in({"rule": [{"path": "*"}] * (MAX_RULES + 1)})[1]] == ["rule"]
