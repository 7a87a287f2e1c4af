"""Types of fields that read what people write: divisions as amplitudes, numbers as words."""

from typing import Any

import pytest
import yaml
from helpers.workflow import PROJECT, SMALL
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from pgdose.errors import UserError
from pgdose.study.amplitudes import Epsilon
from pgdose.study.base import Model
from pgdose.study.content_limits import load_yaml
from pgdose.study.parsing import parse
from pgdose.study.words import Word

SIGN = {"step": "sign", "epsilon": [0.1], "alpha": 0.1}


class Table(Model):
    names: dict[str, Word]


@pytest.fixture
def study() -> dict[str, Any]:
    return yaml.safe_load((PROJECT / SMALL).read_text())


def refusal(study: dict[str, Any]) -> str:
    with pytest.raises(UserError) as caught:
        parse(study)
    return str(caught.value)


def with_epsilons(study: dict[str, Any], *epsilons: float | str) -> dict[str, Any]:
    one, *_ = epsilons
    study["attacks"] = {
        "raw": {"lr": 0.1, "epsilon": list(epsilons)},
        "sign": {"form": "pgd", "epsilon": list(epsilons), "alpha": one},
        "noise": {"kind": "noise", "epsilon": list(epsilons)},
        "theirs": {
            **{"kind": "external", "library": "art", "name": "PGD", "epsilon": list(epsilons)},
            "arguments": {"eps_step": one},
        },
    }
    study["operating_points"] = {
        "epsilon": one,
        "epsilons_over_iterations": list(epsilons),
        "flips_epsilon": one,
    }
    study["training_size"] = None
    return study


def test_a_division_is_the_number_that_it_makes(study: dict[str, Any]) -> None:
    """Wherever an amplitude stands; so are the settings of the rules."""
    text = "[1/255, 0.5 / 255, '8/255', 16/255]"
    with pytest.raises(UserError, match="rising order"):
        parse(with_epsilons(study, *load_yaml(text)))
    written = load_yaml("[1/255, '2/255', 8 / 255, 0.5, 1/1]")
    numbers = [0.00392156862745098, 2 / 255, 8 / 255, 0.5, 1.0]
    one, other = parse(with_epsilons(study, *written)), parse(with_epsilons(study, *numbers))
    assert one == other
    assert one.model_dump_json() == other.model_dump_json()
    for name, attack in one.attacks.items():
        assert attack.settings() == other.attacks[name].settings()
        assert list(attack.epsilon) == numbers


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_any_division_is_that_of_its_numbers(dividend: int, divisor: int) -> None:
    epsilon = TypeAdapter(Epsilon)
    if dividend <= divisor:
        assert epsilon.validate_python(f"{dividend}/{divisor}") == dividend / divisor
    else:
        with pytest.raises(ValidationError, match="less than or equal to 1"):
            epsilon.validate_python(f"{dividend}/{divisor}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1/0", "'1/0' must be a number; nothing can be divided by 0, write one such as 8/255"),
        ("1/0.0", "nothing can be divided by 0"),
        ("a/b", "'a/b' must be a number, or two numbers with a / between them such as 8/255"),
        ("1/2/3", "or two numbers with a / between them"),
        ("-1/255", "or two numbers with a / between them"),
        ("/255", "or two numbers with a / between them"),
        ("1/" + "9" * 400, "or two numbers with a / between them"),
        ("255/1", "'255/1' must be at most 1"),
        ("0/255", "'0/255' must be more than 0"),
        ("some", "'some' must be a number"),
        (True, "true must be a number (YAML reads yes"),
    ],
    ids=str,
)
def test_what_is_no_amplitude_is_refused(study: dict[str, Any], text: Any, words: str) -> None:
    for field, section in {
        "operating_points.epsilon": {"epsilon": text},
        "operating_points.epsilons_over_iterations.0": {"epsilons_over_iterations": [text]},
        "operating_points.flips_epsilon": {"flips_epsilon": text},
    }.items():
        message = refusal({**study, "operating_points": section})
        assert f"  {field}: " in message and words in message


def test_an_attack_s_amplitude_is_bounded_as_a_number_is(study: dict[str, Any]) -> None:
    study["attacks"]["paper"]["epsilon"] = ["1/255", "510/255"]
    assert "attacks.paper.epsilon: 2.0 is more than 1, the full intensity range" in refusal(study)
    study["attacks"]["paper"] = {**SIGN, "alpha": "3/0"}
    assert "attacks.paper.alpha: '3/0' must be a number; nothing can be div" in refusal(study)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("2/255", 2 / 255),
        ("1e-3", 0.001),
        ("1E5", 100000.0),
        ("a/b", "a/b"),
        ("inf", "inf"),
        ("l2", "l2"),
        (3, 3),
        (True, True),
        (None, None),
    ],
    ids=str,
)
def test_an_argument_of_a_library_is_a_number_where_it_says_one(
    study: dict[str, Any], written: Any, value: Any
) -> None:
    theirs = {"kind": "external", "library": "art", "name": "PGD", "epsilon": [0.1]}
    study["attacks"]["theirs"] = {**theirs, "arguments": {"eps_step": written}}
    argument = parse(study).attacks["theirs"].arguments["eps_step"]
    assert argument == value and type(argument) is type(value)


@pytest.mark.parametrize(
    ("written", "word"), [("1", "1"), ("0", "0"), ("-7", "-7"), ("'01'", "01"), ("tb", "tb")]
)
def test_a_word_may_be_a_whole_number(written: str, word: str) -> None:
    assert Table.model_validate(load_yaml(f"names: {{a: {written}}}")).names == {"a": word}


@pytest.mark.parametrize("written", ["yes", "No", "1.0", "2020-01-02", "~", "[1]", ".5"])
def test_another_value_is_no_word(written: str) -> None:
    with pytest.raises(ValidationError, match="valid string"):
        Table.model_validate(load_yaml(f"names: {{a: {written}}}"))


def test_the_schema_for_editors_allows_both_spellings() -> None:
    epsilon = TypeAdapter(Epsilon).json_schema()
    number, division = epsilon["anyOf"]
    assert number == {"type": "number", "exclusiveMinimum": 0, "maximum": 1}
    assert division["type"] == "string"
    types = {choice["type"] for choice in TypeAdapter(Word).json_schema()["anyOf"]}
    assert types == {"string", "integer"}
