"""The schema itself: well formed, described throughout, and found."""

import json
from collections.abc import Iterator

import pytest
from jsonschema import Draft202012Validator

from reconciler.core.schema import is_valid, objections, schema, schema_text


def parts(part=None, path=()) -> Iterator:
    part = schema() if part is None else part
    yield path, part
    for name, field in part.get("properties", {}).items():
        yield from parts(field, (*path, name))
    for keyword in ("additionalProperties", "propertyNames", "items"):
        if isinstance(part.get(keyword), dict):
            yield from parts(part[keyword], (*path, keyword))


def test_it_is_a_schema_of_draft_2020_12():
    Draft202012Validator.check_schema(schema())
    assert schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_what_is_published_is_what_is_used():
    assert json.loads(schema_text()) == schema()


@pytest.mark.parametrize(
    ("path", "part"), list(parts()), ids=lambda each: ".".join(each) if type(each) is tuple else ""
)
def test_every_field_has_a_description_and_examples_that_it_accepts(path, part):
    assert part["description"].endswith((".", ")"))
    assert part["examples"]
    for example in part["examples"]:
        Draft202012Validator(part).validate(example)


def test_every_field_of_the_design_is_there():
    assert set(schema()["properties"]["spec"]["properties"]) == {
        "workflowId",
        "input",
        "rerun",
        "suspend",
        "onChange",
        "onDelete",
        "onUnknown",
        "backoffLimit",
        "activeDeadlineSeconds",
        "dependsOn",
    }


def test_every_pattern_says_in_words_what_it_wants_and_refuses_a_trailing_newline():
    for _, part in parts():
        if "pattern" in part:
            assert part["patternErrorMessage"]
            assert part["pattern"].endswith(r"(?!\n)$")


def test_a_name_with_a_trailing_newline_is_refused():
    document = {**schema()["examples"][0], "metadata": {"name": "a\n"}}
    assert not is_valid(document)
    [objection] = objections(document)
    assert (objection.path, objection.keyword, objection.found) == (("metadata", "name"), "pattern", "a\n")


def test_a_list_of_many_things_that_cannot_be_sorted_is_judged_in_time():
    document = {**schema()["examples"][0], "spec": {"workflowId": "1", "dependsOn": [{}] * 20_000}}
    # Comparing each with each would be 200 million comparisons.
    assert next(objections(document)).path[:2] == ("spec", "dependsOn")
    assert {found.keyword for found in objections(document)} == {"maxItems", "type"}
