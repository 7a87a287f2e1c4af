"""The parts of a key's description."""

import pytest

from pgdose.cli.schema import study_schema
from pgdose.study.descriptions import Description, parse


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Length of a step.", Description("Length of a step.")),
        ("Length\nof a step.\n\nUnit: pixels", Description("Length of a step.", "pixels")),
        (
            "Length.\n\nMore: of it.\nUnit: pixels\nOnly: with `step: sign`\n  or `l2`\nReruns: it",
            Description("Length. More: of it.", "pixels", "with `step: sign` or `l2`", "it"),
        ),
        ("Left out: none.\nReruns: all", Description("Left out: none.", reruns="all")),
    ],
)
def test_marks_stand_at_the_beginning_of_a_line(text: str, parts: Description) -> None:
    assert parse(text) == parts
    assert parse(str(parts)) == parts


def test_the_schema_holds_them_and_the_bounds_that_editors_know() -> None:
    schema = study_schema()
    seed = schema["properties"]["seed"]
    assert (seed["minimum"], seed["exclusiveMaximum"]) == (0, 10**18)
    epochs = schema["$defs"]["RepeatedTraining"]["properties"]["epochs"]
    assert epochs["minimum"] == 1 and epochs["description"].endswith("images.\nUnit: epochs")
    assert not {"ge", "gt", "le", "lt"} & keywords(schema)


def keywords(value: object) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(keywords, value.values()))
    return set().union(*map(keywords, value)) if isinstance(value, list) else set()
