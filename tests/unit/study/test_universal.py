"""Universal perturbations in the study file: what is refused, and where."""

from typing import Any

import pytest
import yaml
from helpers.workflow import PROJECT

from pgdose.errors import UserError
from pgdose.study.parsing import parse
from pgdose.study.study import Study

UNIVERSAL = {"kind": "universal", "epsilon": [0.01, 0.03]}


def study(**control: Any) -> dict[str, Any]:
    content = yaml.safe_load((PROJECT / "tests/data/studies/small.yaml").read_text())
    return {**content, "controls": {"fixed": UNIVERSAL | control}}


def mistakes(content: dict[str, Any]) -> list[str]:
    with pytest.raises(UserError) as caught:
        parse(content)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def test_all_groups_have_it_unless_it_names_some() -> None:
    parsed: Study = parse(study())
    assert all(parsed.controls_of(group) == ["fixed"] for group in parsed.groups)
    parsed = parse(study(groups=["H-OV"]))
    assert [g for g in parsed.groups if parsed.controls_of(g)] == ["H-OV"]


def test_an_epsilon_may_be_a_division() -> None:
    control: Any = parse(study(epsilon=["4/255", "8/255"])).controls["fixed"]
    assert control.epsilon == [4 / 255, 8 / 255]
    assert (control.epochs, control.batch, control.images) == (5, 32, "all")


@pytest.mark.parametrize(
    ("control", "message"),
    [
        ({"epsilon": [0.03, 0.01]}, "must be amplitudes above 0 in rising order, without repeats"),
        ({"epsilon": [0.01, 0.01]}, "must be amplitudes above 0 in rising order, without repeats"),
        ({"epsilon": []}, "controls.fixed.epsilon"),
        ({"epsilon": [0.5, 1.5]}, "controls.fixed.epsilon"),
        ({"epsilon": [0]}, "controls.fixed.epsilon"),
        ({"epochs": 0}, "controls.fixed.epochs"),
        ({"batch": 0}, "controls.fixed.batch"),
        ({"severities": [1]}, "controls.fixed.severities: unknown key"),
        ({"groups": ["X-TBC"]}, "'X-TBC' is not a group of this study, did you mean 'X-TB'?"),
    ],
)
def test_mistakes_are_told_at_their_field(control: dict[str, Any], message: str) -> None:
    (line,) = mistakes(study(**control))
    assert line.startswith("controls.fixed.")
    assert message in line


def test_a_group_without_training_images_has_none() -> None:
    """Its network is a file, so all of its images validate it."""
    content = study()
    content["training_size"] = None
    group = content["groups"]["X-TB"]
    group["classes"]["C1"].pop("augment_to")
    group["network"] = {"file": "theirs.onnx", "classes": ["C1", "C2"]}
    lines = mistakes(content)
    assert lines == [
        "controls.fixed: is learned on training images, of which group X-TB has none, because "
        "groups.X-TB.network uses all of its images for validation; name other groups under "
        "'groups', or leave the control out"
    ]
    content["controls"]["fixed"]["groups"] = ["X-AO", "H-OV"]
    parse(content)
    content["controls"]["fixed"]["groups"] = ["X-TB"]
    assert mistakes(content) == lines


def test_a_control_and_an_attack_share_no_name() -> None:
    content = study()
    content["controls"] = {"noise": UNIVERSAL}
    assert mistakes(content) == ["controls.noise: an attack has the same name; choose another"]
