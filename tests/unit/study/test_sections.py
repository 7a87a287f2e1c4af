"""Sections outside of a study file: their mistakes are told as they stand."""

import pytest

from pgdose.errors import UserError
from pgdose.study.networks import ExistingNetwork, Outputs
from pgdose.study.sections import section_of


@pytest.mark.parametrize("label", ["{edema}", "{", "{0}", "{label.x}", "100 %s"])
def test_braces_of_a_person_are_text(label: str) -> None:
    fields = {"outputs": "multilabel", "label": label, "labels": ["a", "b"]}
    with pytest.raises(UserError) as caught:
        section_of(Outputs, fields, "")
    assert f"'{label}' is not one of 'labels'" in str(caught.value)


def test_braces_of_a_command_are_text() -> None:
    with pytest.raises(UserError, match=r"save_file\(\{k: v"):
        section_of(ExistingNetwork, {"file": "mine.pth", "classes": ["a", "b"]}, "network")


def test_a_number_out_of_bounds_is_told_with_its_bounds() -> None:
    with pytest.raises(UserError, match=r"network\.threshold: 2 must be less than 1"):
        section_of(Outputs, {"threshold": 2}, "network")
